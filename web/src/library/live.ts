import { defineStore } from 'pinia'
import { ref } from 'vue'
import { api, isCode, ok } from '@/api/client'
import { refreshAccount } from '@/composables/account'
import { useAlerts } from '@/settings/alerts'
import { useFolders } from './folders'
import { usePapers } from './papers'
import { useSummary } from './summary'

/** Milliseconds between looks while something moves, and while nothing does. */
const soon = 2000
const seldom = 30_000

/**
 * What changes without this page doing it: the analysis, another tab, another
 * device. One question for everything, every 2 seconds while something is on
 * its way and seldom otherwise, and none while nobody looks.
 */
export const useLive = defineStore('live', () => {
  const papers = usePapers()
  const folders = useFolders()
  const summary = useSummary()
  const alerts = useAlerts()
  const moving = ref(false)
  let cursor: string | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let looking: Promise<void> | undefined

  async function take(since: string | undefined): Promise<boolean> {
    const page = await ok(api.GET('/v1/changes', { params: { query: since ? { since } : {} } }))
    cursor = page.next_cursor
    moving.value = page.moving
    const about = (kind: string) => page.items.some((c) => c.kind === kind)
    for (const c of page.items) if (c.kind === 'document' && c.op === 'deleted') papers.forget(c.id)
    await papers.readMany(page.items.flatMap((c) => (c.kind === 'document' && c.op !== 'deleted' ? [c.id] : [])))
    if (about('folder')) await folders.load()
    if (about('topic') || about('tag')) await summary.loadNames()
    // Counts may come a moment later.
    if (about('document') || about('topic') || about('tag')) summary.load().catch(() => undefined)
    if (about('alert') || !since) void alerts.load()
    if (about('quota') || about('document')) void refreshAccount()
    return page.more
  }

  /** Looks now; callers share one look. */
  function look(): Promise<void> {
    return (looking ??= (async () => {
      try {
        while (await take(cursor));
      } catch (thrown) {
        // Begin again; else the next look tries again.
        if (isCode(thrown, 'cursor_expired') || isCode(thrown, 'cursor_invalid')) cursor = undefined
      } finally {
        looking = undefined
      }
    })())
  }

  function wait() {
    clearTimeout(timer)
    timer = setTimeout(
      async () => {
        if (document.visibilityState === 'visible') await look()
        wait()
      },
      moving.value || papers.anyMoving ? soon : seldom,
    )
  }

  const wake = () => {
    if (document.visibilityState === 'visible') void look().then(wait)
  }

  /** Begins, and returns what ends it. */
  function start(): () => void {
    wake()
    document.addEventListener('visibilitychange', wake)
    // Whoever comes back from a terminal beside the page never left it out of view.
    window.addEventListener('focus', wake)
    return () => {
      clearTimeout(timer)
      document.removeEventListener('visibilitychange', wake)
      window.removeEventListener('focus', wake)
    }
  }

  return { start, look, wait }
})
