import type { Column } from '@/composables/preferences'

/** How wide a column is, in its head and in its rows. */
export const columnWidth: Record<Column, string> = {
  topic: 'w-36',
  tags: 'w-36',
  correspondent: 'w-40',
  date: 'w-26',
  added: 'w-26',
  size: 'w-18',
  status: 'w-32',
}
