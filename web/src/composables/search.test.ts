import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { api } from '@/api/client'
import { useSearch } from './search'

vi.mock('@/api/client', async (original) => ({ ...(await original<object>()), api: { POST: vi.fn() } }))

type Answer = (q: string) => void
const asked: { q: string; answer: Answer }[] = []

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  asked.length = 0
  vi.mocked(api.POST).mockImplementation(((_path: string, init: { body: { q: string } }) =>
    new Promise((resolve) => {
      const answer = (rank: string) =>
        resolve({ data: { items: [{ rank }] }, response: { ok: true } } as never)
      asked.push({ q: init.body.q, answer })
    })) as never)
})
afterEach(() => {
  vi.useRealTimers()
})

async function type(words: string) {
  const search = useSearch()
  search.q = words
  await nextTick()
}

it('asks once somebody stops typing', async () => {
  for (const words of ['r', 're', 'ren', 'rent']) await type(words)
  expect(asked).toEqual([])
  await vi.advanceTimersByTimeAsync(200)
  expect(asked.map((a) => a.q)).toEqual(['rent'])
})

it('shows the answer of the last question, whichever comes last', async () => {
  const search = useSearch()
  await type('old')
  await vi.advanceTimersByTimeAsync(200)
  await type('new')
  await vi.advanceTimersByTimeAsync(200)
  asked[1]?.answer('of new')
  await vi.advanceTimersByTimeAsync(0)
  asked[0]?.answer('of old')
  await vi.advanceTimersByTimeAsync(0)
  expect(search.results).toEqual([{ rank: 'of new' }])
  expect(search.answered).toBe('new')
})

it('forgets the results when the field is emptied', async () => {
  const search = useSearch()
  await type('rent')
  await vi.advanceTimersByTimeAsync(200)
  asked[0]?.answer('x')
  await vi.advanceTimersByTimeAsync(0)
  await type(' ')
  await vi.advanceTimersByTimeAsync(0)
  expect(search.results).toEqual([])
  expect(search.answered).toBe('')
})
