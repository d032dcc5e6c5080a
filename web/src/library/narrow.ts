import type { Status } from './papers'

export type State = 'all' | 'moving' | 'failed'

/** What a list is narrowed to; '' and 0 are all. Topic and tag are ids. */
export interface Narrowed {
  state: State
  topic: string
  tag: string
  year: number
}

export const nothing: Narrowed = { state: 'all', topic: '', tag: '', year: 0 }

export const states: Record<State, Status[]> = { all: [], moving: ['stored', 'processing'], failed: ['failed'] }
