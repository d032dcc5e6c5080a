import { onBeforeUnmount, ref, watch, type Ref } from 'vue'

/** The width of an element in pixels, as it changes, and as it was while it is not in the document. */
export function useWidth(element: Readonly<Ref<HTMLElement | null>>) {
  const width = ref(800)
  const observer = new ResizeObserver(([entry]) => (width.value = entry?.contentRect.width || width.value))
  watch(
    element,
    (now, before) => {
      if (before) observer.unobserve(before)
      if (now) observer.observe(now)
    },
    { immediate: true, flush: 'post' },
  )
  onBeforeUnmount(() => observer.disconnect())
  return width
}
