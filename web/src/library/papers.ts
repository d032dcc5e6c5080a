import { defineStore } from 'pinia'
import { computed, ref } from 'vue'
import { api, ok } from '@/api/client'
import type { components } from '@/api/schema'
import { followDeletion } from '@/composables/account'

export type Paper = components['schemas']['VaultDocument']
export type Changes = components['schemas']['VaultChanges']
export type Status = Paper['status']

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
    if (have && have.version === paper.version && have.status === paper.status) return have
    known.set(paper.id, paper)
    if (moving.has(paper.status)) onTheirWay.add(paper.id)
    else onTheirWay.delete(paper.id)
    changes.value++
    return paper
  }

  function forget(id: string) {
    known.delete(id)
    onTheirWay.delete(id)
    changes.value++
  }

  const listeners = new Set<(paper: Paper) => void>()

  /** Calls back for each paper that came or changed; the answer ends it. */
  function onAdded(listener: (paper: Paper) => void) {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }

  /** Takes a paper in that lists may not have yet. */
  function add(paper: Paper) {
    put(paper)
    for (const each of listeners) each(paper)
  }

  function get(id: string): Paper | undefined {
    return changes.value >= 0 ? known.get(id) : undefined
  }

  const anyMoving = computed(() => changes.value >= 0 && onTheirWay.size > 0)

  async function read(id: string): Promise<Paper> {
    return put(await ok(api.GET('/v1/documents/{id}', { params: { path: { id } } })))
  }

  /** Changes a paper as it was seen; another change in between is a precondition_failed. */
  async function change(paper: Paper, changes: Changes): Promise<Paper> {
    const params = { path: { id: paper.id }, header: { 'If-Match': `"${paper.version}"` } }
    return put(await ok(api.PATCH('/v1/documents/{id}', { params, body: changes })))
  }

  async function trash(id: string) {
    await ok(api.DELETE('/v1/documents/{id}', { params: { path: { id } } }))
    await read(id).catch(() => forget(id))
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

  return { changes, anyMoving, get, put, add, forget, onAdded, read, change, trash, restore, destroy, reprocess }
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

/** Runs one thing for each of many, some at a time, and says how many went wrong with the first problem. */
export async function forEach<T>(items: readonly T[], run: (item: T) => Promise<unknown>, atOnce = 4) {
  let next = 0
  let done = 0
  let first: unknown
  await Promise.all(
    Array.from({ length: Math.min(atOnce, items.length) }, async () => {
      while (next < items.length) {
        const item = items[next++] as T
        try {
          await run(item)
          done++
        } catch (thrown) {
          first ??= thrown
        }
      }
    }),
  )
  return { done, failed: items.length - done, first }
}
