import { createPinia, setActivePinia } from 'pinia'
import { expect, it, vi } from 'vitest'
import { useSession, type User } from '@/session/store'
import { refreshAccount } from './account'

const answers = vi.hoisted(() => [] as ((account: unknown) => void)[])

vi.mock('@/api/client', () => ({
  api: { GET: () => new Promise((resolve) => answers.push(resolve)) },
  ok: (answer: Promise<unknown>) => answer,
}))

const account = (display_name: string) => ({ id: 'a', display_name }) as User
const asked = (times: number) => vi.waitFor(() => expect(answers.length).toBe(times))

it('a reading that began before a change and ends after it is read again', async () => {
  setActivePinia(createPinia())
  const session = useSession()
  session.pass = { user: account('before'), token: 't', until: Infinity }
  const read = refreshAccount()
  await asked(1)
  session.know(account('changed'))
  answers[0]?.(account('before'))
  await asked(2)
  expect(session.user?.display_name).toBe('changed')
  answers[1]?.(account('changed, with more room used'))
  await read
  expect(session.user?.display_name).toBe('changed, with more room used')
})
