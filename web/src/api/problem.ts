import type { components } from './schema'

export type Code = components['schemas']['Problem']['code'] | 'network' | 'storage' | 'unreadable'

/**
 * An error as people see it: a stable code, the API's sentence, and the id that
 * finds the request in the log. `network`, `storage` and `unreadable` are the page's own
 * codes: nothing answered, storage refused, a file could not be read.
 */
export class Problem extends Error {
  constructor(
    readonly code: Code,
    readonly status: number,
    detail: string,
    readonly requestId = '',
    readonly fields: Readonly<Record<string, unknown>> = {},
  ) {
    super(detail)
    this.name = 'Problem'
  }

  /** A number that the code promises, for example limit_bytes. */
  number(name: string): number {
    const value = this.fields[name]
    return typeof value === 'number' ? value : 0
  }

  text(name: string): string {
    const value = this.fields[name]
    return typeof value === 'string' ? value : ''
  }
}

/** A problem as the API writes it: an answer, or a part of one. */
export function problemIn(body: object): Problem {
  const p = body as Record<string, unknown>
  return new Problem(p['code'] as Code, Number(p['status'] ?? 0), String(p['detail'] ?? ''), String(p['request_id'] ?? ''), p)
}

/** Turns an answer of 400 or above into a Problem. */
export function problemOf(response: Response, body: unknown): Problem {
  const id = response.headers.get('X-Request-Id') ?? ''
  if (typeof body === 'object' && body !== null && 'code' in body) return problemIn({ request_id: id, ...body })
  return new Problem(response.status >= 500 ? 'unavailable' : 'internal', response.status, '', id)
}

/** What was thrown, as a Problem; fetch throws a TypeError when nothing answers. */
export function asProblem(thrown: unknown): Problem {
  if (thrown instanceof Problem) return thrown
  if (thrown instanceof TypeError || (thrown instanceof DOMException && thrown.name === 'TimeoutError')) {
    return new Problem('network', 0, '')
  }
  return new Problem('internal', 0, thrown instanceof Error ? thrown.message : '')
}
