import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, ok } from '@/api/client'
import { asProblem } from '@/api/problem'
import type { components } from '@/api/schema'
import { followDeletion } from '@/composables/account'
import { newer } from './pictures'

export type Paper = components['schemas']['VaultDocument']
export type Changes = components['schemas']['VaultChanges']
export type Status = Paper['status']
export type Bulk = Omit<components['schemas']['DocumentsBulkInputBody'], 'ids'>
export type Outcome = components['schemas']['DocumentsBulkResult']

/** How many the API takes in one request. */
const bulkMost = 500
const readMost = 100

/** On their way: a status that will become another one without anybody doing anything. */
const moving: ReadonlySet<Status> = new Set(['pending', 'stored', 'processing', 'purging'])

/** What a paper is called: its title, or the name it came with. */
export const nameOf = (paper: Paper) => paper.title || paper.filename

/**
 * The papers that the page knows, each once: lists hold ids, so that a change
 * is seen in all of them.
 */
export const usePapers = defineStore('papers', () => {
  // A plain map and one count of changes: a reactive map would track each of
  // 100,000 keys whenever a list is computed.
  const known = new Map<string, Paper>()
  const onTheirWay = new Set<string>()
  const changes = ref(0)

  /** Takes a paper in, unless a newer one is known. */
  function put(paper: Paper): Paper {
    const have = known.get(paper.id)
    if (have && have.version > paper.version) return have
    const preview = newer(have?.preview, paper.preview)
    if (have && have.version === paper.version && have.status === paper.status && have.preview?.url === preview?.url) return have
    if (preview && preview !== paper.preview) paper = { ...paper, preview }
    known.set(paper.id, paper)
    if (moving.has(paper.status)) onTheirWay.add(paper.id)
    else onTheirWay.delete(paper.id)
    changes.value++
    tell(paper.id)
    return paper
  }

  function forget(id: string) {
    known.delete(id)
    onTheirWay.delete(id)
    changes.value++
    tell(id)
  }

  const listeners = new Set<(ids: readonly string[]) => void>()
  let untold: string[] = []

  // A thousand changes in one turn are told as one.
  function tell(id: string) {
    if (untold.push(id) > 1) return
    queueMicrotask(() => {
      const ids = untold
      untold = []
      for (const each of listeners) each(ids)
    })
  }

  /** Calls back with the ids of papers that came, changed or went; the answer ends it. */
  function onChanged(listener: (ids: readonly string[]) => void) {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  function get(id: string): Paper | undefined {
    return changes.value >= 0 ? known.get(id) : undefined
  }

  const anyMoving = computed(() => changes.value >= 0 && onTheirWay.size > 0)

  async function read(id: string): Promise<Paper> {
    return put(await ok(api.GET('/v1/documents/{id}', { params: { path: { id } } })))
  }

  /** Reads many at once, and forgets those that are gone. */
  async function readMany(ids: readonly string[]) {
    for (let at = 0; at < ids.length; at += readMost) {
      const some = ids.slice(at, at + readMost)
      const { items } = await ok(api.GET('/v1/documents', { params: { query: { id: some, limit: readMost } } }))
      const found = new Set(items.map((paper) => paper.id))
      for (const paper of items) put(paper)
      for (const id of some) if (!found.has(id)) forget(id)
    }
  }

  /**
   * Does one thing to many: a request for every 500, and a result for each. What
   * a lost connection kept from being asked for has its code as well.
   */
  async function bulk(ids: readonly string[], what: Bulk): Promise<Outcome[]> {
    const outcomes: Outcome[] = []
    try {
      for (let at = 0; at < ids.length; at += bulkMost) {
        const { items } = await ok(api.POST('/v1/documents/bulk', { body: { ...what, ids: ids.slice(at, at + bulkMost) } }))
        outcomes.push(...items)
      }
    } catch (thrown) {
      if (outcomes.length === 0) throw thrown
      const { code } = asProblem(thrown)
      outcomes.push(...ids.slice(outcomes.length).map((id) => ({ id, ok: false, code })))
    }
    if (what.action === 'purge') followDeletion()
    const gone = (each: Outcome) => each.code === 'not_found' || (what.action === 'purge' && each.ok)
    for (const each of outcomes) if (gone(each)) forget(each.id)
    // What is shown follows; that it could not be read is no failure of what was done.
    await readMany(outcomes.filter((each) => !gone(each)).map((each) => each.id)).catch(() => undefined)
    return outcomes
  }

  /** Gives papers the new names of topics and tags, or takes those that are gone: no version of a paper changes by it. */
  function relabel(topics: ReadonlyMap<string, string | undefined>, tags: ReadonlyMap<string, string | undefined>) {
    if (topics.size + tags.size === 0) return
    for (const paper of known.values()) {
      const topic = paper.topic !== undefined && topics.has(paper.topic)
      if (!topic && !paper.tags.some((tag) => tags.has(tag))) continue
      const now = { ...paper, tags: paper.tags.flatMap((tag) => (tags.has(tag) ? (tags.get(tag) ?? []) : tag)) }
      if (topic) {
        const name = topics.get(paper.topic ?? '')
        if (name === undefined) delete now.topic
        else now.topic = name
      }
      known.set(paper.id, now)
      changes.value++
      tell(paper.id)
    }
  }

  /** Changes a paper as it was seen; another change in between is a precondition_failed. */
  async function change(paper: Paper, changes: Changes): Promise<Paper> {
    const params = { path: { id: paper.id }, header: { 'If-Match': `"${paper.version}"` } }
    return put(await ok(api.PATCH('/v1/documents/{id}', { params, body: changes })))
  }

  async function restore(id: string) {
    put(await ok(api.POST('/v1/documents/{id}/restore', { params: { path: { id } } })))
  }

  async function destroy(id: string) {
    await ok(api.DELETE('/v1/documents/{id}', { params: { path: { id }, query: { permanent: true } } }))
    forget(id)
    followDeletion()
  }

  async function reprocess(id: string) {
    await ok(api.POST('/v1/documents/{id}/reprocess', { params: { path: { id } } }))
    await read(id)
  }

  return { changes, anyMoving, get, put, forget, onChanged, read, readMany, bulk, relabel, change, restore, destroy, reprocess }
})

/** Saves a paper's bytes as a file, straight from storage. */
export async function download(id: string) {
  const { url } = await ok(api.GET('/v1/documents/{id}/download', { params: { path: { id } } }))
  const anchor = document.createElement('a')
  anchor.href = url
  anchor.rel = 'noopener'
  anchor.download = ''
  anchor.click()
}
