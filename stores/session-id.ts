import { hash } from 'node:crypto'

/** How many characters an id has: 96 bits. */
export const ID_LENGTH = 16

/** Names a session, for logs, events and users. */
export type SessionId = (key: string) => string

/**
 * A name of a session that says nothing of its key: neither the token nor the key of the row can be computed from it, and it
 * finds no row.
 *
 * @param key the key of the session's row
 */
export function sessionId (key: string): string {
  return hash('sha256', `id:${key}`, 'base64url').slice(0, ID_LENGTH)
}

/**
 * A name by which an index finds the row: how its key begins. Only where keys are hashes of tokens. A token cannot be computed
 * from its hash, and still less from a part of it.
 */
export function idOfHash (key: string): string {
  return key.slice(0, ID_LENGTH)
}
