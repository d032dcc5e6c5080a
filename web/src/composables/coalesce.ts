/**
 * Makes few runs of many calls: one at a time, and none sooner than `gap`
 * milliseconds after the one before began. Whoever calls meanwhile shares the
 * next run, so that each call is followed by a whole one. An error is its
 * callers'.
 */
export function coalesced(run: () => Promise<void>, gap: number): () => Promise<void> {
  let running: Promise<void> | undefined
  let next: Promise<void> | undefined
  let began = -Infinity

  function start(): Promise<void> {
    began = performance.now()
    return (running = run().finally(() => (running = undefined)))
  }

  async function later() {
    await running?.catch(() => undefined)
    const left = began + gap - performance.now()
    if (left > 0) await new Promise((resolve) => setTimeout(resolve, left))
    next = undefined
    await start()
  }

  return () => {
    if (next) return next
    if (!running && performance.now() - began >= gap) return start()
    return (next = later())
  }
}
