import { expect, it } from 'vitest'
import { completed, completions, markedAt, pieces, settle } from './query'

const names = { topic: ['Invoices', 'Tax 2024', 'Out (old)'], tag: ['tax'] }

it('knows filters from words with a colon', () => {
  const filters = (q: string) => pieces(q).map((p) => p.filter)
  expect(filters('Re: 12:30 http://x Topic:a -tag:"b c" topic:"a b')).toEqual(['', '', '', 'topic', 'tag', 'topic'])
  expect(pieces('x topic:"a b" y').map((p) => [p.start, p.end, p.value])).toEqual([
    [0, 1, ''],
    [2, 13, 'a b'],
    [14, 15, ''],
  ])
})

it('takes complete filters out of what is typed', () => {
  expect(settle('rent topic:a ')).toEqual({ filters: ['topic:a'], rest: 'rent ' })
  expect(settle('topic:a rent -tag:"b c" may')).toEqual({ filters: ['topic:a', '-tag:"b c"'], rest: 'rent may' })
  for (const typed of ['topic:a', 'topic: ', 'topic:"a b ', 'rent', 'topic:a OR tag:b ', '(topic:a ) x', 'topic:a |x ']) {
    expect(settle(typed)).toEqual({ filters: [], rest: typed })
  }
  expect(settle('"x OR y" topic:a b')).toEqual({ filters: ['topic:a'], rest: '"x OR y" b' })
})

it('completes names of filters and what the user has', () => {
  const labels = (typed: string, caret = typed.length) => completions(typed, caret, names).map((c) => c.label)
  expect(labels('rent to')).toEqual(['topic:'])
  expect(labels('-ta')).toEqual(['tag:'])
  expect(labels('t')).toEqual([])
  expect(labels('to ')).toEqual([])
  expect(labels('topic:')).toEqual(['Invoices', 'Tax 2024', 'Out (old)'])
  expect(labels('topic:o')).toEqual(['Out (old)', 'Invoices'])
  expect(labels('topic:zz')).toEqual([])
  expect(labels('is:')).toEqual(['ready', 'processing', 'failed', 'trashed'])
  expect(labels('topic:a rent', 7)).toEqual(['Tax 2024'])
})

it('writes what was chosen', () => {
  const choose = (typed: string, caret: number) => {
    const [first] = completions(typed, caret, names)
    return first ? completed(typed, caret, first) : { text: '', caret: 0 }
  }
  expect(choose('rent to', 7)).toEqual({ text: 'rent topic:', caret: 11 })
  expect(choose('-topic:tax', 10)).toEqual({ text: '-topic:"Tax 2024" ', caret: 18 })
  expect(choose('topic:out', 9).text).toBe('topic:"Out (old)" ')
  expect(choose('topic:inv rent', 7)).toEqual({ text: 'topic:Invoices rent', caret: 15 })
})

it('cuts a query where it is wrong, by characters', () => {
  expect(markedAt('😀 topic:x y', 8, 1)).toEqual(['😀 topic:', 'x', ' y'])
  expect(markedAt('a', 5, 2)).toEqual(['a', '', ''])
})
