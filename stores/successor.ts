import { asBuffer } from './bytes.js'
import { FORMAT } from './format.js'
import type { StoredSession, Successor } from './store.js'

/*
 * The note that a renewed session leaves in its old row: it names the new one, so that a sign-out that was loaded under
 * the old token still ends the session. The row is expired from the beginning, so nothing ever loads it, neither this
 * plugin nor SCS; only `delete` follows it, and the cleanup spares it for SUCCESSOR_TTL. The plugin may add a text of its own,
 * which `find` returns to it.
 */

/** How the data of such a row begins. */
export const NOTE = Buffer.from(`${FORMAT}renewed as `)

/** How far a chain of renewals is followed: more links than can come about within SUCCESSOR_TTL. */
export const MOST_SUCCESSORS = 32

/** Stands between the token and the text. No token has it. */
const END = '\n'

/** The data of the row that a renewed session leaves. */
export function successorNote ({ to, note }: { readonly to: string, readonly note?: string }): Buffer {
  return Buffer.concat([NOTE, Buffer.from(note === undefined ? to : `${to}${END}${note}`)])
}

/** The token that such a row names, or undefined if the data is no such note. */
export function successorIn (data: Uint8Array): string | undefined {
  // Called for every row that is read, so it allocates nothing.
  if (data.length < NOTE.length || NOTE.compare(data, 0, NOTE.length) !== 0) return undefined
  return split(data)[0]
}

/** What a note's row says. Its expiry is the time of the renewal. */
export function successorOf ({ token, data, ttl }: StoredSession): Successor {
  const [to = '', note] = split(data)
  return { token, to, note, age: Math.max(0, -ttl) }
}

function split (note: Uint8Array): string[] {
  return asBuffer(note).toString('utf8', NOTE.length).split(END)
}

/** Whether data is what a caller saw. */
export function isSeen (data: Uint8Array, seen: { readonly bytes: Uint8Array, readonly whole: boolean }): boolean {
  const { bytes, whole } = seen
  if (whole ? data.length !== bytes.length : data.length < bytes.length) return false
  return asBuffer(data).compare(bytes, 0, bytes.length, 0, bytes.length) === 0
}
