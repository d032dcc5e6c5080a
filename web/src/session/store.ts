import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { asProblem, type Problem } from '@/api/problem'
import type { components } from '@/api/schema'
import { keepTaste } from '@/composables/preferences'
import { post } from './post'
import { connectTabs, type Pass } from './tabs'

export type User = components['schemas']['AccountAccount']
type Grant = components['schemas']['AuthGrant']

/** Why somebody has to sign in again. */
export type Ended = 'revoked' | 'replayed' | 'expired' | 'signed_out'

/** A token with less than this many milliseconds left is renewed before use. */
const margin = 30_000

/** Seconds between tries while nothing answers at the start. */
const patience = [1, 2, 4, 8, 15]

function endedBy(problem: Problem): Ended {
  if (problem.code === 'session_revoked') return 'revoked'
  if (problem.code === 'refresh_replayed') return 'replayed'
  return 'expired'
}

/**
 * Who is signed in. The access token lives here, in memory, and nowhere else;
 * the refresh token is a cookie that no script sees.
 */
export const useSession = defineStore('session', () => {
  const status = ref<'starting' | 'in' | 'out'>('starting')
  /** True while the start waits for a vault that does not answer. */
  const unreachable = ref(false)
  const pass = shallowRef<Pass<User>>()
  const user = computed(() => pass.value?.user)

  function adopt(next: Pass<User>) {
    const before = pass.value?.user.id
    pass.value = next
    status.value = 'in'
    // Another tab signed in as somebody else: nothing of the first may stay.
    if (before && before !== next.user.id) window.location.replace('/')
  }

  function granted(grant: Grant): Pass<User> {
    return { user: grant.user, token: grant.access_token, until: Date.now() + grant.expires_in * 1000 }
  }

  const tabs = connectTabs<User>({
    channel: typeof BroadcastChannel === 'undefined' ? undefined : new BroadcastChannel('docuvault-session'),
    refresh: async () => granted((await (await post('/v1/auth/refresh')).json()) as Grant),
    mine: () => (pass.value && pass.value.until - Date.now() > margin * 2 ? pass.value : undefined),
    onPass: adopt,
    onEnded: (reason) => leave(reason as Ended),
  })

  /** Leaves the page for the sign-in, by loading it anew: what was opened is gone from memory. */
  function leave(reason: Ended) {
    const wasIn = status.value === 'in'
    pass.value = undefined
    status.value = 'out'
    if (!wasIn) return
    const query = new URLSearchParams()
    if (reason !== 'signed_out') query.set('ended', reason)
    if (reason !== 'signed_out') query.set('to', window.location.pathname)
    window.location.replace(`/login${query.size ? `?${query}` : ''}`)
  }

  /** Ends this tab's and all others' session; the API said that it is over. */
  function ended(problem: Problem) {
    const reason = endedBy(problem)
    if (status.value === 'in') tabs.end(reason)
    leave(reason)
  }

  async function renew(refused?: string): Promise<string> {
    try {
      const next = await tabs.renew(refused)
      adopt(next)
      return next.token
    } catch (thrown) {
      const problem = asProblem(thrown)
      if (problem.status === 401) ended(problem)
      throw problem
    }
  }

  /** An access token with some life left. Throws a Problem when there is no session. */
  async function token(): Promise<string> {
    if (pass.value && pass.value.until - Date.now() > margin) return pass.value.token
    return renew()
  }

  /** A token that is not the refused one: another caller may have renewed it meanwhile. */
  async function tokenInsteadOf(refused: string): Promise<string> {
    if (pass.value && pass.value.token !== refused) return pass.value.token
    pass.value = pass.value && { ...pass.value, until: 0 }
    return renew(refused)
  }

  let starting: Promise<void> | undefined

  /** Continues the session of the cookie, once; resolves when it is known whether there is one. */
  function start(): Promise<void> {
    return (starting ??= (async () => {
      for (let tries = 0; status.value === 'starting'; tries++) {
        try {
          await renew()
        } catch (thrown) {
          const problem = asProblem(thrown)
          if (problem.status === 401) break
          unreachable.value = true
          await new Promise((resolve) => setTimeout(resolve, (patience[tries] ?? 15) * 1000))
        }
      }
      unreachable.value = false
      if (status.value === 'starting') status.value = 'out'
    })())
  }

  /** False when there is no session yet: the address is to be proven first. */
  async function enter(path: string, body: unknown): Promise<boolean> {
    const response = await post(path, body)
    if (response.status === 202) return false
    const next = granted((await response.json()) as Grant)
    adopt(next)
    tabs.share(next)
    return true
  }

  const login = (email: string, password: string, code?: string) =>
    enter('/v1/auth/login', code ? { email, password, totp_code: code } : { email, password })

  const register = (email: string, password: string, name?: string, invite?: string) =>
    enter('/v1/auth/register', { email, password, ...(name && { display_name: name }), ...(invite && { invite }) })

  /** Ends the session here and at the vault. Throws a Problem, and stays signed in, when that is not known. */
  async function logout() {
    try {
      await post('/v1/auth/logout', undefined, await token())
    } catch (thrown) {
      const problem = asProblem(thrown)
      if (problem.status !== 401) throw problem
    }
    keepTaste()
    tabs.end('signed_out')
    leave('signed_out')
  }

  /** Replaces what is known of the user, after a change or a new reading. */
  function know(account: User) {
    if (pass.value && pass.value.user.id === account.id) pass.value = { ...pass.value, user: account }
  }

  return { status, unreachable, user, pass, start, token, tokenInsteadOf, ended, login, register, logout, know }
})
