import { asProblem } from '@/api/problem'
import { useNotices } from '@/composables/notices'
import { NotProven, useProof } from './proof'

/** Does something that a setting's button says, with a proof where it wants one, and tells how it went. */
export function useDeed() {
  const notices = useNotices()
  const proof = useProof()
  return async function deed<T>(what: () => Promise<T>, said?: string): Promise<T | undefined> {
    try {
      const result = await proof.run(what)
      if (said) notices.say(said)
      return result
    } catch (thrown) {
      if (!(thrown instanceof NotProven)) notices.failed(asProblem(thrown))
      return undefined
    }
  }
}
