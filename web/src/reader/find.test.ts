import { expect, it } from 'vitest'
import { find, pageText } from './find'

const page = pageText(['Notice', ' ', 'period of three', 'months; Haft-', 'pflicht', '2024-0815', 'NOTICE', 'period'])

it('finds across pieces, lines and hyphens, in any case', () => {
  expect(find(page, 'notice period')).toEqual([{ from: 0, to: 2 }, { from: 6, to: 7 }])
  expect(find(page, 'Three months')).toEqual([{ from: 2, to: 3 }])
  expect(find(page, 'Haftpflicht')).toEqual([{ from: 3, to: 4 }])
  expect(find(page, '2024-0815')).toEqual([{ from: 5, to: 5 }])
  expect(find(page, '20240815')).toEqual([{ from: 5, to: 5 }])
})

it('finds each place once, and nothing where there is nothing', () => {
  expect(find(pageText(['aaaa']), 'aa')).toHaveLength(2)
  expect(find(page, 'absent')).toEqual([])
  expect(find(page, ' - ')).toEqual([])
  expect(find(pageText([]), 'a')).toEqual([])
})
