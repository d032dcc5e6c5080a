import { defineStore } from 'pinia'
import { computed, reactive, ref, shallowReactive } from 'vue'
import { api, isCode, ok } from '@/api/client'
import { asProblem, Problem } from '@/api/problem'
import type { components } from '@/api/schema'
import { refreshAccount } from '@/composables/account'
import { useFolders } from '@/library/folders'
import { usePapers, type Paper } from '@/library/papers'
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

const active: ReadonlySet<State> = new Set(['waiting', 'hashing', 'beginning', 'sending', 'completing'])

/** Uploads that were begun and whose bytes are on their way, at most, so that URLs do not grow old in a queue. */
const sendingAtOnce = 8

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

  const isActive = (u: Upload) => active.has(u.state)
  const going = computed(() => list.filter((u) => isActive(u)))
  const total = computed(() => going.value.reduce((n, u) => n + u.size, 0))
  const sent = computed(() => going.value.reduce((n, u) => n + u.sent, 0))
  const secondsLeft = computed(() => (perSecond.value > 0 ? (total.value - sent.value) / perSecond.value : 0))
  const allPaused = computed(() => going.value.length > 0 && going.value.every((u) => u.paused))

  function make(fields: Partial<Upload> & Pick<Upload, 'name' | 'size' | 'state'>): Upload {
    const upload = reactive<Upload>({
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
    list.push(upload)
    return upload
  }

  function add(chosen: readonly Picked[]) {
    if (chosen.length === 0) return
    shown.value = true
    for (const { file, path } of chosen) {
      // An open upload of the same name and size is this one, most likely: the hash decides.
      const open = list.findIndex((u) => u.state === 'open' && u.name === file.name.normalize('NFC') && u.size === file.size)
      if (open >= 0) list.splice(open, 1)
      const upload = make({ name: file.name, path, folder: folder.value, size: file.size, state: 'waiting' })
      files.set(upload.key, file)
    }
    void work()
  }

  let working = false

  /** Reads and begins one file after the other, as long as there is room to send. */
  async function work() {
    if (working) return
    working = true
    try {
      for (;;) {
        const busy = list.filter((u) => u.state === 'sending' || u.state === 'completing').length
        const next = list.find((u) => u.state === 'waiting' && !u.paused)
        if (!next || busy >= sendingAtOnce) return
        await prepare(next)
      }
    } finally {
      working = false
    }
  }

  async function prepare(upload: Upload) {
    const file = files.get(upload.key)
    if (!file) return
    try {
      if (!upload.sha256) {
        upload.state = 'hashing'
        const { sha256 } = await import('./hash')
        upload.sha256 = await sha256(file, (bytes) => (upload.read = bytes))
      }
      if (!list.includes(upload)) return
      upload.state = 'beginning'
      const begun = await begin(upload, file)
      if (!list.includes(upload)) return void cancelAtVault(begun.document.id)
      upload.document = begun.document.id
      forgetOpen(begun.document.id, upload)
      void refreshAccount()
      if (begun.document.status !== 'pending') return settled(upload, begun.document)
      upload.state = 'sending'
      upload.sent = 0
      const { transfer, setPaused } = await engine()
      transfer(begun.document.id, file, begun.upload, async () => (await begin(upload, file)).upload, {
        onProgress: (bytes) => (upload.sent = Math.min(bytes, upload.size)),
        onDone: () => void complete(upload),
        onFailed: (problem) => failed(upload, problem),
      })
      if (upload.paused) setPaused(begun.document.id, true)
    } catch (thrown) {
      if (isCode(thrown, 'duplicate_document')) {
        upload.state = 'duplicate'
        upload.twin = {
          id: thrown.text('document_id'),
          name: thrown.text('filename'),
          trashed: thrown.fields['trashed'] === true,
        }
        return
      }
      failed(upload, asProblem(thrown))
    }
  }

  function begin(upload: Upload, file: File): Promise<Begun> {
    return ok(
      api.POST('/v1/uploads', {
        body: {
          filename: file.name,
          size: file.size,
          content_type: file.type || 'application/octet-stream',
          sha256: upload.sha256,
          original_modified_at: new Date(file.lastModified).toISOString(),
          ...(upload.path && { path: upload.path }),
          ...(upload.folder && { folder_id: upload.folder }),
          ...(upload.allowDuplicate && { allow_duplicate: true }),
        },
      }),
    )
  }

  async function complete(upload: Upload) {
    upload.state = 'completing'
    upload.sent = upload.size
    try {
      const { document } = await ok(api.POST('/v1/uploads/{id}/complete', { params: { path: { id: upload.document } } }))
      settled(upload, document)
    } catch (thrown) {
      failed(upload, asProblem(thrown))
    }
  }

  function settled(upload: Upload, paper: Paper) {
    upload.sent = upload.size
    upload.state = 'done'
    files.delete(upload.key)
    papers.add(paper)
    if (upload.path || upload.folder) void useFolders().load().catch(() => undefined)
    void refreshAccount()
    void work()
  }

  function failed(upload: Upload, problem: Problem) {
    upload.problem = problem
    upload.state = 'failed'
    void work()
  }

  function cancelAtVault(document: string) {
    return ok(api.DELETE('/v1/uploads/{id}', { params: { path: { id: document } } }))
      .catch(() => undefined) // it ends by itself when its time is over
      .then(refreshAccount)
  }

  function remove(upload: Upload) {
    const at = list.indexOf(upload)
    if (at >= 0) list.splice(at, 1)
    files.delete(upload.key)
  }

  /** Takes an upload off the list; one that was begun is ended at the vault too. */
  async function cancel(upload: Upload) {
    const open = upload.state !== 'done' && upload.state !== 'duplicate' ? upload.document : ''
    remove(upload)
    if (open) {
      if (upload.state !== 'open') (await engine()).stop(open)
      await cancelAtVault(open)
    }
    void work()
  }

  function retry(upload: Upload) {
    delete upload.problem
    upload.state = 'waiting'
    upload.paused = false
    void work()
  }

  function keepBoth(upload: Upload) {
    upload.allowDuplicate = true
    retry(upload)
  }

  async function setPaused(upload: Upload, paused: boolean) {
    upload.paused = paused
    if (upload.state === 'sending') (await engine()).setPaused(upload.document, paused)
    else if (!paused) void work()
  }

  async function pauseAll(paused: boolean) {
    for (const upload of going.value) await setPaused(upload, paused)
  }

  function forgetOpen(document: string, except: Upload) {
    const at = list.findIndex((u) => u !== except && u.state === 'open' && u.document === document)
    if (at >= 0) list.splice(at, 1)
  }

  /** Shows uploads that were begun and not completed, here before a reload or elsewhere. */
  async function findOpen() {
    try {
      const { items } = await ok(api.GET('/v1/documents', { params: { query: { status: ['pending'], limit: 50 } } }))
      for (const paper of items) {
        if (list.some((u) => u.document === paper.id)) continue
        const sent = await arrived(paper)
        if (sent === undefined || list.some((u) => u.document === paper.id)) continue
        make({ name: paper.filename, size: paper.size, state: 'open', document: paper.id, sent })
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
    if (going.value.length === 0) {
      speed.reset()
      perSecond.value = 0
      return
    }
    speed.add(list.reduce((n, u) => n + u.sent, 0))
    perSecond.value = speed.perSecond
  }, 500)

  return {
    list,
    shown,
    folder,
    going,
    total,
    sent,
    perSecond,
    secondsLeft,
    allPaused,
    isActive,
    add,
    cancel,
    retry,
    keepBoth,
    setPaused,
    pauseAll,
    findOpen,
    clearDone,
    remove,
  }
})
