import { hash } from 'node:crypto'

/**
 * A short name of a session, for logs and events. Neither the token nor the key of the row can be computed from it.
 *
 * @param key the key of the session's row
 */
export function sessionId (key: string): string {
  return hash('sha256', `id:${key}`, 'base64url').slice(0, 12)
}
