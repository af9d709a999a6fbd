import { hash, randomBytes } from 'node:crypto'

/** 32 random bytes as base64url, as SCS makes them: 256 bits, 43 characters. */
export function newToken (): string {
  return randomBytes(32).toString('base64url')
}

/** Whether a cookie's value can be a token at all. Anything else is not worth a query. */
export function isToken (value: string): boolean {
  return value.length === 43 && /^[\w-]+$/.test(value)
}

/**
 * What stands for a token in the table: its SHA-256 as base64url, what SCS's HashTokenInStore writes. Sessions of another
 * name than the usual one are bound to it, so that on one table nobody's `session` can be passed off as an `adminSession`.
 */
export function hashToken (token: string, name: string = USUAL_NAME): string {
  return hash('sha256', name === USUAL_NAME ? token : `${name}:${token}`, 'base64url')
}

/** The name of a registration's property unless the application gives another. */
export const USUAL_NAME = 'session'

/** A name for a session that is safe in logs: it cannot be turned into the token, nor into the key of its row. */
export function sessionId (token: string): string {
  return hash('sha256', `id:${token}`, 'base64url').slice(0, 12)
}
