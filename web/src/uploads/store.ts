import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowReactive } from 'vue'
import { api, isCode, ok } from '@/api/client'
import { asProblem, Problem, problemIn } from '@/api/problem'
import type { components } from '@/api/schema'
import { refreshAccount } from '@/composables/account'
import { useFolders } from '@/library/folders'
import { usePapers, type Paper } from '@/library/papers'
import { useSummary } from '@/library/summary'
import type { Picked } from './pick'
import { makeSpeed } from './speed'

type Begun = components['schemas']['UploadBegun']

/**
 * waiting, hashing, beginning, sending, completing: on its way. open: begun
 * earlier, here or elsewhere, and its file is to be chosen again. duplicate:
 * these bytes are here already, and its owner decides.
 */
export type State =
  | 'waiting'
  | 'hashing'
  | 'beginning'
  | 'sending'
  | 'completing'
  | 'done'
  | 'failed'
  | 'duplicate'
  | 'open'

export interface Upload {
  key: number
  name: string
  path: string
  /** The folder that was open when it was added; empty for none. */
  folder: string
  size: number
  state: State
  paused: boolean
  /** Bytes that were read for the hash, and that were sent. */
  read: number
  sent: number
  document: string
  sha256: string
  allowDuplicate: boolean
  /** The paper that has these bytes. */
  twin?: { id: string; name: string; trashed: boolean }
  problem?: Problem
}

/** In place of the bytes of what is done. */
const nothing = new File([], '')

const active: ReadonlySet<State> = new Set(['waiting', 'hashing', 'beginning', 'sending', 'completing'])

/** Begins in one request: as many as the API takes, or about as many bytes as pass in the life of a URL on a slow line. */
const batchMost = 100
const batchBytes = 64 * 1024 * 1024
/** When so few are on their way, the next are begun. */
const refill = 12
/** Milliseconds after which a batch begins with what it has, when nothing else is on its way. */
const patience = 250

/** What a file costs beside its bytes, counted as bytes: a thousand small ones are work too. */
const perFile = 256 * 1024
const effort = (bytes: number, files: number) => bytes + files * perFile

/** An outage passes, and what it ended is tried again by itself: after so many seconds, then twice as many, and when the line is back. */
export const passes = ({ code, status }: Problem) =>
  code === 'network' || code === 'unavailable' || code === 'deadline_exceeded' || (code === 'storage' && status >= 500)
const firstWait = 5
const lastWait = 60

let last = 0

