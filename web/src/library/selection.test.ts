import { describe, expect, it } from 'vitest'
import { shallowRef } from 'vue'
import { useSelection } from './selection'

const rows = ['a', 'b', 'c', 'd', 'e']

describe('selection', () => {
  it('adds and takes away', () => {
    const s = useSelection(() => rows)
    s.toggle('b')
    s.toggle('d')
    s.toggle('b')
    expect(s.ids.value).toEqual(['d'])
  })

  it('takes a range from the last one touched, in both directions, and adds to it', () => {
    const s = useSelection(() => rows)
    s.toggle('d')
    s.toggle('b', true)
    expect(s.ids.value).toEqual(['b', 'c', 'd'])
    s.toggle('e', true)
    expect(s.ids.value).toEqual(['b', 'c', 'd', 'e'])
  })

  it('names only rows that are still in the list', () => {
    const list = shallowRef(rows)
    const s = useSelection(() => list.value)
    s.all()
    list.value = rows.slice(0, 2)
    expect(s.ids.value).toEqual(['a', 'b'])
  })
})
