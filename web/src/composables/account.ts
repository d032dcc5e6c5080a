import { api, ok } from '@/api/client'
import { useSession } from '@/session/store'

let reading: Promise<void> | undefined
let again = false

/**
 * Reads the account anew, for what changes without it being asked: the room
 * that is used. Many calls at once become two readings at most.
 */
export function refreshAccount(): Promise<void> {
  if (reading) {
    again = true
    return reading
  }
  reading = (async () => {
    do {
      again = false
      try {
        useSession().know(await ok(api.GET('/v1/me')))
      } catch {
        // what is shown stays as it was; the next call tries again
      }
    } while (again)
    reading = undefined
  })()
  return reading
}

/** Milliseconds after a deletion at which its room may be free: the vault deletes a moment later. */
const afterDeletion = [0, 1000, 3000, 8000]

/** Follows the room that a deletion gives back. */
export function followDeletion() {
  for (const wait of afterDeletion) setTimeout(() => void refreshAccount(), wait)
}
