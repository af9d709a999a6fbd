import { asBuffer } from './bytes.js'
import { FORMAT } from './format.js'

/*
 * The note that a renewed session leaves in its old row: it names the new one, so that a sign-out that was loaded under
 * the old token still ends the session. The row is expired from the beginning, so nothing ever loads it, neither this
 * plugin nor SCS; only `delete` reads it, and the cleanup spares it for SUCCESSOR_TTL.
 */

/** How the data of such a row begins. */
export const NOTE = Buffer.from(`${FORMAT}renewed as `)

/** How far a chain of renewals is followed: more links than can come about within SUCCESSOR_TTL. */
export const MOST_SUCCESSORS = 32

/** The data of the row that a renewed session leaves. */
export function successorNote (token: string): Buffer {
  return Buffer.concat([NOTE, Buffer.from(token)])
}

/** The token that such a row names, or undefined if the data is no such note. */
export function successorIn (data: Uint8Array): string | undefined {
  // Called for every row that is read, so it allocates nothing.
  if (data.length < NOTE.length || NOTE.compare(data, 0, NOTE.length) !== 0) return undefined
  return asBuffer(data).toString('utf8', NOTE.length)
}

/** Whether data is what a caller saw. */
export function isSeen (data: Uint8Array, seen: { readonly bytes: Uint8Array, readonly whole: boolean }): boolean {
  const buffer = asBuffer(data)
  return (seen.whole ? buffer : buffer.subarray(0, seen.bytes.length)).equals(seen.bytes)
}
