import type { FastifyBaseLogger, FastifyReply, FastifyRequest } from 'fastify'
import { checkedCallback } from './arguments.js'
import { Lease, type LeaseHolder } from './lease.js'
import type { SessionHost } from './host.js'
import { warnOfUnsaved, warnOfUnsent } from './loss.js'
import { Operations, type Registration, type Surroundings } from './operations.js'
import { calledBack } from './outcome.js'
import { OutgoingCookie } from './outgoing-cookie.js'
import { withProperties } from './properties.js'
import { RequestSession } from './request-session.js'
import type { Patience } from './patience.js'
import { Response } from './response.js'
import { SessionValues } from './session-values.js'
import type { Stored } from './stored.js'
import type { Loaded } from './loader.js'
import { originOf, type Origin } from '../origin.js'
import { varyByCookie } from '../response-head.js'

/** The life of a session in one request: loaded, opened at the first look, committed before the headers leave. */
export class SessionLife implements SessionHost, Surroundings, LeaseHolder {
  readonly of: Registration
  readonly reply: FastifyReply
  readonly loadedAt: number
  readonly mayBegin = true
  readonly #request: FastifyRequest
  /** Undefined if the request has no token. */
  readonly #loaded: Loaded | undefined
  /** Undefined if sessions have no idle timeout. */
  readonly #lease: Lease | undefined
  #session: RequestSession | undefined
  #properties: RequestSession | undefined
  #response: Response | undefined
  /** Undefined until it is needed, so that a request that does not look usually costs no more than its query. */
  #values: SessionValues | undefined
  #operations: Operations | undefined
  #outgoing: OutgoingCookie | undefined
  /** The session of the token that the client has sent. */
  #received: Stored | undefined
  #patience: Patience | undefined
  /** Whether the application has looked at the session. */
  #isLookedAt = false
  #isDestroyed = false
  /** Whether a reply has begun. */
  #isSent = false
  /** What {@link beforeHeaders} is waiting for. */
  #finishing: Promise<void> | undefined
  #isWatched = false
  /** {@link hasNewCookie} */
  #hasNewCookie = false

  /** @param loaded what the request's tokens have found; undefined if it has none */
  constructor (of: Registration, request: FastifyRequest, reply: FastifyReply, loaded?: Loaded) {
    this.of = of
    this.#request = request
    this.reply = reply
    this.#loaded = loaded
    this.loadedAt = loaded === undefined ? 0 : performance.now()
    if (of.keeper === undefined) return
    this.#lease = new Lease(of.storage, of.keeper, this)
    this.#lease.begin()
  }

