import type { FastifyRequest } from 'fastify'
import { tokensIn } from './cookie.js'
import { InvalidOptionError } from './errors.js'
import type { Settings } from './options.js'
import { isToken } from './token.js'
import { described } from '../stores/validate.js'

/** Reads the token of a request, where it does not come from a cookie. */
export type TokenOption = (request: FastifyRequest) => string | undefined

/**
 * Returns a function that gives the well-formed tokens of a request: those of its cookies, or that of the option `token`. It throws
 * what the option throws, and `FST_SESSION_INVALID_OPTION` for anything but a string or undefined.
 */
export function tokenSource ({ name, token, cookie }: Pick<Settings, 'name' | 'token' | 'cookie'>): (request: FastifyRequest) => readonly string[] {
  if (token === undefined) return request => tokensIn(request.headers.cookie, cookie.name)
  return request => {
    const value: unknown = token(request)
    if (value === undefined) return NONE
    if (typeof value !== 'string') throw new InvalidOptionError(`token must return a string, or undefined for a request without a token, not ${described(value)} (request.${name})`)
    return isToken(value) ? [value] : NONE
  }
}

const NONE: readonly never[] = []