export const useUploads = defineStore('uploads', () => {
  const list = shallowReactive<Upload[]>([])
  const shown = ref(false)
  const folder = ref('')
  const perSecond = ref(0)
  const files = new Map<number, File>()
  const speed = makeSpeed()
  const papers = usePapers()
  // The uploader is a chunk of its own, fetched when there is something to send.
  const engine = () => import('./engine')

  // Counts of the list are kept as it changes: a thousand files report a
  // thousand times each, and nobody counts them anew for that.
  const tally = reactive({ going: 0, paused: 0, total: 0, sent: 0, done: 0, failed: 0, duplicate: 0, open: 0 })
  const changes = ref(0)
  /** Work of this run that is done already; a run ends when nothing is on its way. */
  const behind = ref(0)
  const workPerSecond = ref(0)
  const pace = makeSpeed()
  let busy = 0
  let passed = 0
  let worked = 0

  function count(u: Upload, sign: 1 | -1) {
    if (u.state === 'sending' || u.state === 'completing') busy += sign
    if (active.has(u.state)) {
      tally.going += sign
      tally.total += sign * u.size
      tally.sent += sign * u.sent
      if (u.paused) tally.paused += sign
    } else {
      tally[u.state as 'done' | 'failed' | 'duplicate' | 'open'] += sign
    }
  }

  /** Every change of what is counted goes through here. */
  function set(u: Upload, fields: Partial<Upload>) {
    const listed = files.has(u.key) || u.state === 'open'
    if (listed) count(u, -1)
    if (fields.state && fields.state !== u.state) changes.value++
    if (fields.sent !== undefined && fields.sent > u.sent) {
      passed += fields.sent - u.sent
      worked += fields.sent - u.sent
    }
    if (fields.state === 'done' && u.state !== 'done') {
      behind.value += effort(u.size, 1)
      worked += perFile
    }
    Object.assign(u, fields)
    if (listed) count(u, 1)
  }

  const going = computed(() => tally.going)
  const total = computed(() => tally.total)
  const sent = computed(() => tally.sent)
  const troubled = computed(() => tally.failed + tally.duplicate + tally.open)
  const secondsLeft = computed(() => (workPerSecond.value > 0 ? effort(total.value - sent.value, going.value) / workPerSecond.value : 0))
  /** From 0 to 1: how far this run is. */
  const share = computed(() => {
    const all = behind.value + effort(total.value, going.value)
    return all > 0 ? (behind.value + sent.value) / all : 0
  })
  const allPaused = computed(() => tally.going > 0 && tally.paused === tally.going)

  function make(fields: Partial<Upload> & Pick<Upload, 'name' | 'size' | 'state'>): Upload {
    return reactive<Upload>({
      key: ++last,
      path: '',
      folder: '',
      paused: false,
      read: 0,
      sent: 0,
      document: '',
      sha256: '',
      allowDuplicate: false,
      ...fields,
    })
  }

  function add(chosen: readonly Picked[]) {
    if (chosen.length === 0) return
    if (tally.going === 0) behind.value = 0
    shown.value = true
    const added = chosen.map(({ file, path }) => {
      if (tally.open > 0) {
        // An open upload of the same name and size is this one, most likely: the hash decides.
        const open = list.find((u) => u.state === 'open' && u.name === file.name.normalize('NFC') && u.size === file.size)
        if (open) remove(open)
      }
      const upload = make({ name: file.name, path, folder: folder.value, size: file.size, state: 'waiting' })
      files.set(upload.key, file)
      count(upload, 1)
      return upload
    })
    for (const upload of added) {
      list.push(upload)
      queue.push(upload)
    }
    changes.value++
    void work()
  }

  // Those that wait, in order; what was taken off the list or paused is skipped.
  let queue: Upload[] = []
  let working = false
  const isHere = (u: Upload) => files.has(u.key)

  /** Reads and begins what waits, as long as there is room to send. */
  async function work() {
    if (working) return
    working = true
    try {
      while (busy < refill) {
        const batch = await gather()
        if (batch.length === 0) return
        await beginAll(batch)
      }
    } finally {
      working = false
    }
  }

  function next(): Upload | undefined {
    for (let at = 0; at < queue.length; at++) {
      const upload = queue[at] as Upload
      if (isHere(upload) && upload.state === 'waiting' && !upload.paused) {
        queue = queue.slice(at + 1)
        return upload
      }
    }
    queue = []
    return undefined
  }

  /** Hashes the next ones, for one request. */
  async function gather(): Promise<Upload[]> {
    const batch: Upload[] = []
    const since = performance.now()
    for (let bytes = 0; batch.length < batchMost && bytes < batchBytes; ) {
      if (batch.length > 0 && busy === 0 && performance.now() - since > patience) break
      const upload = next()
      if (!upload) break
      if (!upload.sha256) {
        set(upload, { state: 'hashing' })
        try {
          const { sha256 } = await import('./hash')
          const hash = await sha256(files.get(upload.key) as File, (read) => (upload.read = read))
          set(upload, { sha256: hash })
        } catch (thrown) {
          failed(upload, asProblem(thrown))
          continue
        }
      }
      if (!isHere(upload)) continue
      if (upload.paused) {
        set(upload, { state: 'waiting' })
        continue
      }
      set(upload, { state: 'beginning' })
      batch.push(upload)
      bytes += upload.size
    }
    return batch
  }

  function request(upload: Upload) {
    const file = files.get(upload.key) as File
    return {
      filename: file.name,
      size: file.size,
      content_type: file.type || 'application/octet-stream',
      sha256: upload.sha256,
      original_modified_at: new Date(file.lastModified).toISOString(),
      ...(upload.path && { path: upload.path }),
      ...(upload.folder && { folder_id: upload.folder }),
      ...(upload.allowDuplicate && { allow_duplicate: true }),
    }
  }

  const begin = (upload: Upload): Promise<Begun> => ok(api.POST('/v1/uploads', { body: request(upload) }))

  async function beginAll(batch: Upload[]) {
    try {
      if (batch.length === 1) {
        const [upload] = batch as [Upload]
        await begun(upload, await begin(upload))
      } else {
        const { items } = await ok(api.POST('/v1/uploads/batch', { body: { uploads: batch.map(request) } }))
        for (const [at, upload] of batch.entries()) {
          const item = items[at]
          if (item?.document && item.upload) await begun(upload, { document: item.document, upload: item.upload })
          else refused(upload, item?.problem ? problemIn(item.problem) : new Problem('internal', 0, ''))
        }
      }
    } catch (thrown) {
      for (const upload of batch) if (upload.state === 'beginning') refused(upload, asProblem(thrown))
    }
    void refreshAccount()
  }

  async function begun(upload: Upload, { document, upload: instructions }: Begun) {
    if (!isHere(upload)) return void cancelAtVault(document.id)
    set(upload, { document: document.id })
    wait = firstWait
    forgetOpen(document.id, upload)
    if (document.status !== 'pending') return settled(upload, document)
    set(upload, { state: 'sending', sent: 0 })
    const { transfer, setPaused } = await engine()
    transfer(document.id, files.get(upload.key) as File, instructions, async () => (await begin(upload)).upload, {
      onProgress: (bytes) => set(upload, { sent: Math.min(bytes, upload.size) }),
      onDone: () => void complete(upload),
      onFailed: (problem) => failed(upload, problem),
    })
    if (upload.paused) setPaused(document.id, true)
  }

  function refused(upload: Upload, problem: Problem) {
    if (problem.code !== 'duplicate_document') return failed(upload, problem)
    set(upload, {
      state: 'duplicate',
      twin: { id: problem.text('document_id'), name: problem.text('filename'), trashed: problem.fields['trashed'] === true },
    })
  }

  async function complete(upload: Upload) {
    set(upload, { state: 'completing', sent: upload.size })
    try {
      const { document } = await ok(api.POST('/v1/uploads/{id}/complete', { params: { path: { id: upload.document } } }))
      settled(upload, document)
    } catch (thrown) {
      failed(upload, asProblem(thrown))
    }
  }

  function settled(upload: Upload, paper: Paper) {
    if (!isHere(upload)) return
    set(upload, { state: 'done', sent: upload.size })
    files.set(upload.key, nothing) // the bytes may go
    papers.put(paper)
    if (paper.folder_id && !useFolders().get(paper.folder_id)) useFolders().load().catch(() => undefined)
    useSummary().load().catch(() => undefined)
    void refreshAccount()
    void work()
  }

  // What an outage ended goes on by itself.
  let wait = firstWait
  let waiting: ReturnType<typeof setTimeout> | undefined

  function failed(upload: Upload, problem: Problem) {
    set(upload, { state: 'failed', problem })
    if (passes(problem)) {
      waiting ??= setTimeout(retryPassing, wait * 1000)
    }
    void work()
  }

  function retryPassing() {
    clearTimeout(waiting)
    waiting = undefined
    wait = Math.min(lastWait, wait * 2)
    for (const upload of list.slice()) {
      if (upload.state === 'failed' && upload.problem && passes(upload.problem)) retry(upload)
    }
  }
  window.addEventListener('online', retryPassing)

  function cancelAtVault(document: string) {
    return ok(api.DELETE('/v1/uploads/{id}', { params: { path: { id: document } } }))
      .catch(() => undefined) // it ends by itself when its time is over
      .then(refreshAccount)
  }

  function remove(upload: Upload) {
    const at = list.indexOf(upload)
    if (at < 0) return
    count(upload, -1)
    list.splice(at, 1)
    files.delete(upload.key)
    changes.value++
  }

  /** Takes an upload off the list; one that was begun is ended at the vault too. */
  async function cancel(upload: Upload) {
    const open = upload.state !== 'done' && upload.state !== 'duplicate' ? upload.document : ''
    const sending = upload.state !== 'open'
    remove(upload)
    if (open) {
      if (sending) (await engine()).stop(open)
      await cancelAtVault(open)
    }
    void work()
  }

  /** Cancels what is on its way, and leaves what has arrived. */
  async function cancelAll() {
    await Promise.all(list.filter((u) => active.has(u.state) && u.state !== 'completing').map(cancel))
  }

  function retry(upload: Upload) {
    delete upload.problem
    set(upload, { state: 'waiting', paused: false })
    queue.push(upload)
    void work()
  }

  function retryAll() {
    for (const upload of list.slice()) if (upload.state === 'failed') retry(upload)
  }

  function keepBoth(upload: Upload) {
    upload.allowDuplicate = true
    retry(upload)
  }

  async function setPaused(upload: Upload, paused: boolean) {
    if (upload.paused === paused) return
    set(upload, { paused })
    if (upload.state === 'sending') (await engine()).setPaused(upload.document, paused)
    else if (!paused && upload.state === 'waiting') {
      queue.push(upload)
      void work()
    }
  }

  async function pauseAll(paused: boolean) {
    for (const upload of list.slice()) if (active.has(upload.state)) await setPaused(upload, paused)
  }

  function forgetOpen(document: string, except: Upload) {
    if (tally.open === 0) return
    const open = list.find((u) => u !== except && u.state === 'open' && u.document === document)
    if (open) remove(open)
  }

  /** Shows uploads that were begun and not completed, here before a reload or elsewhere. */
  async function findOpen() {
    try {
      const { items } = await ok(api.GET('/v1/documents', { params: { query: { status: ['pending'], limit: 50 } } }))
      for (const paper of items) {
        if (list.some((u) => u.document === paper.id)) continue
        const sent = await arrived(paper)
        if (sent === undefined || list.some((u) => u.document === paper.id)) continue
        const upload = make({ name: paper.filename, size: paper.size, state: 'open', document: paper.id, sent })
        count(upload, 1)
        list.push(upload)
        changes.value++
        shown.value = true
      }
    } catch {
      // the list of papers shows what is wrong
    }
  }

  /** Bytes that storage has; undefined when all have arrived and are being checked. */
  async function arrived(paper: Paper): Promise<number | undefined> {
    try {
      const { parts } = await ok(api.GET('/v1/uploads/{id}/parts', { params: { path: { id: paper.id } } }))
      return parts.reduce((n, part) => n + part.size, 0)
    } catch (thrown) {
      // One that is sent in one request has no parts: nothing of it is there.
      return isCode(thrown, 'wrong_state') && paper.size <= 64 * 1024 * 1024 ? 0 : undefined
    }
  }

  function clearDone() {
    for (const upload of list.filter((u) => u.state === 'done')) remove(upload)
    if (list.length === 0) shown.value = false
  }

  setInterval(() => {
    if (tally.going === 0) {
      speed.reset()
      pace.reset()
      perSecond.value = workPerSecond.value = 0
      return
    }
    speed.add(passed)
    pace.add(worked)
    perSecond.value = speed.perSecond
    workPerSecond.value = pace.perSecond
  }, 500)

  return {
    list,
    shown,
    folder,
    tally,
    changes,
    going,
    troubled,
    total,
    sent,
    perSecond,
    secondsLeft,
    share,
    allPaused,
    add,
    cancel,
    cancelAll,
    retry,
    retryAll,
    keepBoth,
    setPaused,
    pauseAll,
    findOpen,
    clearDone,
    remove,
  }
})
