import type { FastifyRequest } from 'fastify'
import type { Stored } from './stored.js'
import type { Cookie } from '../cookie.js'
import type { Rows } from '../commit/rows.js'

const NO_COOKIE = Symbol('no cookie')

/** Decides which cookie to send: compares the browser's cookie with the session as it is when the headers are sent. */
export class OutgoingCookie {
  readonly #cookie: Cookie
  readonly #rows: Rows
  readonly #request: FastifyRequest
  readonly #received: Stored | undefined
  #inBrowser: Stored | typeof NO_COOKIE | undefined
  #sent: string | undefined

  /** @param received the session that the browser's cookie leads to */
  constructor (cookie: Cookie, rows: Rows, request: FastifyRequest, received: Stored | undefined) {
    this.#cookie = cookie
    this.#rows = rows
    this.#request = request
    this.#received = this.#inBrowser = received
  }

  /**
   * Sends the cookie that is due, if one is. Takes a cookie back whose session another request has ended.
   *
   * @param stored the session as it is stored now, if it is
   * @param hasEnded whether the request has ended a session
   * @param send sends a Set-Cookie header, in place of the one that was sent before
   */
  sendDue (stored: Stored | undefined, hasEnded: boolean, send: (header: string | undefined, replaced: string | undefined) => void): void {
    const isTakenBack = stored === undefined && !hasEnded && this.#sent !== undefined
    const header = stored === undefined ? this.#clearing(hasEnded) : this.#setting(stored)
    if (header === undefined && !isTakenBack) return
    send(header, this.#sent)
    this.#sent = header
    this.#inBrowser = isTakenBack ? this.#received : stored ?? NO_COOKIE
  }

  /**
   * Whether the browser lacks the cookie of a session, or has one that ends at another time than the session's deadline. The cookie of
   * another request's renewal leaves with that one's response in any case.
   */
  isDue (stored: Stored | undefined): boolean {
    return stored !== undefined && stored.isFollowed !== true && !this.#hasDeadlineOf(stored)
  }

  #clearing (hasEnded: boolean): string | undefined {
    return hasEnded && this.#inBrowser !== NO_COOKIE ? this.#cookie.clear(this.#request) : undefined
  }

  #setting (stored: Stored): string | undefined {
    const { token, row: { deadline, rememberMe } } = stored
    if (this.#isInBrowser(stored)) return undefined
    return this.#cookie.set(token, { ttl: deadline - this.#rows.now(), rememberMe: rememberMe === true }, this.#request)
  }

  #isInBrowser (stored: Stored): boolean {
    return this.#hasDeadlineOf(stored) && (!this.#rows.leadCookies || (this.#inBrowser as Stored).row.expiry === stored.row.expiry)
  }

  #hasDeadlineOf ({ token, row: { deadline, rememberMe } }: Stored): boolean {
    const has = this.#inBrowser
    return has !== NO_COOKIE && has?.token === token && has.row.deadline === deadline && has.row.rememberMe === rememberMe
  }
}
