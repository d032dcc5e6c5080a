import { createPinia, setActivePinia } from 'pinia'
import { afterEach, beforeEach, expect, it, vi } from 'vitest'
import { nextTick } from 'vue'
import { api } from '@/api/client'
import { useSearch } from './search'

vi.mock('@/api/client', async (original) => ({ ...(await original<object>()), api: { POST: vi.fn() } }))

type Answer = (rank: string | null, cursor?: string) => void
const asked: { q: string; cursor?: string; answer: Answer; refuse: () => void }[] = []

beforeEach(() => {
  vi.useFakeTimers()
  setActivePinia(createPinia())
  asked.length = 0
  vi.mocked(api.POST).mockImplementation(((_path: string, init: { body: { q: string; cursor?: string } }) =>
    new Promise((resolve) => {
      const answer: Answer = (rank, cursor) =>
        resolve({ data: { items: rank === null ? [] : [{ rank }], next_cursor: cursor }, response: { ok: true } } as never)
      const refuse = () => {
        const error = { code: 'query_invalid', status: 422, reason: 'date', position: 5, length: 1 }
        resolve({ error, response: new Response(null, { status: 422 }) } as never)
      }
      asked.push({ ...init.body, answer, refuse })
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

it('does not say what is wrong while somebody types, and keeps the results', async () => {
  const search = useSearch()
  await type('rent')
  await vi.advanceTimersByTimeAsync(200)
  asked[0]?.answer('x')
  await type('rent date:2')
  await vi.advanceTimersByTimeAsync(200)
  asked[1]?.refuse()
  await vi.advanceTimersByTimeAsync(500)
  expect(search.wrong).toBeUndefined()
  expect(search.problem).toBeUndefined()
  await vi.advanceTimersByTimeAsync(500)
  expect(search.wrong?.text('reason')).toBe('date')
  expect(search.results).toEqual([{ rank: 'x' }])
  await type('rent date:20')
  expect(search.wrong).toBeUndefined()
  void search.ask() // Enter asks to be told
  asked[2]?.refuse()
  await vi.advanceTimersByTimeAsync(0)
  expect(search.wrong?.number('position')).toBe(5)
})

it('puts filters in front of words, and passes over pages without a result', async () => {
  const search = useSearch()
  search.filters = ['topic:a', '-tag:b']
  await type2('rent')
  await vi.advanceTimersByTimeAsync(200)
  expect(asked[0]?.q).toBe('topic:a -tag:b rent')
  asked[0]?.answer(null, 'c1')
  await vi.advanceTimersByTimeAsync(0)
  expect(asked[1]?.cursor).toBe('c1')
  asked[1]?.answer('x', 'c2')
  await vi.advanceTimersByTimeAsync(0)
  expect([search.results, search.cursor]).toEqual([[{ rank: 'x' }], 'c2'])
  search.remove(0)
  expect(search.q).toBe('-tag:b rent')
})

async function type2(words: string) {
  useSearch().words = words
  await nextTick()
}
