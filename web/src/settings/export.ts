import { api, ok } from '@/api/client'

/**
 * The whole audit log with its proofs as a file: a page of the API a line, byte
 * for byte as it came, since numbers in it may be larger than a script's.
 */
export async function exportAudit(progress: (entries: number) => void): Promise<Blob> {
  const lines: Blob[] = []
  let entries = 0
  let cursor: string | undefined
  do {
    const query = cursor ? { limit: 200, cursor } : { limit: 200 }
    const line = (await ok(api.GET('/v1/me/audit/export', { params: { query }, parseAs: 'text' }))) as string
    const page = JSON.parse(line) as { items: unknown[]; next_cursor?: string }
    lines.push(new Blob([line.trimEnd(), '\n']))
    entries += page.items.length
    cursor = page.next_cursor
    progress(entries)
  } while (cursor)
  return new Blob(lines, { type: 'application/jsonl' })
}
