import { problemOf } from '@/api/problem'

/** Sends JSON, by itself without a token; throws a Problem for an answer of 400 or above. */
export async function post(path: string, body?: unknown, token?: string): Promise<Response> {
  const headers: Record<string, string> = {}
  if (body !== undefined) headers['Content-Type'] = 'application/json'
  if (token) headers['Authorization'] = `Bearer ${token}`
  const init: RequestInit = { method: 'POST', headers, credentials: 'same-origin', signal: AbortSignal.timeout(30_000) }
  if (body !== undefined) init.body = JSON.stringify(body)
  const response = await fetch(path, init)
  if (!response.ok) throw problemOf(response, await response.json().catch(() => undefined))
  return response
}
