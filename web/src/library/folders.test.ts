import { expect, it } from 'vitest'
import { treeOf, type Folder } from './folders'

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
