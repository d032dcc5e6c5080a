import { nextTick, onActivated, onBeforeUnmount, onDeactivated } from 'vue'
import { START_LOCATION, type Router } from 'vue-router'

// Where the keys and a screen reader go on when another view is shown. When a
// page is loaded the browser does that; here it is the page's own: to the view's
// heading, or, on the way back, to what was opened in it. Another query alone,
// or a field that somebody is typing in, keeps the focus where it is.

/** Milliseconds that a heading may take to come: its view may be a chunk that is still on its way. */
const patience = 3000
const look = 16

let returning = false
let turn = 0
const ways = new Set<() => boolean>()

/** Whether the view is shown because somebody went back. */
export const isReturning = () => returning

/** Offers a way back into a view that is kept: it moves the focus, or says that it cannot. */
export function offerReturn(way: () => boolean) {
  onActivated(() => ways.add(way))
  onDeactivated(() => ways.delete(way))
  onBeforeUnmount(() => ways.delete(way))
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms))

async function arrive(mine: number) {
  const before = document.activeElement
  const typing = before?.closest('input, textarea, select')
  await nextTick()
  for (const began = performance.now(); performance.now() - began < patience; await wait(look)) {
    // A menu or a dialog that led here gives the focus back as it closes, and it is taken over after that.
    await wait(0)
    if (mine !== turn) return
    const now = document.activeElement
    // Somebody types on, or is further than this already.
    if (typing && now === typing) return
    if (now !== before && now?.closest('main') && now.id !== 'content') return
    if (document.querySelector('[role=menu], [role=dialog], [role=alertdialog]')) continue
    const heading = document.querySelector<HTMLElement>('main [data-heading]') ?? document.querySelector<HTMLElement>('main h1')
    if (!heading) continue
    if (returning && [...ways].some((way) => way())) return
    heading.tabIndex = -1
    heading.focus({ preventScroll: true })
    return
  }
}

export function followArrivals(router: Router) {
  let position = 0
  router.afterEach((to, from, failure) => {
    if (failure) return
    const now = Number((window.history.state as { position?: number } | null)?.position ?? 0)
    returning = now < position
    position = now
    turn++
    if (from !== START_LOCATION && to.path !== from.path) void arrive(turn)
  })
}
