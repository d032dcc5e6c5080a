import { usePapers, type Paper } from './papers'

export type Preview = NonNullable<Paper['preview']>

/**
 * The picture of a paper of which two answers tell: not every answer does, and
 * one that is there stays. Its address is a new one every few minutes.
 */
export function newer(have: Preview | undefined, got: Preview | undefined): Preview | undefined {
  if (!have || !got) return have ?? got
  return Date.parse(got.expires_at) >= Date.parse(have.expires_at) ? got : have
}

/** For how long a paper is not asked again for a new address: clocks may be wrong, and a picture broken. */
const patience = 60_000
/** How long the page waits for others whose address has run out as well. */
const together = 50

const asked = new Map<string, number>()
let waiting: string[] = []

/** Whether an address is about to run out, by this machine's clock. */
export const runsOut = (preview: Preview, now = Date.now()) => Date.parse(preview.expires_at) - now < 5000

/**
 * Reads papers anew whose pictures' addresses have run out, all that are seen in
 * one request. False: that was done a moment ago, and is of no use.
 */
export function renew(id: string): boolean {
  const now = performance.now()
  if (now - (asked.get(id) ?? -Infinity) < patience) return false
  asked.set(id, now)
  if (waiting.push(id) === 1) {
    setTimeout(() => {
      const ids = waiting
      waiting = []
      // Without an address the icon is shown, as before.
      usePapers().readMany(ids).catch(() => undefined)
    }, together)
  }
  return true
}
