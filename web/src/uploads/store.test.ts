import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, describe, expect, it, vi } from 'vitest'
import { Problem } from '@/api/problem'
import { passes, useUploads } from './store'

interface Body {
  uploads?: Body[]
  filename?: string
}

const world = vi.hoisted(() => ({
  calls: [] as { path: string; body?: Body }[],
  answer: (() => undefined) as (path: string, body: never) => unknown,
  transfers: new Map<string, { onProgress: (n: number) => void; onDone: () => void; onFailed: (p: unknown) => void }>(),
  stopped: [] as string[],
}))

vi.mock('@/api/client', () => {
  const call = (path: string, options?: { body?: Body }) => {
    world.calls.push({ path, ...(options?.body ? { body: options.body } : {}) })
    return Promise.resolve().then(() => world.answer(path, options?.body as never))
  }
  return { api: { GET: call, POST: call, DELETE: call }, ok: (answer: Promise<unknown>) => answer, isCode: () => false }
})
vi.mock('@/composables/account', () => ({ refreshAccount: () => Promise.resolve(), followDeletion: () => undefined }))
vi.mock('./hash', () => ({ sha256: (file: File) => Promise.resolve(`hash of ${file.name}`) }))
vi.mock('./engine', () => ({
  transfer: (id: string, _: File, __: unknown, ___: unknown, report: never) => world.transfers.set(id, report),
  setPaused: () => undefined,
  stop: (id: string) => world.stopped.push(id),
}))

const file = (name: string, size = 10) => ({ file: new File(['x'.repeat(size)], name), path: 'Box' })
const made = (filename = '') => ({
  status: 201,
  document: { id: filename, filename, title: '', size: 10, status: 'pending', version: 1, tags: [], created_at: '2025-01-01T00:00:00Z' },
  upload: {},
})
const settle = () => new Promise((resolve) => setTimeout(resolve, 0))
async function rest() {
  for (let i = 0; i < 30; i++) await settle()
}

beforeEach(() => {
  setActivePinia(createPinia())
  world.calls.length = 0
  world.transfers.clear()
  world.stopped.length = 0
  world.answer = (path, body: Body) => {
    if (path === '/v1/uploads/batch') return { items: body.uploads?.map((u) => made(u.filename)) }
    if (path === '/v1/uploads') return made(body.filename)
    if (path === '/v1/uploads/{id}/complete') return { document: { ...made('x').document, status: 'stored' } }
    return { items: [], topics: [], tags: [], folders: [], years: [], statuses: {}, parts: [] }
  }
})

describe('uploads', () => {
  it('of a thousand files begin by hundreds, and their counts are those of the list', async () => {
    const uploads = useUploads()
    uploads.add(Array.from({ length: 1000 }, (_, i) => file(`${i}.txt`)))
    expect(uploads.going).toBe(1000)
    expect(uploads.total).toBe(10_000)
    for (let turn = 0; turn < 40 && uploads.tally.done < 1000; turn++) {
      await rest()
      for (const [id, report] of [...world.transfers]) {
        world.transfers.delete(id)
        report.onProgress(5)
        report.onDone()
      }
    }
    expect(uploads.tally).toEqual({ going: 0, paused: 0, total: 0, sent: 0, done: 1000, failed: 0, duplicate: 0, open: 0 })
    const begun = world.calls.filter((c) => c.path.startsWith('/v1/uploads') && !c.path.includes('{id}'))
    expect(begun.length).toBeLessThanOrEqual(14)
    expect(Math.max(...begun.map((c) => c.body?.uploads?.length ?? 1))).toBe(100)
    expect(begun.flatMap((c) => c.body?.uploads ?? [c.body]).length).toBe(1000)
    uploads.clearDone()
    expect(uploads.tally.done).toBe(0)
    expect(uploads.list.length).toBe(0)
  })

  it('that are refused say so one by one, and keep no other from going', async () => {
    world.answer = (path, body: Body) =>
      path === '/v1/uploads/batch'
        ? {
            items: [
              { status: 409, problem: { code: 'duplicate_document', status: 409, document_id: 'd', filename: 'that.txt', trashed: true } },
              { status: 413, problem: { code: 'quota_exceeded', status: 413, requested_bytes: 10 } },
              made(body.uploads?.[2]?.filename),
            ],
          }
        : { items: [], parts: [] }
    const uploads = useUploads()
    uploads.add([file('a'), file('b'), file('c')])
    await rest()
    expect(uploads.list.map((u) => u.state)).toEqual(['duplicate', 'failed', 'sending'])
    expect(uploads.list[0]?.twin).toEqual({ id: 'd', name: 'that.txt', trashed: true })
    expect(uploads.list[1]?.problem?.number('requested_bytes')).toBe(10)
    expect([uploads.going, uploads.troubled, uploads.total]).toEqual([1, 2, 10])
  })

  it('are paused, cancelled and taken off the list without a wrong count', async () => {
    const uploads = useUploads()
    uploads.add([file('a'), file('b')])
    await rest()
    const [a, b] = uploads.list as [(typeof uploads.list)[0], (typeof uploads.list)[0]]
    world.transfers.get('a')?.onProgress(7)
    await uploads.pauseAll(true)
    expect(uploads.allPaused).toBe(true)
    await uploads.setPaused(b, false)
    expect(uploads.allPaused).toBe(false)
    expect(uploads.sent).toBe(7)
    await uploads.cancel(a)
    expect(world.stopped).toEqual(['a'])
    expect(world.calls.some((c) => c.path === '/v1/uploads/{id}')).toBe(true)
    // What still comes of it changes nothing.
    world.transfers.get('a')?.onProgress(10)
    expect([uploads.going, uploads.total, uploads.sent]).toEqual([1, 10, 0])
  })

  it('that an outage ended go on when the line is back, others wait for somebody', async () => {
    let down = true
    const answer = world.answer
    world.answer = (path, body) => {
      if (down && path.startsWith('/v1/uploads')) throw new Problem('network', 0, '')
      return answer(path, body)
    }
    const uploads = useUploads()
    uploads.add([file('a'), file('b')])
    await rest()
    expect(uploads.tally.failed).toBe(2)
    down = false
    window.dispatchEvent(new Event('online'))
    await rest()
    expect(uploads.list.map((u) => u.state)).toEqual(['sending', 'sending'])
    world.transfers.get('a')?.onFailed(new Problem('quota_exceeded', 413, ''))
    window.dispatchEvent(new Event('online'))
    await rest()
    expect(uploads.list.map((u) => u.state)).toEqual(['failed', 'sending'])
    expect(passes(new Problem('storage', 503, ''))).toBe(true)
    expect(passes(new Problem('storage', 403, ''))).toBe(false)
  })
})
