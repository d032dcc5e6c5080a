import { ref, shallowRef } from 'vue'
import { useTask } from '@/composables/task'

/** A list that comes in pages: the first at once, each further one when it is asked for. */
export function usePages<Item>(get: (cursor?: string) => Promise<{ items: Item[]; next_cursor?: string }>) {
  const items = shallowRef<Item[]>([])
  const cursor = ref<string>()
  const read = ref(false)
  const { pending, problem, start } = useTask(async () => {
    const page = await get(cursor.value)
    items.value = [...items.value, ...page.items]
    cursor.value = page.next_cursor
    read.value = true
  })
  void start()

  /** Begins anew. */
  async function again() {
    const page = await get()
    items.value = page.items
    cursor.value = page.next_cursor
  }

  return { items, cursor, read, pending, problem, more: () => start(), again }
}
