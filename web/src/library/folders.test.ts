import { expect, it } from 'vitest'
import { treeOf, unfolded, withinOf, type Folder } from './folders'

const folder = (id: string, name: string, parent?: string): Folder => ({
  id,
  name,
  documents: 0,
  created_at: '',
  version: 1,
  ...(parent && { parent_id: parent }),
})

it('folders are read from top to bottom, by name, each after the one it is in', () => {
  const tree = treeOf([folder('1', 'Tax'), folder('2', 'Home'), folder('3', '2024', '1'), folder('4', '2023', '1'), folder('5', 'Rent', '2')])
  expect(tree.map((b) => `${b.depth} ${b.name}`)).toEqual(['0 Home', '1 Rent', '0 Tax', '1 2023', '1 2024'])
})

it('what is in a closed folder is not seen, and a folder holds itself and all below it', () => {
  const tree = treeOf([folder('1', 'Tax'), folder('2', 'Home'), folder('3', '2024', '1'), folder('4', 'Letters', '3'), folder('5', 'Rent', '2')])
  expect(tree.map((b) => b.path)).toEqual(['Home', 'Home / Rent', 'Tax', 'Tax / 2024', 'Tax / 2024 / Letters'])
  expect(unfolded(tree, new Set(['1'])).map((b) => b.name)).toEqual(['Home', 'Tax', '2024'])
  expect(unfolded(tree, new Set()).map((b) => b.name)).toEqual(['Home', 'Tax'])
  expect([...withinOf(tree, '1')]).toEqual(['1', '3', '4'])
  expect([...withinOf(tree, '5')]).toEqual(['5'])
  expect([...withinOf(tree, 'gone')]).toEqual([])
})
