/**
 * Bytes a second over the last seconds, from totals that only grow: short
 * enough to follow a change of the line, long enough not to flicker.
 */
export function makeSpeed(now: () => number = () => performance.now(), window = 6000) {
  let samples: { at: number; total: number }[] = []

  return {
    add(total: number) {
      const at = now()
      const last = samples.at(-1)
      if (last && total < last.total) samples = []
      samples.push({ at, total })
      while (samples.length > 2 && (samples[0]?.at ?? at) < at - window) samples.shift()
    },
    /** 0 until two moments are known. */
    get perSecond() {
      const first = samples[0]
      const last = samples.at(-1)
      if (!first || !last || last.at - first.at < 250) return 0
      return ((last.total - first.total) / (last.at - first.at)) * 1000
    },
    reset() {
      samples = []
    },
  }
}
