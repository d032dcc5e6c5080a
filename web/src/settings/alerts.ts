import { defineStore } from 'pinia'
import { computed, ref, shallowRef } from 'vue'
import { api, ok } from '@/api/client'
import { asProblem, type Problem } from '@/api/problem'
import type { components } from '@/api/schema'
import { coalesced } from '@/composables/coalesce'

type Alert = components['schemas']['AccountAlert']

const page = 20

/** What the user should know of, newest first. A list of its own, since the sign at the top counts it too. */
export const useAlerts = defineStore('alerts', () => {
  const list = shallowRef<Alert[]>([])
  const cursor = ref<string>()
  const problem = shallowRef<Problem>()
  const pending = ref(false)

  /** How many of those that are here were not read, and whether there are more behind them. */
  const unread = computed(() => list.value.filter((alert) => !alert.read_at).length)
  const moreUnread = computed(() => cursor.value !== undefined && unread.value === list.value.length)

  const get = (after?: string) => ok(api.GET('/v1/me/alerts', { params: { query: { limit: page, ...(after && { cursor: after }) } } }))

  /** True when it could be done. */
  async function trying(what: () => Promise<void>): Promise<boolean> {
    problem.value = undefined
    try {
      await what()
      return true
    } catch (thrown) {
      problem.value = asProblem(thrown)
      return false
    }
  }

  /** For what somebody asked for by a button: once at a time, and what is read by itself is not in its way. */
  async function asked(what: () => Promise<void>): Promise<boolean> {
    pending.value = true
    const done = await trying(what)
    pending.value = false
    return done
  }

  /** Reads a page. What was read or marked meanwhile is newer than an answer that was under way, which is asked for again. */
  async function reading(more: boolean) {
    while (!more || cursor.value) {
      const before = list.value
      const { items, next_cursor } = await get(more ? cursor.value : undefined)
      if (list.value !== before) continue
      list.value = more ? before.concat(items) : items
      cursor.value = next_cursor
      return
    }
  }

  /** Reads the newest ones anew. */
  const load = coalesced(async () => void (await trying(() => reading(false))), 500)

  const more = () => asked(() => reading(true))

  /** Marks what was seen, and all that is older; what came meanwhile stays unread. True when that is done. */
  async function readAll(): Promise<boolean> {
    const newest = list.value[0]
    if (!newest) return true
    return asked(async () => {
      await ok(api.POST('/v1/me/alerts/read', { body: { up_to: newest.id } }))
      const now = new Date().toISOString()
      list.value = list.value.map((alert) => (alert.id <= newest.id ? { read_at: now, ...alert } : alert))
    })
  }

  return { list, cursor, problem, pending, unread, moreUnread, load, more, readAll }
})
