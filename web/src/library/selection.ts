import { computed, shallowReactive } from 'vue'

/** Which rows are chosen; a range goes from the last one that was touched. */
export function useSelection(rows: () => readonly { id: string }[]) {
  const chosen = shallowReactive(new Set<string>())
  let anchor: string | undefined

  function toggle(id: string, range = false) {
    const all = rows()
    const from = range && anchor ? all.findIndex((r) => r.id === anchor) : -1
    const to = all.findIndex((r) => r.id === id)
    if (from >= 0 && to >= 0) {
      for (const row of all.slice(Math.min(from, to), Math.max(from, to) + 1)) chosen.add(row.id)
    } else if (!chosen.delete(id)) {
      chosen.add(id)
    }
    anchor = id
  }

  function clear() {
    chosen.clear()
    anchor = undefined
  }

  /** The chosen ones that are still in the list, in its order. */
  const ids = computed(() => (chosen.size === 0 ? [] : rows().filter((r) => chosen.has(r.id)).map((r) => r.id)))

  function all() {
    for (const row of rows()) chosen.add(row.id)
  }

  return { chosen, ids, toggle, clear, all }
}
