import { defineStore } from 'pinia'
import { ref } from 'vue'
import type { Problem } from '@/api/problem'

export interface Notice {
  id: number
  text?: string
  problem?: Problem
  action?: { label: string; run: () => void }
}

/** Short messages at the edge of the page. Problems stay until they are closed. */
export const useNotices = defineStore('notices', () => {
  const list = ref<Notice[]>([])
  let last = 0

  function close(id: number) {
    list.value = list.value.filter((n) => n.id !== id)
  }

  function show(notice: Omit<Notice, 'id'>, seconds: number) {
    const id = ++last
    list.value = [...list.value.slice(-2), { id, ...notice }]
    if (seconds > 0) setTimeout(() => close(id), seconds * 1000)
  }

  return {
    list,
    close,
    say: (text: string, action?: Notice['action']) => show({ text, ...(action && { action }) }, action ? 10 : 5),
    failed: (problem: Problem) => show({ problem }, 0),
  }
})
