import { createSHA256 } from 'hash-wasm'

// Hashes files and parts of them in pieces, away from the page: any size costs
// a few megabytes of memory. This file alone may compile WebAssembly.

export interface HashJob {
  id: number
  data: Blob
}

export type HashAnswer = { id: number; read: number } | { id: number; sha256: string } | { id: number; failed: true }

const piece = 4 * 1024 * 1024

self.onmessage = async ({ data: { id, data } }: MessageEvent<HashJob>) => {
  const tell = (answer: HashAnswer) => self.postMessage(answer)
  try {
    const hasher = await createSHA256()
    hasher.init()
    for (let at = 0; at < data.size; at += piece) {
      hasher.update(new Uint8Array(await data.slice(at, at + piece).arrayBuffer()))
      tell({ id, read: Math.min(at + piece, data.size) })
    }
    tell({ id, sha256: hasher.digest('hex') })
  } catch {
    // The file was deleted, moved or changed while it was read.
    tell({ id, failed: true })
  }
}
