import { computed, onScopeDispose, ref, shallowRef, toValue, watch, type MaybeRefOrGetter } from 'vue'
import { api, ok } from '@/api/client'
import { asProblem, type Problem } from '@/api/problem'
import type { operations } from '@/api/schema'
import { usePapers, type Paper, type Status } from './papers'

export type Sort = NonNullable<NonNullable<operations['documents-list']['parameters']['query']>['sort']>

export interface Filter {
  status: Status[]
  topic: string
  folder: string
  sort: Sort
}

/** Rows of a page: few at first, so that something is seen soon. */
const firstPage = 60
const nextPage = 200

const outsideTheTrash: Status[] = ['stored', 'processing', 'ready', 'failed']

/**
 * A list of papers that is read page by page as it is scrolled, by keyset: a
 * page costs the same at the end of 100,000 rows as at the beginning. What
 * changes meanwhile comes by src/library/live.ts.
 */
export function usePaperList(filter: MaybeRefOrGetter<Filter>) {
  const papers = usePapers()
  const ids = shallowRef<string[]>([])
  const ended = ref(false)
  const pending = ref(false)
  const problem = shallowRef<Problem>()
  let cursor: string | undefined
  let turn = 0

  async function more() {
    if (pending.value || ended.value) return
    const mine = turn
    pending.value = true
    problem.value = undefined
    try {
      const { status, topic, folder, sort } = toValue(filter)
      const limit = ids.value.length === 0 ? firstPage : nextPage
      const query = { sort, limit, ...(status.length > 0 && { status }), ...(topic && { topic }), ...(folder && { folder_id: folder }), ...(cursor && { cursor }) }
      const page = await ok(api.GET('/v1/documents', { params: { query } }))
      if (mine !== turn) return
      const have = new Set(ids.value)
      for (const item of page.items) papers.put(item)
      ids.value = [...ids.value, ...page.items.map((p) => p.id).filter((id) => !have.has(id))]
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
    ids.value = []
    await more()
  }

  const matches = (paper: Paper) => {
    const { status, topic, folder } = toValue(filter)
    return (
      (status.length > 0 ? status : outsideTheTrash).includes(paper.status) &&
      (!topic || paper.topic === topic) &&
      (!folder || paper.folder_id === folder)
    )
  }

  /** The rows that are (still) of this list. */
  const rows = computed(() =>
    ids.value.flatMap((id) => {
      const paper = papers.get(id)
      return paper && matches(paper) ? [paper] : []
    }),
  )

  /** Takes papers that belong into the list, where it is sorted by when they came. */
  function merge(items: readonly Paper[]) {
    if (toValue(filter).sort !== '-created_at') return
    const have = new Set(ids.value)
    const oldest = ids.value.length > 0 ? papers.get(ids.value.at(-1) as string)?.created_at : undefined
    const added = items.filter((p) => !have.has(p.id) && matches(p) && (ended.value || (oldest && p.created_at > oldest)))
    if (added.length === 0) return
    const at = (id: string) => papers.get(id)?.created_at ?? ''
    ids.value = [...ids.value, ...added.map((p) => p.id)].sort((a, b) => (at(a) < at(b) ? 1 : at(a) > at(b) ? -1 : 0))
  }

  // What is uploaded, here or elsewhere, comes by itself.
  const unhear = papers.onAdded((paper) => !pending.value && merge([paper]))
  onScopeDispose(() => {
    unhear()
    turn++
  })

  watch(() => JSON.stringify(toValue(filter)), again, { immediate: true })

  return { rows, pending, problem, ended, more, again }
}
