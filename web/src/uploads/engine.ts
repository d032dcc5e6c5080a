import AwsS3, { type AwsBody } from '@uppy/aws-s3'
import Uppy, { type Meta } from '@uppy/core'
import { api, ok } from '@/api/client'
import { asProblem, Problem } from '@/api/problem'
import type { components } from '@/api/schema'
import { sha256 } from './hash'

type Instructions = components['schemas']['UploadInstructions']

/** What the transfer of one document reports. */
export interface Transfer {
  onProgress: (sent: number) => void
  onDone: () => void
  onFailed: (problem: Problem) => void
}

interface Plan extends Transfer {
  instructions: Instructions
  /** A fresh URL, for a start after a pause. */
  renew: () => Promise<Instructions>
}

/** Requests to storage at a time, over all documents. */
const atOnce = 5

/**
 * Uppy carries the bytes: single requests and parts, several at a time, with
 * pause and resume. Hashing, beginning and completing are the vault's own
 * protocol and stand around it. An id here is the document's.
 */
const uppy = new Uppy<Meta, AwsBody>({ autoProceed: false, allowMultipleUploadBatches: true })
const plans = new Map<string, Plan>()
const partSizes = new WeakMap<Blob, number>()

const planOf = (file: { meta: Meta }): Plan => {
  const plan = plans.get(String(file.meta['document']))
  if (!plan) throw new Problem('upload_expired', 0, '')
  return plan
}

class StorageError extends Error {
  /** Uppy looks here to decide whether another try makes sense. */
  readonly source: { status: number }
  constructor(status: number) {
    super(`storage answered ${status}`)
    this.source = { status }
  }
}

/**
 * Sends one body. Storage that has it already (412, since every write is to a
 * free key) is as good as sent. Uppy's own version waits for ever when the ETag
 * cannot be read, which nobody here needs.
 */
function send(options: {
  signature: { url?: string; headers?: Record<string, string> }
  body: FormData | Blob
  size?: number
  onProgress: (event: ProgressEvent) => void
  onComplete: (etag: string) => void
  signal?: AbortSignal
}): Promise<{ ETag: string }> {
  const { signature, body, onProgress, onComplete, signal } = options
  const size = options.size ?? (body instanceof Blob ? body.size : 0)
  return new Promise((resolve, reject) => {
    const request = new XMLHttpRequest()
    const abort = () => request.abort()
    const over = () => signal?.removeEventListener('abort', abort)
    request.open('PUT', signature.url ?? '')
    for (const [name, value] of Object.entries(signature.headers ?? {})) request.setRequestHeader(name, value)
    signal?.addEventListener('abort', abort)
    request.upload.addEventListener('progress', onProgress)
    request.addEventListener('load', () => {
      over()
      if (request.status !== 412 && (request.status < 200 || request.status >= 300)) return reject(new StorageError(request.status))
      onProgress(new ProgressEvent('progress', { lengthComputable: true, loaded: size, total: size }))
      const etag = request.getResponseHeader('ETag') ?? '"-"'
      onComplete(etag)
      resolve({ ETag: etag })
    })
    request.addEventListener('error', () => {
      over()
      reject(new StorageError(0))
    })
    request.addEventListener('abort', () => {
      over()
      reject(new DOMException('Aborted', 'AbortError'))
    })
    request.send(body)
  })
}

uppy.use(AwsS3<Meta, AwsBody>, {
  limit: atOnce,
  retryDelays: [0, 1000, 3000, 8000, 15000],
  shouldUseMultipart: (file) => planOf(file).instructions.multipart !== undefined,
  getChunkSize: (data) => partSizes.get(data as unknown as Blob) ?? 64 * 1024 * 1024,
  // eslint-disable-next-line @typescript-eslint/no-explicit-any -- Uppy types the answer of its own version
  uploadPartBytes: send as any,
  async getUploadParameters(file) {
    const plan = planOf(file)
    if (Date.parse(plan.instructions.expires_at ?? '') < Date.now() + 5000) plan.instructions = await plan.renew()
    return { method: 'PUT', url: plan.instructions.url ?? '', headers: plan.instructions.headers ?? {}, fields: {} }
  },
  // Every upload in parts starts as one that goes on, so this is never asked for a new one.
  createMultipartUpload: (file) => {
    const id = String(file.meta['document'])
    return Promise.resolve({ uploadId: id, key: id })
  },
  async listParts(_file, { uploadId }) {
    const { parts } = await ok(api.GET('/v1/uploads/{id}/parts', { params: { path: { id: uploadId ?? '' } } }))
    return parts.map((part) => ({ PartNumber: part.number, Size: part.size, ETag: '"-"' }))
  },
  async signPart(_file, { uploadId, partNumber, body }) {
    const part = { number: partNumber, size: (body as Blob).size, sha256: await sha256(body as Blob) }
    const { parts } = await ok(api.POST('/v1/uploads/{id}/parts', { params: { path: { id: uploadId } }, body: { parts: [part] } }))
    const signed = parts[0]
    if (!signed) throw new Problem('internal', 0, '')
    return { method: 'PUT', url: signed.url, headers: signed.headers }
  },
  // Uppy aborts after each error, and what arrived is worth keeping: cancelling is the store's.
  abortMultipartUpload: () => Promise.resolve(),
  completeMultipartUpload: () => Promise.resolve({}),
})

uppy.on('upload-progress', (file, progress) => {
  if (file) plans.get(String(file.meta['document']))?.onProgress(progress.bytesUploaded || 0)
})
uppy.on('upload-success', (file) => {
  if (!file) return
  const id = String(file.meta['document'])
  const plan = plans.get(id)
  plans.delete(id)
  uppy.removeFile(file.id)
  plan?.onDone()
})
uppy.on('upload-error', (file, error) => {
  if (!file) return
  const id = String(file.meta['document'])
  const plan = plans.get(id)
  plans.delete(id)
  uppy.removeFile(file.id)
  const source = (error as { source?: { status?: number } }).source
  const problem =
    source?.status === 0 ? new Problem('network', 0, '') : source ? new Problem('storage', source.status ?? 0, '') : asProblem(error)
  plan?.onFailed(problem)
})

const fileOf = (document: string) => uppy.getFiles().find((f) => f.meta['document'] === document)

/** Sends the bytes of a document that was begun. */
export function transfer(document: string, file: File, instructions: Instructions, renew: Plan['renew'], report: Transfer) {
  plans.set(document, { instructions, renew, ...report })
  // The id of a file in Uppy is made of name, type and size: two of one name may be on their way.
  const id = uppy.addFile({ name: `${document}/${file.name}`, type: file.type, data: file, meta: { document } })
  if (instructions.multipart) {
    const { data } = uppy.getFile(id)
    partSizes.set(data as Blob, instructions.multipart.part_size)
    uppy.setFileState(id, { s3Multipart: { uploadId: document, key: document } } as never)
  }
  uppy.upload().catch(() => undefined) // each file's own event tells
}

/** Pauses or goes on; true when it is paused now. */
export function setPaused(document: string, paused: boolean) {
  const file = fileOf(document)
  if (file && Boolean(file.isPaused) !== paused) uppy.pauseResume(file.id)
}

/** Stops sending, and forgets the document. */
export function stop(document: string) {
  plans.delete(document)
  const file = fileOf(document)
  if (file) uppy.removeFile(file.id)
}
