import { expect, it } from 'vitest'
import { routes } from '.'
import pages from './pages.json'

it('the server serves the page at the first segment of each route, and at no other', () => {
  const first = routes.filter((r) => !r.path.startsWith('/:')).map((r) => r.path.split('/')[1])
  expect([...new Set(first)].sort()).toEqual([...pages].sort())
})
