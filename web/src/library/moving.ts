import { defineStore } from 'pinia'
import { shallowRef } from 'vue'

/** What is to be moved: papers, or a folder with all that is in it. */
export type Load = { papers: readonly string[] } | { folder: string }

/** Opens the dialog that asks where to. Undefined: it stays where it is; null: to the top. */
export const useMoving = defineStore('moving', () => {
  const load = shallowRef<Load>()
  const open = (what: Load) => (load.value = what)
  const close = () => (load.value = undefined)
  return { load, open, close }
})