  /**
   * The browser has another cookie than the session's: that of another plugin, or one from before a renewal. The session's cookie leaves
   * with the headers, and so does `clearing`, which removes that of another plugin.
   */
  hasNewCookie (clearing: string | undefined): void {
    this.#hasNewCookie = true
    const operations = this.#operate()
    if (!this.#canSetCookie()) return
    this.#sendCookieAtOnce(operations)
    if (clearing !== undefined) this.response.sendOtherAtOnce(clearing)
  }

  /** What the application sees of it. */
  get session (): RequestSession {
    this.#session ??= new RequestSession(this)
    return this.#session
  }

  /** The same with the session's keys as properties. */
  get properties (): RequestSession {
    this.#properties ??= withProperties(this.session, () => { this.#properties = undefined })
    return this.#properties
  }

  get log (): FastifyBaseLogger {
    return this.#request.log
  }

  get outgoing (): OutgoingCookie | undefined {
    return this.#outgoing
  }

  canReach (): boolean {
    return !this.of.sendsCookies || this.#canSetCookie()
  }

  get origin (): Origin | undefined {
    return this.of.storage.rows.track ? originOf(this.#request) : undefined
  }

  get touching (): Promise<void> | undefined {
    return this.#lease?.prolonging
  }

  operationFailed (): void {
    this.watch()
  }

  get loadedExpiry (): number | undefined {
    const [first] = this.#loaded?.candidates ?? []
    return first && this.loadedAt + first.row.ttl
  }

  get opened (): SessionValues | undefined {
    return this.#values
  }

  get isWriting (): boolean {
    return this.#operations?.isBusy === true
  }

  expiryMoves (): void {
    if (this.of.storage.rows.leadCookies) this.#operate()
  }

  get isDestroyed (): boolean {
    return this.#isDestroyed
  }

  /** Returns the session for the application, and opens it if necessary. */
  look (): SessionValues {
    this.#isLookedAt = true
    return this.current
  }

  edit (): SessionValues {
    this.watch()
    return this.look()
  }

  /**
   * Looks once more after the response: a change that nothing saves by then is lost, and the log says so. Reading only
   * strings adds no listener, so that it stays cheap.
   */
  watch (): void {
    if (this.#isWatched) return
    this.#isWatched = true
    this.response.onFinish(() => {
      this.#isWatched = false
      this.#reportLoss()
    })
  }

  warnOfUnknown (name: string): void {
    this.of.unknown.warn(this.log, name, 'request.session')
  }

  run<R> (method: string, callback: unknown, operation: (operations: Operations) => Promise<R>): Promise<R> {
    const checked = checkedCallback(method, callback)
    this.look()
    return calledBack(operation(this.#operate()), checked, error => this.response.fail(error))
  }

  commit<R = void> (operations: Operations, result?: () => R): Promise<R> {
    return operations.commit(() => {
      this.#sendCookieAtOnce(operations)
      this.#lease?.begin()
      return result?.() as R
    })
  }

  destroy (operations: Operations): Promise<void> {
    const begin = () => {
      this.#values = SessionValues.empty(this.of.storage.rows)
      this.#isDestroyed = true
    }
    return operations.destroy(begin, () => this.#sendCookieAtOnce(operations))
  }

  async prolong (): Promise<void> {
    await this.#lease?.prolong()
  }

  /** Keeps the session alive until the response, or the connection of a websocket, is over. */
  lastUntilClose (): void {
    this.#lease?.lastUntilClose()
  }

  /**
   * Before the headers are sent: saves what was changed, or moves the expiry if that is due, and sets the cookie. Returns
   * undefined if there is nothing to wait for. Rejects if the reply must not be sent.
   *
   * Fastify calls it again for the reply to an error. A reply that is sent while an earlier one is still here (by a
   * handler that forgets to return the reply) waits with that one.
   *
   * @param options.isStream the response lasts beyond its headers
   */
  beforeHeaders (options: { readonly isStream: boolean }): Promise<void> | undefined {
    if (this.#finishing !== undefined) return this.#finishing
    const isFirst = !this.#isSent
    if (!isFirst && this.reply.raw.headersSent) return undefined
    this.#isSent = true
    if (this.#isLookedAt && this.of.sendsCookies) varyByCookie(this.reply)
    if (this.#operations?.isPending === true || this.#values?.mustCommit === true || (isFirst && (this.#lease?.isPending === true || this.#isUseDue))) {
      this.#finishing = this.#finish(isFirst, options)
      return this.#finishing
    }
    this.#setCookie()
    this.#lease?.headersLeave(options)
    return undefined
  }

  /** Before a response is ended that no reply of Fastify's has sent. Returns undefined if there is nothing to save. */
  beforeRawEnd (): Promise<void> | undefined {
    if (this.#isSent || (this.#values?.mustCommit !== true && this.#operations?.isBusy !== true)) return undefined
    return this.commit(this.#operate())
  }

  /** It always awaits something, so the caller sets `#finishing` before it ends. */
  async #finish (isFirst: boolean, options: { readonly isStream: boolean }): Promise<void> {
    try {
      const hasSucceeded = !this.#isLookedAt || await this.#operate().finish()
      if (isFirst && hasSucceeded) await this.#touch()
    } finally {
      // An earlier commit may have saved a new token, so the cookie is set even if a later commit has failed.
      this.#setCookie()
      this.#finishing = undefined
      this.#lease?.headersLeave(options)
    }
  }

  async #touch (): Promise<void> {
    const { storage } = this.of
    if (this.#lease !== undefined) await this.#lease.touch(this.patience)
    else if (this.#isUseDue) await this.patience.spend(async deadline => { await storage.touch(this.current, deadline, this.#request.log) })
  }

  /** Whether the use of the session must be noted. False with an idle timeout, because the touch notes it. */
  get #isUseDue (): boolean {
    const { storage: { rows } } = this.of
    if (!rows.track || this.#lease !== undefined) return false
    const { stored } = this.current
    return stored !== undefined && rows.isUseDue(stored.row.tracked, this.loadedAt)
  }

  #setCookie (): void {
    if (this.#operations !== undefined) this.response.send(this.#operations)
  }

  #sendCookieAtOnce (operations: Operations): void {
    if (this.#canSetCookie()) this.response.sendAtOnce(operations)
  }

  get response (): Response {
    this.#response ??= new Response(this.#request, this.reply, this.of.cookie)
    return this.#response
  }

  /** How long the request still waits for the store, loading included. */
  get patience (): Patience {
    if (this.#patience === undefined) {
      this.#patience = this.of.storage.patience()
      if (this.#loaded !== undefined) this.#patience.waited(this.#loaded.askedAt, this.loadedAt)
    }
    return this.#patience
  }

  /** The session as it is now. It is opened if it has not been. */
  get current (): SessionValues {
    this.#values ??= this.of.storage.open(this.#loaded, this.loadedAt, this.#request.log)
    return this.#values
  }

  #operate (): Operations {
    if (this.#operations !== undefined) return this.#operations
    const { storage, cookie, sendsCookies } = this.of
    const { stored } = this.current
    if (!this.#hasNewCookie) this.#received = stored
    if (sendsCookies) this.#outgoing = new OutgoingCookie(cookie, storage.rows, this.#request, this.#received)
    this.#operations = new Operations(storage, this)
    this.watch()
    return this.#operations
  }

  /**
   * Whether the session's cookie can still be set. Not after the headers, and not for a websocket that is accepted: its upgrade is
   * answered with other headers.
   */
  #canSetCookie (): boolean {
    return !this.reply.raw.headersSent && (!this.response.isUpgrade || this.#isSent)
  }

  #reportLoss (): void {
    this.#operations?.reportFailure()
    if (this.#values === undefined) return
    if (this.#operations !== undefined) warnOfUnsent(this.log, this.#operations, this.#values, this.#received, this.of.sendsCookies)
    warnOfUnsaved(this.log, this.#values, 'The session was changed after it had been committed, and the change was not saved: call await request.session.commit() where the reply has been sent, hijacked or streamed')
  }
}
