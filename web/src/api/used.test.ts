import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, it } from 'vitest'

// What people have an account, topics and an administration for is on the page.
// An operation that is not says here why.
const elsewhere: Record<string, string> = {}

it('uses every operation on the account, the session, topics, tags and the administration', () => {
  const operations: string[] = []
  let path = ''
  for (const line of readFileSync('../openapi.yaml', 'utf8').split('\n')) {
    path = /^ {2}(\/v1\/\S+):$/.exec(line)?.[1] ?? path
    const method = /^ {4}(get|post|patch|put|delete):$/.exec(line)?.[1]
    if (method && /^\/v1\/(me|auth|admin|topics|tags)(\/|$)/.test(path)) operations.push(`${method.toUpperCase()} ${path}`)
  }
  expect(operations.length).toBeGreaterThan(35)

  const used = new Set<string>()
  for (const entry of readdirSync('src', { recursive: true, withFileTypes: true })) {
    if (!/(?<!test)\.(vue|ts)$/.test(entry.name) || entry.name === 'schema.d.ts') continue
    const source = readFileSync(join(entry.parentPath, entry.name), 'utf8')
    for (const [, method, at] of source.matchAll(/api\.(GET|POST|PATCH|PUT|DELETE)\(\s*'([^']+)'/g)) used.add(`${method} ${at}`)
    for (const [, at] of source.matchAll(/(?:post|enter)\(\s*'([^']+)'/g)) used.add(`POST ${at}`)
  }
  expect(operations.filter((operation) => !used.has(operation) && !(operation in elsewhere))).toEqual([])
  expect(Object.keys(elsewhere).filter((operation) => used.has(operation) || !operations.includes(operation))).toEqual([])
})
