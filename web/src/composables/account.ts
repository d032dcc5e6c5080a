import { api, ok } from '@/api/client'
import { useSession } from '@/session/store'
import { coalesced } from './coalesce'

/**
 * Reads the account anew, for what changes without it being asked: the room
 * that is used.
 */
export const refreshAccount = coalesced(async () => {
  const session = useSession()
  try {
    for (;;) {
      const before = session.user
      const read = await ok(api.GET('/v1/me'))
      // A change that was made meanwhile is newer than what was read.
      if (session.user !== before) continue
      return session.know(read)
    }
  } catch {
    // what is shown stays as it was; the next call tries again
  }
}, 700)

/** Milliseconds after a deletion at which its room may be free: the vault deletes a moment later. */
const afterDeletion = [0, 1000, 3000, 8000]

/** Follows the room that a deletion gives back. */
export function followDeletion() {
  for (const wait of afterDeletion) setTimeout(() => void refreshAccount(), wait)
}
