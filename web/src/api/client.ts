import createClient from 'openapi-fetch'
import { useSession } from '@/session/store'
import { asProblem, Problem, problemOf } from './problem'
import type { paths } from './schema'

/** Sends a request with the access token; a token that was refused for its age is renewed, once. */
async function signed(request: Request): Promise<Response> {
  const session = useSession()
  const again = request.clone()
  const token = await session.token()
  request.headers.set('Authorization', `Bearer ${token}`)
  const response = await fetch(request)
  if (response.status !== 401) return response
  const problem = problemOf(response, await response.clone().json().catch(() => undefined))
  switch (problem.code) {
    case 'token_expired':
    case 'unauthenticated':
      again.headers.set('Authorization', `Bearer ${await session.tokenInsteadOf(token)}`)
      return fetch(again)
    case 'session_revoked':
      session.ended(problem)
      throw problem
    default:
      return response
  }
}

/** The API, typed by openapi.yaml. Wrap calls in [ok]. */
export const api = createClient<paths>({
  fetch: signed,
  credentials: 'same-origin',
  querySerializer: { array: { style: 'form', explode: false } }, // status=stored,ready
})

interface Answer<T> {
  data?: T
  error?: unknown
  response: Response
}

/** The data of an answer; throws a Problem for everything else. */
export async function ok<T>(call: Promise<Answer<T>>): Promise<T> {
  let answer: Answer<T>
  try {
    answer = await call
  } catch (thrown) {
    throw asProblem(thrown)
  }
  if (!answer.response.ok) throw problemOf(answer.response, answer.error)
  return answer.data as T
}

/** Whether a thrown value is a Problem of this code. */
export function isCode(thrown: unknown, code: Problem['code']): thrown is Problem {
  return thrown instanceof Problem && thrown.code === code
}
