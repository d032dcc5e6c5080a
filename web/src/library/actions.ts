import { asProblem } from '@/api/problem'
import { refreshAccount } from '@/composables/account'
import { useAsk } from '@/composables/ask'
import { useNotices } from '@/composables/notices'
import { useWords } from '@/i18n/words'
import { useFolders } from './folders'
import { nameOf, usePapers, type Bulk, type Outcome } from './papers'
import { useSummary } from './summary'

/** Codes of a result that have their own words. */
const reasons = ['not_found', 'wrong_state', 'limit_reached', 'network'] as const

/** What is done to one paper or many, and how it is told. */
export function usePaperActions() {
  const papers = usePapers()
  const folders = useFolders()
  const summary = useSummary()
  const notices = useNotices()
  const ask = useAsk()
  const { t, number } = useWords()

  /** Says what went, and of what did not: how many, and why. */
  function tell(outcomes: readonly Outcome[], said: (n: number) => string, undo?: () => void) {
    const done = outcomes.filter((each) => each.ok).length
    const failed = outcomes.length - done
    const parts = done > 0 ? [said(done)] : []
    if (failed > 0) {
      const why = [...new Set(outcomes.flatMap((each) => (each.ok ? [] : [reasons.find((r) => r === each.code) ?? 'other'])))]
      parts.push(t('library.bulkFailed', { n: number(failed), why: why.map((each) => t(`library.why_${each}`)).join('; ') }, failed))
    }
    notices.say(parts.join(' '), undo && done > 0 ? { label: t('app.undo'), run: undo } : undefined)
  }

  async function run(ids: readonly string[], what: Bulk, said: (n: number) => string, undo?: (done: string[]) => void) {
    if (ids.length === 0) return
    try {
      const outcomes = await papers.bulk(ids, what)
      const done = outcomes.flatMap((each) => (each.ok ? [each.id] : []))
      tell(outcomes, said, undo && (() => undo(done)))
    } catch (thrown) {
      notices.failed(asProblem(thrown))
    }
    summary.load().catch(() => undefined)
    if (what.action === 'trash' || what.action === 'restore') folders.load().catch(() => undefined) // a folder may be back
    void refreshAccount()
  }

  const named = (ids: readonly string[]) => {
    const paper = papers.get(ids[0] ?? '')
    return paper ? nameOf(paper) : ''
  }
  const many = (key: string, ids: readonly string[]) => (n: number) =>
    ids.length === 1 && named(ids) ? t(`library.${key}`, { name: named(ids) }) : t(`library.${key}Many`, { n: number(n) }, n)

  function trash(ids: readonly string[]) {
    return run(ids, { action: 'trash' }, many('trashed', ids), (done) => void restore(done))
  }
  function restore(ids: readonly string[]) {
    return run(ids, { action: 'restore' }, many('restored', ids))
  }
  async function destroy(ids: readonly string[]) {
    const title = t('library.destroyTitle', { n: number(ids.length), name: named(ids) }, ids.length)
    if (!(await ask.sure({ title, words: t('library.destroyWords'), action: t('library.destroy'), bad: true }))) return
    await run(ids, { action: 'purge' }, (n) => t('library.destroyedMany', { n: number(n) }, n))
  }
  function reprocess(ids: readonly string[]) {
    return run(ids, { action: 'reprocess' }, (n) => t('library.readingAgain', { n: number(n) }, n))
  }

  /** Moves papers into a folder, or with null to the top; undoing puts each where it was. */
  async function move(ids: readonly string[], folder: string | null) {
    const before = new Map<string | null, string[]>()
    const moved = ids.filter((id) => {
      const from = papers.get(id)?.folder_id ?? null
      if (papers.get(id) && from === folder) return false
      before.set(from, [...(before.get(from) ?? []), id])
      return true
    })
    const name = folder ? (folders.get(folder)?.name ?? '') : t('nav.all')
    if (moved.length === 0) return notices.say(t('folders.movedNone', { name }))
    const into = (to: string | null): Bulk => (to ? { action: 'move', folder_id: to } : { action: 'move' })
    await run(moved, into(folder), (n) => t('folders.moved', { n: number(n), name }, n), async (done) => {
      const were = new Set(done)
      for (const [from, some] of before) {
        const back = from ? (folders.get(from)?.name ?? '') : t('nav.all')
        await run(some.filter((id) => were.has(id)), into(from), (n) => t('folders.moved', { n: number(n), name: back }, n))
      }
    })
  }

  async function giveTopic(ids: readonly string[]) {
    const topic = await ask.text({
      title: t('library.topicTitle', { n: number(ids.length) }, ids.length),
      label: t('paper.topic'),
      action: t('library.topicGive'),
      offers: summary.topics.map((each) => each.name),
    })
    if (topic === undefined) return
    await run(ids, { action: 'topic', topic }, (n) => t('library.topicGiven', { n: number(n), name: topic }, n))
  }

  async function addTags(ids: readonly string[]) {
    const text = await ask.text({
      title: t('library.tagsTitle', { n: number(ids.length) }, ids.length),
      label: t('paper.tags'),
      hint: t('paper.tagsHint'),
      action: t('library.tagsAdd'),
      maxLength: 1000,
      offers: summary.tags.map((each) => each.name),
    })
    const tags = tagsOf(text ?? '')
    if (tags.length === 0) return
    await run(ids, { action: 'add_tags', tags }, (n) => t('library.tagsAdded', { n: number(n), tags: tags.join(', ') }, n))
  }

  async function removeTags(ids: readonly string[]) {
    const there = [...new Set(ids.flatMap((id) => papers.get(id)?.tags ?? []))].sort((a, b) => a.localeCompare(b))
    if (there.length === 0) return notices.say(t('library.tagsNone'))
    const text = await ask.text({
      title: t('library.tagsRemoveTitle', { n: number(ids.length) }, ids.length),
      label: t('paper.tags'),
      hint: t('paper.tagsHint'),
      action: t('library.tagsRemove'),
      maxLength: 1000,
      value: there.length === 1 ? there[0] : '',
      offers: there,
    } as Parameters<typeof ask.text>[0])
    const tags = tagsOf(text ?? '')
    if (tags.length === 0) return
    await run(ids, { action: 'remove_tags', tags }, (n) => t('library.tagsRemoved', { n: number(n), tags: tags.join(', ') }, n))
  }

  return { trash, restore, destroy, reprocess, move, giveTopic, addTags, removeTags }
}

/** Tags as people write them: between commas, each once. */
export const tagsOf = (text: string) => [...new Set(text.split(',').map((tag) => tag.trim()).filter(Boolean))]
