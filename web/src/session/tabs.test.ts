import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { connectTabs, type Channel, type Pass, type Tabs } from './tabs'

/** A channel of this test alone: messages arrive later and not at their sender. */
class Air {
  private listeners = new Map<Channel, ((event: { data: unknown }) => void)[]>()

  channel(): Channel {
    const channel: Channel = {
      postMessage: (message) => {
        const data = structuredClone(message)
        for (const [other, listeners] of this.listeners) {
          if (other !== channel) queueMicrotask(() => listeners.forEach((each) => each({ data })))
        }
      },
      addEventListener: (_type, listener) => {
        this.listeners.get(channel)?.push(listener)
      },
    }
    this.listeners.set(channel, [])
    return channel
  }
}

type User = { id: string }
const pass = (token: string): Pass<User> => ({ user: { id: 'u' }, token, until: 1e12 })

describe('tabs', () => {
  beforeEach(() => {
    vi.useFakeTimers()
  })
  afterEach(() => {
    vi.useRealTimers()
  })

  function tab(air: Air, name: string, refresh: () => Promise<Pass<User>>) {
    const state = { pass: undefined as Pass<User> | undefined, ended: '' }
    const tabs: Tabs<User> = connectTabs<User>({
      channel: air.channel(),
      name,
      refresh,
      mine: () => state.pass,
      onPass: (p) => (state.pass = p),
      onEnded: (reason) => (state.ended = reason),
    })
    return { state, tabs }
  }

  it('refreshes once for many callers and many tabs that ask at the same moment', async () => {
    const air = new Air()
    const refresh = vi.fn(() => new Promise<Pass<User>>((resolve) => setTimeout(() => resolve(pass('new')), 200)))
    const all = ['c', 'a', 'd', 'b'].map((name) => tab(air, name, refresh))
    const answers = Promise.all(all.flatMap(({ tabs }) => [tabs.renew(), tabs.renew()]))
    await vi.runAllTimersAsync()
    expect((await answers).map((p) => p.token)).toEqual(Array(8).fill('new'))
    expect(refresh).toHaveBeenCalledTimes(1)
  })

  it('does not take from another tab the very token that was refused', async () => {
    const air = new Air()
    const refresh = vi.fn(async () => pass('new'))
    const [mine, other] = [tab(air, 'a', refresh), tab(air, 'b', refresh)]
    mine.state.pass = undefined
    other.state.pass = pass('refused')
    const answer = mine.tabs.renew('refused')
    await vi.runAllTimersAsync()
    expect((await answer).token).toBe('new')
    expect(mine.state.pass).toBeUndefined()
    expect(other.state.pass?.token).toBe('new')
  })

  it('takes the token of a tab that has a fresh one, without a request', async () => {
    const air = new Air()
    const old = tab(air, 'a', () => Promise.reject(new Error('not asked')))
    old.state.pass = pass('fresh')
    const refresh = vi.fn(() => Promise.resolve(pass('new')))
    const young = tab(air, 'b', refresh)
    const answer = young.tabs.renew()
    await vi.runAllTimersAsync()
    expect((await answer).token).toBe('fresh')
    expect(refresh).not.toHaveBeenCalled()
  })

  it('waits for a tab that is just getting one, also if it comes late', async () => {
    const air = new Air()
    const first = tab(air, 'z', () => new Promise((resolve) => setTimeout(() => resolve(pass('one')), 500)))
    const flying = first.tabs.renew()
    await vi.advanceTimersByTimeAsync(100)
    const refresh = vi.fn(() => Promise.resolve(pass('two')))
    const second = tab(air, 'a', refresh)
    const answer = second.tabs.renew()
    await vi.runAllTimersAsync()
    expect((await answer).token).toBe('one')
    expect((await flying).token).toBe('one')
    expect(refresh).not.toHaveBeenCalled()
  })

  it('goes by itself when a tab that said it is busy falls asleep', async () => {
    const air = new Air()
    const asleep = tab(air, 'a', () => new Promise(() => undefined))
    void asleep.tabs.renew()
    await vi.advanceTimersByTimeAsync(100)
    const second = tab(air, 'b', () => Promise.resolve(pass('mine')))
    const answer = second.tabs.renew()
    await vi.advanceTimersByTimeAsync(4000)
    await vi.runAllTimersAsync()
    expect((await answer).token).toBe('mine')
  })

  it('goes by itself when the tab that it waited for failed', async () => {
    const air = new Air()
    const first = tab(air, 'a', () => new Promise((_, reject) => setTimeout(() => reject(new TypeError('offline')), 300)))
    const second = tab(air, 'b', () => Promise.resolve(pass('mine')))
    const [one, two] = [first.tabs.renew(), second.tabs.renew()]
    const failure = expect(one).rejects.toThrow('offline')
    await vi.advanceTimersByTimeAsync(1000)
    await failure
    expect((await two).token).toBe('mine')
  })

  it('works where there is no channel', async () => {
    const tabs = connectTabs<User>({
      channel: undefined,
      refresh: () => Promise.resolve(pass('new')),
      mine: () => undefined,
      onPass: () => undefined,
      onEnded: () => undefined,
    })
    expect((await tabs.renew()).token).toBe('new')
  })

  it('tells the others that the session ended', async () => {
    const air = new Air()
    const one = tab(air, 'a', () => Promise.resolve(pass('new')))
    const two = tab(air, 'b', () => Promise.resolve(pass('new')))
    one.tabs.end('signed_out')
    await vi.runAllTimersAsync()
    expect(two.state.ended).toBe('signed_out')
    expect(one.state.ended).toBe('')
  })
})
