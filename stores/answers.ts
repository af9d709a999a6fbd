import { StoreMisconfiguredError } from './errors.js'
import type { Found, Outcome, StoredSession } from './store.js'
import { inspected } from './validate.js'

/*
 * What a store of the user's answers is checked, because a wrong answer would otherwise fail far from its cause. Each
 * function returns the answer, or throws `FST_SESSION_STORE_MISCONFIGURED`. No message holds a token or data.
 */

export function checkedFound (answer: unknown): Found {
  const { now, sessions, renewed, successors } = properties('find', '{ now, sessions }', answer)
  if (typeof now !== 'number' || !Number.isFinite(now)) refuse('find', 'its property now must be the database\'s time in milliseconds', now)
  if (!Array.isArray(sessions)) refuse('find', 'its property sessions must be an array', sessions)
  if (renewed !== undefined && !Array.isArray(renewed)) refuse('find', 'its property renewed must be an array of tokens', renewed)
  if (successors !== undefined && !Array.isArray(successors)) refuse('find', 'its property successors must be an array', successors)
  sessions.forEach(session => checkSession('find', session))
  return answer as Found
}

export function checkedOutcome (answer: unknown): Outcome {
  const { kind, now, session } = properties('update', '{ kind }', answer)
  if (kind !== 'saved' && kind !== 'gone' && kind !== 'changed') refuse('update', "its property kind must be 'saved', 'changed' or 'gone'", kind)
  if (kind === 'changed') {
    if (typeof now !== 'number' || !Number.isFinite(now)) refuse('update', 'its property now must be the database\'s time in milliseconds', now)
    checkSession('update', session)
  }
  return answer as Outcome
}

export function checkedInsert (answer: unknown): boolean {
  if (typeof answer !== 'boolean') refuse('insert', 'it must be true or false', answer)
  return answer
}

export function checkedCount (answer: unknown): number {
  if (typeof answer !== 'number' || !Number.isSafeInteger(answer) || answer < 0) refuse('count', 'it must be a whole number of 0 or more', answer)
  return answer
}

function checkSession (method: string, session: unknown): asserts session is StoredSession {
  const { token, data, ttl } = properties(method, 'a session { token, data, ttl }', session)
  if (typeof token !== 'string') refuse(method, 'the token of a session must be a string', token)
  if (!(data instanceof Uint8Array)) refuse(method, 'the data of a session must be a Uint8Array, a Buffer for example', data)
  if (typeof ttl !== 'number' || Number.isNaN(ttl)) refuse(method, 'the ttl of a session must be a number of milliseconds', ttl)
}

function properties (method: string, shape: string, answer: unknown): { readonly [name: string]: unknown } {
  if (typeof answer !== 'object' || answer === null) refuse(method, `it must be ${shape}`, answer)
  return answer as { readonly [name: string]: unknown }
}

function refuse (method: string, expected: string, answer: unknown): never {
  // A string may be a token, or a session.
  throw new StoreMisconfiguredError(`The store's ${method} gave a wrong answer: ${expected}, not ${typeof answer === 'string' ? 'a string' : inspected(answer)}`)
}
