import { ref, shallowRef } from 'vue'
import { asProblem, type Problem } from '@/api/problem'

/** Runs one thing at a time for a form or a button, and keeps its problem for the page to show. */
export function useTask<Args extends unknown[], T>(run: (...args: Args) => Promise<T>) {
  const pending = ref(false)
  const problem = shallowRef<Problem>()

  /** Undefined when it failed; the problem says how. */
  async function start(...args: Args): Promise<T | undefined> {
    if (pending.value) return undefined
    pending.value = true
    problem.value = undefined
    try {
      return await run(...args)
    } catch (thrown) {
      problem.value = asProblem(thrown)
      return undefined
    } finally {
      pending.value = false
    }
  }

  return { pending, problem, start }
}
