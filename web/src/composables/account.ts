import { api, ok } from '@/api/client'
import { useSession } from '@/session/store'
import { coalesced } from './coalesce'

/**
 * Reads the account anew, for what changes without it being asked: the room
 * that is used.
 */
export const refreshAccount = coalesced(async () => {
  try {
    useSession().know(await ok(api.GET('/v1/me')))
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
