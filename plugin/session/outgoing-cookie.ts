import type { FastifyRequest } from 'fastify'
import type { Stored } from './stored.js'
import type { Cookie } from '../cookie.js'
import type { Rows } from '../commit/rows.js'

const NO_COOKIE = Symbol('no cookie')

/** Decides which cookie the browser must get, by what its cookie says and what is true when the headers are sent. */
export class OutgoingCookie {
  readonly #cookie: Cookie
  readonly #rows: Rows
  readonly #request: FastifyRequest
  #inBrowser: Stored | typeof NO_COOKIE | undefined
  #sent: string | undefined

  /** @param inBrowser the session that the browser's cookie leads to */
  constructor (cookie: Cookie, rows: Rows, request: FastifyRequest, inBrowser: Stored | undefined) {
    this.#cookie = cookie
    this.#rows = rows
    this.#request = request
    this.#inBrowser = inBrowser
  }

  /**
   * Sends the cookie that is due, if one is.
   *
   * @param stored the session as it is stored now, if it is
   * @param hasEnded whether the request has ended a session
   * @param send sends a Set-Cookie header, in place of the one that was sent before
   */
  sendDue (stored: Stored | undefined, hasEnded: boolean, send: (header: string, replaced: string | undefined) => void): void {
    const header = stored === undefined ? this.#clearing(hasEnded) : this.#setting(stored)
    if (header === undefined) return
    send(header, this.#sent)
    this.#sent = header
    this.#inBrowser = stored ?? NO_COOKIE
  }

  #clearing (hasEnded: boolean): string | undefined {
    return hasEnded && this.#inBrowser !== NO_COOKIE ? this.#cookie.clear(this.#request) : undefined
  }

  #setting (stored: Stored): string | undefined {
    const { token, row: { deadline, rememberMe } } = stored
    if (this.#isInBrowser(stored)) return undefined
    return this.#cookie.set(token, { ttl: deadline - this.#rows.now(), rememberMe: rememberMe === true }, this.#request)
  }

  #isInBrowser ({ token, row }: Stored): boolean {
    const has = this.#inBrowser
    return has !== NO_COOKIE && has?.token === token && has.row.deadline === row.deadline && has.row.rememberMe === row.rememberMe &&
      (has.row.expiry === row.expiry || !this.#rows.leadCookies)
  }
}
