import { defineStore } from 'pinia'
import { ref, shallowRef, watch } from 'vue'
import { api, ok } from '@/api/client'
import { asProblem, type Problem } from '@/api/problem'
import type { components } from '@/api/schema'

export type Result = components['schemas']['SearchResult']

/** Milliseconds that somebody who types stops for. */
const pause = 180

/**
 * The search as it is typed. The words stay in memory: an address with them
 * would stand in the browser's history and in logs.
 */
export const useSearch = defineStore('search', () => {
  const q = ref('')
  const results = shallowRef<Result[]>([])
  /** The query that the results are of; empty before the first answer. */
  const answered = ref('')
  const pending = ref(false)
  const problem = shallowRef<Problem>()
  const cursor = ref<string>()
  let flight: AbortController | undefined
  let timer: ReturnType<typeof setTimeout> | undefined

  async function ask(more = false) {
    const words = q.value.trim()
    flight?.abort()
    if (!words) {
      results.value = []
      answered.value = ''
      cursor.value = undefined
      problem.value = undefined
      pending.value = false
      return
    }
    const mine = (flight = new AbortController())
    pending.value = true
    try {
      const body = { q: words, limit: 20, ...(more && cursor.value && { cursor: cursor.value }) }
      const page = await ok(api.POST('/v1/search', { body, signal: mine.signal }))
      if (mine !== flight) return
      results.value = more ? [...results.value, ...page.items] : page.items
      cursor.value = page.next_cursor
      answered.value = words
      problem.value = undefined
    } catch (thrown) {
      // A newer question took this one's place.
      if (mine === flight && !mine.signal.aborted) problem.value = asProblem(thrown)
    } finally {
      if (mine === flight) pending.value = false
    }
  }

  watch(q, () => {
    clearTimeout(timer)
    timer = setTimeout(() => void ask(), q.value.trim() ? pause : 0)
  })

  return { q, results, answered, pending, problem, cursor, ask }
})
