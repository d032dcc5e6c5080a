import { Problem } from '@/api/problem'
import type { HashAnswer, HashJob } from './hash.worker'

let worker: Worker | undefined
let last = 0
const waiting = new Map<number, (answer: HashAnswer) => void>()

function start(): Worker {
  const started = new Worker(new URL('./hash.worker.ts', import.meta.url), { type: 'module' })
  started.onmessage = ({ data }: MessageEvent<HashAnswer>) => waiting.get(data.id)?.(data)
  started.onerror = () => {
    for (const [id, tell] of waiting) tell({ id, failed: true })
    worker = undefined
  }
  return started
}

/** The SHA-256 of bytes in hexadecimal, read in a worker. */
export function sha256(data: Blob, onRead?: (bytes: number) => void): Promise<string> {
  worker ??= start()
  const job: HashJob = { id: ++last, data }
  return new Promise((resolve, reject) => {
    waiting.set(job.id, (answer) => {
      if ('read' in answer) return onRead?.(answer.read)
      waiting.delete(job.id)
      if ('sha256' in answer) resolve(answer.sha256)
      else reject(new Problem('unreadable', 0, ''))
    })
    worker?.postMessage(job)
  })
}
