import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { coalesced } from './coalesce'

beforeEach(() => void vi.useFakeTimers())
afterEach(() => void vi.useRealTimers())

it('runs at once, then once for all who call meanwhile, and not sooner than the gap', async () => {
  const began: number[] = []
  const zero = performance.now()
  const call = coalesced(async () => {
    began.push(performance.now() - zero)
    await new Promise((resolve) => setTimeout(resolve, 30))
  }, 100)
  const first = call()
  const all = [call(), call(), call()]
  await vi.advanceTimersByTimeAsync(50)
  await first
  all.push(call())
  await vi.advanceTimersByTimeAsync(200)
  await Promise.all(all)
  expect(began).toEqual([0, 100])
  await vi.advanceTimersByTimeAsync(1000)
  void call()
  expect(began.length).toBe(3)
})

it('a call that comes while it runs is followed by a whole run, also when the running one fails', async () => {
  let runs = 0
  const call = coalesced(async () => {
    runs++
    await new Promise((resolve) => setTimeout(resolve, 200))
    if (runs === 1) throw new Error('lost')
  }, 10)
  const first = call().catch((e: unknown) => e)
  const second = call()
  await vi.advanceTimersByTimeAsync(500)
  expect(await first).toBeInstanceOf(Error)
  await second
  expect(runs).toBe(2)
})
