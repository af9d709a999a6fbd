import { hash } from 'node:crypto'
import { randomText } from './codecs/random.js'

/** Returns 32 random bytes as base64url, as SCS does: 256 bits, 43 characters. */
export function newToken (): string {
  return randomText(32)
}

/** Whether a cookie's value has the form of a token. Other values cost no query. */
export function isToken (value: string): boolean {
  return value.length === 43 && /^[\w-]+$/.test(value)
}

/**
 * Returns the hash of a token that the table has: SHA-256 as base64url, as SCS writes it with HashTokenInStore. A name other
 * than the usual one is part of the hash. So on a shared table the token of a `session` never opens an `adminSession`.
 */
export function hashToken (token: string, name: string = USUAL_NAME): string {
  return hash('sha256', name === USUAL_NAME ? token : `${name}:${token}`, 'base64url')
}

/** The default name of the request's property. */
export const USUAL_NAME = 'session'
