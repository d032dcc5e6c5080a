import { onScopeDispose, ref, shallowRef, toValue, watch, type MaybeRefOrGetter } from 'vue'
import { api, ok } from '@/api/client'
import { asProblem, type Problem } from '@/api/problem'
import type { operations } from '@/api/schema'
import { nameOf, usePapers, type Paper, type Status } from './papers'

export type Sort = NonNullable<NonNullable<operations['documents-list']['parameters']['query']>['sort']>

export interface Filter {
  status: Status[]
  topic: string
  tag: string
  folder: string
  /** 0 for all. */
  year: number
  sort: Sort
}

/** Rows of a page: few at first, so that something is seen soon. */
const firstPage = 60
const nextPage = 200

const outsideTheTrash: Status[] = ['stored', 'processing', 'ready', 'failed']

const yearOf = (paper: Paper) => Number((paper.document_date ?? paper.created_at).slice(0, 4))

/** Whether a list of this filter has a paper. */
export function fits(filter: Filter, paper: Paper): boolean {
  return (
    (filter.status.length > 0 ? filter.status : outsideTheTrash).includes(paper.status) &&
    (!filter.topic || paper.topic === filter.topic) &&
    (!filter.tag || paper.tags.includes(filter.tag)) &&
    (!filter.folder || paper.folder_id === filter.folder) &&
    (!filter.year || yearOf(paper) === filter.year)
  )
}

const placeOf: Record<string, (paper: Paper) => number> = {
  created_at: (p) => Date.parse(p.created_at),
  updated_at: (p) => Date.parse(p.updated_at),
  trashed_at: (p) => Date.parse(p.trashed_at ?? p.created_at),
  document_date: (p) => (p.document_date ? Date.parse(p.document_date) : -Infinity),
  size: (p) => p.size,
}

/** Below 0 when a comes before b, much as the API sorts them. */
export function compare(sort: Sort, a: Paper, b: Paper): number {
  const name = sort.replace('-', '')
  const place = placeOf[name]
  const order = place
    ? place(a) === place(b)
      ? a.id < b.id
        ? -1
        : Number(a.id > b.id)
      : place(a) - place(b)
    : nameOf(a).localeCompare(nameOf(b), undefined, { numeric: true, sensitivity: 'base' })
  return sort.startsWith('-') ? -order : order
}

/**
 * A list of papers that is read page by page as it is scrolled, by keyset: a
 * page costs the same at the end of 100,000 rows as at the beginning. It holds
 * ids, and what changes costs as much as what changed. That comes by
 * src/library/live.ts. Without a filter it waits for one.
 */
export function usePaperList(filter: MaybeRefOrGetter<Filter | undefined>) {
  const papers = usePapers()
  const ids = shallowRef<string[]>([])
  const ended = ref(false)
  const pending = ref(false)
  const problem = shallowRef<Problem>()
  let have = new Set<string>()
  let cursor: string | undefined
  let turn = 0

  async function more() {
    const now = toValue(filter)
    if (pending.value || ended.value || !now) return
    const mine = turn
    pending.value = true
    problem.value = undefined
    try {
      const { status, topic, tag, folder, year, sort } = now
      const query = {
        sort,
        limit: ids.value.length === 0 ? firstPage : nextPage,
        ...(status.length > 0 && { status }),
        ...(topic && { topic }),
        ...(tag && { tag }),
        ...(folder && { folder_id: folder }),
        ...(year && { year }),
        ...(cursor && { cursor }),
      }
      const page = await ok(api.GET('/v1/documents', { params: { query } }))
      if (mine !== turn) return
      for (const item of page.items) papers.put(item)
      // What was known in a later version may not be of this list any more.
      const added = page.items.filter((p) => !have.has(p.id) && fits(now, papers.get(p.id) ?? p)).map((p) => p.id)
      for (const id of added) have.add(id)
      if (added.length > 0) ids.value = ids.value.concat(added)
      cursor = page.next_cursor
      ended.value = !cursor
    } catch (thrown) {
      if (mine === turn) problem.value = asProblem(thrown)
    } finally {
      if (mine === turn) pending.value = false
    }
  }

  /** Reads the list anew. */
  async function again() {
    turn++
    pending.value = false
    ended.value = false
    cursor = undefined
    have = new Set()
    ids.value = []
    await more()
  }

  /** Where a paper belongs among those that are here. */
  function placeFor(sort: Sort, paper: Paper, among: readonly string[]): number {
    let low = 0
    let high = among.length
    while (low < high) {
      const middle = (low + high) >> 1
      const there = papers.get(among[middle] ?? '')
      if (there && compare(sort, there, paper) < 0) low = middle + 1
      else high = middle
    }
    return low
  }

  /** Takes in what belongs here, and out what does no longer. */
  function follow(changed: readonly string[]) {
    const now = toValue(filter)
    if (!now) return
    const out = new Set<string>()
    const into: Paper[] = []
    for (const id of changed) {
      const paper = papers.get(id)
      const belongs = paper !== undefined && fits(now, paper)
      if (have.has(id) && !belongs) out.add(id)
      else if (!have.has(id) && belongs) into.push(paper)
    }
    if (out.size === 0 && into.length === 0) return
    const next = out.size > 0 ? ids.value.filter((id) => !out.has(id)) : ids.value.slice()
    for (const id of out) have.delete(id)
    for (const paper of into) {
      if (have.has(paper.id)) continue
      const at = placeFor(now.sort, paper, next)
      // What comes after all that was read comes with its page.
      if (at === next.length && !ended.value) continue
      next.splice(at, 0, paper.id)
      have.add(paper.id)
    }
    ids.value = next
  }

  // What is uploaded or changed, here or elsewhere, comes by itself. A page that
  // is being read has it.
  const unhear = papers.onChanged((changed) => {
    if (ids.value.length > 0 || ended.value) follow(changed)
  })
  onScopeDispose(() => {
    unhear()
    turn++
  })

  watch(() => JSON.stringify(toValue(filter)), again, { immediate: true })

  return { ids, pending, problem, ended, more, again }
}
