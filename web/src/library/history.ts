import type { components } from '@/api/schema'
import en from '@/i18n/en'

export type Entry = components['schemas']['AuditRead']

/** The words of an entry, as keys: a sentence, and for a change the fields that it names. */
export interface Told {
  key: `actions.${keyof (typeof en)['actions']}` | `history.${keyof (typeof en)['history']}`
  fields: (keyof (typeof en)['history'])[]
}

/** Changes of one field that have a sentence of their own. */
const alone: Record<string, keyof (typeof en)['history']> = { filename: 'renamed', folder_id: 'moved', topic: 'topicSet' }

/** What an entry says; undefined for an action that has no words yet. */
export function told(entry: Entry): Told | undefined {
  const key = entry.action.replaceAll('.', '_')
  if (key === 'document_changed') {
    const fields = Array.isArray(entry.metadata['fields']) ? (entry.metadata['fields'] as string[]) : []
    const only = fields.length === 1 ? alone[fields[0] ?? ''] : undefined
    if (only) return { key: `history.${only}`, fields: [] }
    const named = fields.filter((field) => field in en.history) as Told['fields']
    return named.length > 0 ? { key: 'history.document_changed', fields: named } : { key: 'actions.document_changed', fields: [] }
  }
  if (key === 'document_analyzed' && entry.metadata['suggested'] === true) return { key: 'history.document_suggested', fields: [] }
  if (key in en.history) return { key: `history.${key}` as Told['key'], fields: [] }
  return key in en.actions ? { key: `actions.${key}` as Told['key'], fields: [] } : undefined
}

/** Who did it, where it was not the user on a page; as a key of the words. */
export function doer(entry: Entry): `history.${'byVault' | 'byOperator' | 'byProgram'}` | undefined {
  if (entry.actor === 'system') return 'history.byVault'
  if (entry.actor === 'admin') return 'history.byOperator'
  return entry.metadata['token'] ? 'history.byProgram' : undefined
}
