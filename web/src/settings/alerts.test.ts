import { createPinia, setActivePinia } from 'pinia'
import { beforeEach, expect, it, vi } from 'vitest'
import { useAlerts } from './alerts'

const gets = vi.hoisted(() => [] as ((page: unknown) => void)[])
const posts = vi.hoisted(() => [] as (() => void)[])

vi.mock('@/api/client', () => ({
  api: { GET: () => new Promise((resolve) => gets.push(resolve)), POST: () => new Promise<void>((resolve) => posts.push(resolve)) },
  ok: (answer: Promise<unknown>) => answer,
}))

const asked = (of: unknown[], times: number) => vi.waitFor(() => expect(of.length).toBe(times))
const alert = (id: string) => ({ id, kind: 'new_device', created_at: '2026-01-01T00:00:00Z' })

beforeEach(() => {
  setActivePinia(createPinia())
  gets.length = posts.length = 0
})

it('alerts can be marked while they are read anew, and an answer from before that does not make them unread', async () => {
  const alerts = useAlerts()
  const first = alerts.load()
  gets[0]?.({ items: [alert('1')] })
  await first
  expect(alerts.unread).toBe(1)

  const again = alerts.load()
  await asked(gets, 2)
  expect(alerts.pending).toBe(false)
  const marked = alerts.readAll()
  expect(alerts.pending).toBe(true)
  posts[0]?.()
  expect(await marked).toBe(true)
  expect(alerts.pending).toBe(false)
  gets[1]?.({ items: [alert('1')] })
  await asked(gets, 3)
  expect(alerts.unread).toBe(0)
  gets[2]?.({ items: [{ ...alert('1'), read_at: '2026-01-01T00:00:01Z' }] })
  await again
  expect(alerts.unread).toBe(0)
})

it('older ones that come after the newest were read anew are asked for from there', async () => {
  const alerts = useAlerts()
  const first = alerts.load()
  gets[0]?.({ items: [alert('3'), alert('2')], next_cursor: 'behind 2' })
  await first

  const more = alerts.more()
  const again = alerts.load()
  await asked(gets, 3)
  gets[2]?.({ items: [alert('4'), alert('3')], next_cursor: 'behind 3' })
  await again
  gets[1]?.({ items: [alert('1')] })
  await asked(gets, 4)
  gets[3]?.({ items: [alert('2'), alert('1')] })
  await more
  expect(alerts.list.map((each) => each.id)).toEqual(['4', '3', '2', '1'])
  expect(alerts.cursor).toBeUndefined()
})
