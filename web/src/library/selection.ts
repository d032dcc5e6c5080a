import { computed, shallowReactive } from 'vue'

/** Which rows are chosen; a range goes from the last one that was touched. */
export function useSelection(rows: () => readonly string[]) {
  const chosen = shallowReactive(new Set<string>())
  let anchor: string | undefined

  function toggle(id: string, range = false) {
    const all = rows()
    const from = range && anchor ? all.indexOf(anchor) : -1
    const to = all.indexOf(id)
    if (from >= 0 && to >= 0) {
      for (const row of all.slice(Math.min(from, to), Math.max(from, to) + 1)) chosen.add(row)
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
  const ids = computed(() => (chosen.size === 0 ? [] : rows().filter((id) => chosen.has(id))))

  function all() {
    for (const id of rows()) chosen.add(id)
  }

  return { chosen, ids, toggle, clear, all }
}
