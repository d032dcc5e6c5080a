import { expect, it } from 'vitest'
import { doer, told, type Entry } from './history'

const entry = (action: string, metadata = {}, actor: Entry['actor'] = 'user'): Entry => ({ id: 1, at: '2026-01-01T00:00:00Z', actor, action, metadata })

it('tells a rename, a move and a topic as what they are', () => {
  for (const [field, key] of [['filename', 'renamed'], ['folder_id', 'moved'], ['topic', 'topicSet']] as const) {
    expect(told(entry('document.changed', { fields: [field] }))).toEqual({ key: `history.${key}`, fields: [] })
  }
  expect(told(entry('document.changed', { fields: ['title', 'topic'] }))).toEqual({ key: 'history.document_changed', fields: ['title', 'topic'] })
  for (const field of ['filename', 'title', 'correspondent', 'notes', 'reference', 'document_date', 'folder_id', 'topic', 'tags']) {
    expect(told(entry('document.changed', { fields: [field, 'tags'] }))?.fields).toEqual([field, 'tags'])
  }
  expect(told(entry('document.changed', {}))?.key).toBe('actions.document_changed')
})

it('says whether the vault suggested a topic', () => {
  expect(told(entry('document.analyzed', { suggested: true }))?.key).toBe('history.document_suggested')
  expect(told(entry('document.analyzed', { suggested: false }))?.key).toBe('history.document_analyzed')
})

it('says who did it', () => {
  expect(doer(entry('upload.stored', {}, 'system'))).toBe('history.byVault')
  expect(doer(entry('document.changed', { token: 'id' }))).toBe('history.byProgram')
  expect(doer(entry('document.changed'))).toBeUndefined()
})
