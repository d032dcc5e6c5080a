// Pictures in the page's memory. Storage forbids the browser to keep any, so
// that none outlives the session on a disk; what was seen a moment ago is here.

/** How many are kept: small ones of 1 to 12 KB. */
const most = 500

interface Kept {
  address: Promise<string>
  /** Rows that wait for it; without one it is no longer fetched. */
  users: number
  stop: AbortController
  ready: boolean
}

const kept = new Map<string, Kept>()

/** Addresses are signed anew every few minutes; where the picture lies does not change. */
const placeOf = (url: string) => new URL(url, window.location.href).pathname

function forget(place: string, picture: Kept) {
  if (kept.get(place) === picture) kept.delete(place)
  picture.address.then(URL.revokeObjectURL).catch(() => undefined)
}

async function fetched(url: string, signal: AbortSignal): Promise<string> {
  const answer = await fetch(url, { credentials: 'omit', referrerPolicy: 'no-referrer', cache: 'no-store', priority: 'low', signal })
  if (!answer.ok) throw new Error(`storage answered ${answer.status}`)
  return URL.createObjectURL(await answer.blob())
}

/** Whether a picture is here already. */
export const isKept = (url: string) => kept.get(placeOf(url))?.ready === true

/** The address of a picture in memory; it is fetched if it is not there, for as long as somebody wants it. */
export function keep(url: string, signal: AbortSignal): Promise<string> {
  const place = placeOf(url)
  let picture = kept.get(place)
  if (!picture) {
    const stop = new AbortController()
    const made: Kept = { address: fetched(url, stop.signal), users: 0, stop, ready: false }
    made.address.then(
      () => (made.ready = true),
      () => forget(place, made),
    )
    picture = made
  }
  const mine = picture
  // The one that was wanted longest ago is the first to go.
  kept.delete(place)
  kept.set(place, mine)
  for (const [each, old] of kept) {
    if (kept.size <= most) break
    if (old.ready) forget(each, old)
  }
  mine.users++
  signal.addEventListener('abort', () => {
    if (--mine.users > 0 || mine.ready) return
    forget(place, mine)
    mine.stop.abort()
  })
  return mine.address
}
