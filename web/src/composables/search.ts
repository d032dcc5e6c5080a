import { defineStore } from 'pinia'
import { computed, ref, shallowRef, watch } from 'vue'
import { api, ok } from '@/api/client'
import { asProblem, type Problem } from '@/api/problem'
import type { components } from '@/api/schema'

export type Result = components['schemas']['SearchResult']

/** Milliseconds that somebody who types stops for. */
const pause = 180
/** And after which they may want to know what is wrong with what they wrote. */
const patience = 900
/** How many pages without a result are passed over at once. */
const maxEmpty = 10

/**
 * The search as it is typed. The words stay in memory: an address with them
 * would stand in the browser's history and in logs.
 */
export const useSearch = defineStore('search', () => {
  /** Filters that are complete, and the rest of the query. */
  const filters = ref<string[]>([])
  const words = ref('')
  const q = computed({
    get: () => [...filters.value, words.value].join(' ').trim(),
    set: (value: string) => {
      filters.value = []
      words.value = value
    },
  })
  const results = shallowRef<Result[]>([])
  /** The query that the results are of; empty before the first answer. */
  const answered = ref('')
  const pending = ref(false)
  const problem = shallowRef<Problem>()
  /** What is wrong with the query. The results stay those of the last right one. */
  const wrong = shallowRef<Problem>()
  const cursor = ref<string>()
  let flight: AbortController | undefined
  let timer: ReturnType<typeof setTimeout> | undefined
  let later: ReturnType<typeof setTimeout> | undefined

  /** Asks for the first page, or for one more. Somebody who typed on is not told what is wrong before they stop, unless at once. */
  async function ask(more = false, atOnce = true) {
    const asked = q.value
    flight?.abort()
    clearTimeout(timer)
    clearTimeout(later)
    if (!asked) {
      results.value = []
      answered.value = ''
      cursor.value = undefined
      problem.value = undefined
      wrong.value = undefined
      pending.value = false
      return
    }
    const mine = (flight = new AbortController())
    pending.value = true
    try {
      let from = more ? cursor.value : undefined
      for (let empty = 0; ; empty++) {
        const body = { q: asked, limit: 20, ...(from && { cursor: from }) }
        const page = await ok(api.POST('/v1/search', { body, signal: mine.signal }))
        if (mine !== flight) return
        from = page.next_cursor
        if (page.items.length === 0 && from && empty < maxEmpty) continue
        results.value = more ? [...results.value, ...page.items] : page.items
        break
      }
      cursor.value = from
      answered.value = asked
      problem.value = undefined
      wrong.value = undefined
    } catch (thrown) {
      // A newer question took this one's place.
      if (mine !== flight || mine.signal.aborted) return
      const found = asProblem(thrown)
      if (found.code !== 'query_invalid') problem.value = found
      else if (atOnce) wrong.value = found
      else later = setTimeout(() => (wrong.value = found), patience)
    } finally {
      if (mine === flight) pending.value = false
    }
  }

  watch(q, () => {
    clearTimeout(timer)
    clearTimeout(later)
    wrong.value = undefined
    timer = setTimeout(() => void ask(false, false), q.value ? pause : 0)
  })

  function remove(index: number) {
    filters.value = filters.value.filter((_, i) => i !== index)
  }

  return { q, filters, words, results, answered, pending, problem, wrong, cursor, ask, remove }
})
