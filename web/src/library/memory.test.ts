import { beforeEach, describe, expect, it, vi } from 'vitest'

let asked: { url: string; signal: AbortSignal }[] = []
let freed: string[] = []
let made = 0

async function memory() {
  vi.resetModules()
  return import('./memory')
}

beforeEach(() => {
  asked = []
  freed = []
  vi.stubGlobal('fetch', (url: string, { signal }: RequestInit) => {
    asked.push({ url, signal: signal as AbortSignal })
    return new Promise((resolve, reject) => {
      signal?.addEventListener('abort', () => reject(new DOMException('Aborted', 'AbortError')))
      if (!url.includes('slow')) resolve(new Response(url.includes('refused') ? null : 'picture', { status: url.includes('refused') ? 403 : 200 }))
    })
  })
  URL.createObjectURL = () => `blob:${++made}`
  URL.revokeObjectURL = (address) => void freed.push(address)
})

const signal = () => new AbortController().signal

describe('pictures in memory', () => {
  it('are fetched once, under whatever signature', async () => {
    const { keep, isKept } = await memory()
    expect(isKept('/p/1?a')).toBe(false)
    const first = await keep('/p/1?a', signal())
    expect(await keep('/p/1?b', signal())).toBe(first)
    expect(isKept('/p/1?c')).toBe(true)
    expect(asked.length).toBe(1)
  })
  it('are not fetched to their end when nobody waits any more', async () => {
    const { keep } = await memory()
    const [one, other] = [new AbortController(), new AbortController()]
    const waits = [keep('/slow', one.signal), keep('/slow', other.signal)]
    one.abort()
    expect(asked[0]?.signal.aborted).toBe(false)
    other.abort()
    expect(asked[0]?.signal.aborted).toBe(true)
    for (const each of waits) await expect(each).rejects.toThrow()
    void keep('/slow', signal()).catch(() => undefined)
    expect(asked.length).toBe(2)
  })
  it('that were refused are asked for again', async () => {
    const { keep } = await memory()
    await expect(keep('/refused', signal())).rejects.toThrow('403')
    await expect(keep('/refused', signal())).rejects.toThrow('403')
    expect(asked.length).toBe(2)
  })
  it('are 500 at most, and the one that was wanted longest ago goes first', async () => {
    const { keep, isKept } = await memory()
    const first = await keep('/0', signal())
    const second = await keep('/1', signal())
    for (let i = 2; i < 500; i++) await keep(`/${i}`, signal())
    await keep('/0', signal())
    await keep('/500', signal())
    await Promise.resolve()
    expect([isKept('/0'), isKept('/1'), isKept('/2')]).toEqual([true, false, true])
    expect(freed).toEqual([second])
    expect(freed).not.toContain(first)
  })
})
