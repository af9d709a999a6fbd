/*
 * What the cases of the contract share: how they make, find and compare sessions.
 */
import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setTimeout as sleep } from 'node:timers/promises'
import type { NewSession, Outcome, Seen, SessionStore, StoredSession } from '../store.js'

/** Cases by their names. A name says in a sentence what the store does. */
export interface Cases {
  readonly [name: string]: (store: SessionStore) => Promise<void>
}

export const HOUR = 3_600_000
/** How far a clock of whole seconds may be off, in milliseconds. */
export const GRAIN = 2000
const HEADER_LENGTH = 16

export function newToken (): string {
  return randomBytes(32).toString('base64url')
}

interface Given {
  readonly token?: string
  /** What stands behind a header. */
  readonly text?: string
  readonly data?: Uint8Array
  readonly ttl?: number
  readonly owner?: string | undefined
}

/** A session whose data begin with a header that is new each time. */
export function newSession ({ token = newToken(), text = 'data', data, ttl = HOUR, owner }: Given = {}): NewSession {
  return { token, data: data ?? Buffer.concat([randomBytes(HEADER_LENGTH), Buffer.from(text)]), ttl, ...owner !== undefined && { owner } }
}

export async function inserted (store: SessionStore, given?: Given): Promise<NewSession> {
  const session = newSession(given)
  assert.equal(await store.insert(session), true, 'insert')
  return session
}

/** The session under a new token, with new data. */
export async function moved (store: SessionStore, { token }: NewSession, given?: Given): Promise<NewSession> {
  const next = newSession(given)
  await store.rewrite([token], () => [{ kind: 'move', token, to: next.token }, { kind: 'insert', session: next }])
  return next
}

export const headerOf = ({ data }: { readonly data: Uint8Array }): Seen => ({ bytes: data.subarray(0, HEADER_LENGTH), whole: false })
export const wholeOf = ({ data }: { readonly data: Uint8Array }): Seen => ({ bytes: data, whole: true })
export const textOf = (data: Uint8Array): string => Buffer.from(data).toString('utf8', HEADER_LENGTH)

/** What a collation may take for `token`, whose first two characters are aZ. */
export function similarTo (token: string): string[] {
  const rest = token.slice(2)
  return [`Az${rest}`, `AZ${rest}`, `${token} `, ` ${token}`, `àZ${rest}`, `${token}\0`, token.slice(0, -1)]
}

export async function one (store: SessionStore, token: string): Promise<StoredSession> {
  const { sessions } = await store.find([token])
  assert.equal(sessions.length, 1, 'the session is found')
  return sessions[0] as StoredSession
}

export async function dataOf (store: SessionStore, token: string): Promise<Uint8Array | undefined> {
  return (await store.find([token])).sessions[0]?.data
}

/** Waits until a session with a short life is over. */
export async function expiry (store: SessionStore, token: string): Promise<void> {
  const giveUpAt = performance.now() + 10_000
  while (await dataOf(store, token) !== undefined) {
    if (performance.now() > giveUpAt) assert.fail('the session does not expire')
    await sleep(5)
  }
}

export async function deleteAllExpired (store: SessionStore): Promise<void> {
  for (let rounds = 0; rounds < 1000; rounds++) {
    if (await store.deleteExpired(1000) === 0) return
  }
  assert.fail('it never ends')
}

export function assertSame (actual: Uint8Array | undefined, expected: Uint8Array | undefined): void {
  assert.ok(actual !== undefined && expected !== undefined, 'the session is there')
  assert.ok(Buffer.compare(actual, expected) === 0, `the data are ${preview(actual)}, and not ${preview(expected)}`)
}

function preview (data: Uint8Array): string {
  return `${data.length} bytes ${Buffer.from(data.subarray(0, 40)).toString('latin1')}`
}

export function assertChanged (outcome: Outcome, newest: NewSession): asserts outcome is Outcome & { kind: 'changed' } {
  assert.equal(outcome.kind, 'changed')
  assert.equal(outcome.session.token, newest.token)
  assertSame(outcome.session.data, newest.data)
}

/** A clock of another machine may tell whole seconds, and some time may have gone by. */
export function assertAbout (actual: number, expected: number, elapsed: number): void {
  assert.ok(actual <= expected + GRAIN && actual >= expected - elapsed - GRAIN, `${actual} is not about ${expected}`)
}
