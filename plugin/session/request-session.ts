import type { FastifyReply, FastifyRequest } from 'fastify'
import { checkedCallback, checkedKeys } from './arguments.js'
import { refuseAssignments } from './assignment.js'
import { Operations, type Registration } from './operations.js'
import { calledBack, type SessionCallback } from './outcome.js'
import type { Session, SessionStatus } from './session.js'
import { SessionValues } from './session-values.js'
import type { Candidate } from './storage.js'
import { isObject } from '../codecs/value.js'
import { InvalidArgumentError } from '../errors.js'
import { addCookie, addCookieAtOnce, varyByCookie, type Sending } from '../response-head.js'
import { isToken, sessionId } from '../token.js'
import { withoutTokens } from '../../stores/errors.js'
import { inspected } from '../../stores/validate.js'

/** The life of a session in one request: loaded, committed, destroyed. What the application sees of it is {@link Session}. */
export class RequestSession implements Session {
  readonly #of: Registration
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #candidates: readonly Candidate[]
  readonly #renewed: string | undefined
  readonly #loadedAt: number
  /** Undefined until somebody looks, so that a request that does not look costs no more than its query. */
  #values: SessionValues | undefined
  #operations: Operations | undefined
  #isDestroyed = false
  /** Whether a reply has begun. */
  #isSent = false
  /** What {@link beforeHeaders} is waiting for. */
  #finishing: Promise<void> | undefined
  #isWatched = false

  /**
   * @param candidates the rows that the cookies' tokens have found, in the order of the cookies
   * @param renewed if no row was found: the key of a session that another request has lately renewed
   */
  constructor (of: Registration, request: FastifyRequest, reply: FastifyReply, candidates: readonly Candidate[], renewed?: string) {
    this.#of = of
    this.#request = request
    this.#reply = reply
    this.#candidates = candidates
    this.#renewed = renewed
    this.#loadedAt = candidates.length === 0 ? 0 : performance.now()
  }

  get<K extends string> (key: K): never {
    const value = this.#look().get(key)
    // The application may change an object in place.
    if (isObject(value)) this.#watch()
    return value as never
  }

  put (key: string, value: unknown): void {
    this.#edit().put(key, value)
  }

  pop<K extends string> (key: K): never {
    return this.#edit().pop(key) as never
  }

  remove (key: string): void {
    this.#edit().remove(key)
  }

  clear (): void {
    this.#edit().clear()
  }

  exists (key: string): boolean {
    return this.#look().exists(key)
  }

  keys (): string[] {
    return this.#look().keys()
  }

  update<K extends string> (key: K, fn: (value: never) => unknown): never {
    return this.#edit().update(key, fn) as never
  }

  destroy (callback?: SessionCallback): Promise<void> {
    return this.#calledBack('destroy', callback, operations => operations.destroy(() => {
      this.#values = SessionValues.empty(this.#of.storage.rows)
      this.#isDestroyed = true
    }, () => this.#sendCookieAtOnce()))
  }

  renewToken (): void {
    this.#edit().renew()
  }

  mergeSession (token: string): Promise<void> {
    return this.#operate().read(async () => {
      if (typeof token !== 'string') throw new InvalidArgumentError(`mergeSession needs the token of a session, not ${inspected(token)}`)
      if (!isToken(token) || token === this.token) return
      const { storage } = this.#of
      const key = storage.keyOf(token)
      const content = await storage.read(key, this.#request.log)
      if (content !== undefined) this.#edit().merge(key, content)
    })
  }

  get status (): SessionStatus {
    const { isChanged, stored } = this.#look()
    if (isChanged) return 'modified'
    return this.#isDestroyed && stored === undefined ? 'destroyed' : 'unmodified'
  }

  get token (): string {
    return this.#look().stored?.token ?? ''
  }

  get id (): string {
    const { token } = this
    return token === '' ? '' : sessionId(token)
  }

  get deadline (): Date {
    return this.#look().deadline
  }

  setDeadline (deadline: Date): void {
    this.#edit().setDeadline(deadline)
  }

  rememberMe (remember: boolean): void {
    this.#edit().rememberMe(remember)
  }

  commit (callback?: SessionCallback): Promise<void> {
    return this.#commit('commit', callback)
  }

  save (callback?: SessionCallback): Promise<void> {
    return this.#commit('save', callback)
  }

  #commit (method: string, callback: SessionCallback | undefined): Promise<void> {
    return this.#calledBack(method, callback, operations => operations.commit(() => this.#sendCookieAtOnce()))
  }

  reload (callback?: SessionCallback): Promise<void> {
    return this.#calledBack('reload', callback, operations => operations.reload())
  }

  touch (callback?: SessionCallback): Promise<void> {
    return this.#calledBack('touch', callback, operations => operations.read(() => this.#touch()))
  }

  set (key: string, value: unknown): void {
    if (value === undefined) this.remove(key)
    else this.put(key, value)
  }

  regenerate (keep?: readonly string[] | SessionCallback, callback?: SessionCallback): Promise<void> {
    const isKept = typeof keep !== 'function'
    return this.#calledBack('regenerate', isKept ? callback : keep, operations => {
      try {
        const kept = checkedKeys(isKept && keep !== undefined ? keep : [])
        this.renewToken()
        this.#edit().clear(kept)
        return Promise.resolve()
      } catch (error) {
        return operations.read(async () => { throw error })
      }
    })
  }

  data (): Record<string, unknown> {
    return this.#look().data()
  }

  /**
   * Before the headers are sent: saves what was changed, or moves the expiry if that is due, and sets the cookie. Returns
   * undefined if there is nothing to wait for. Rejects if the reply must not be sent.
   *
   * Fastify calls it again for the reply to an error. A reply that is sent while an earlier one is still here (by a
   * handler that forgets to return the reply) waits with that one.
   */
  beforeHeaders (): Promise<void> | undefined {
    if (this.#finishing !== undefined) return this.#finishing
    const isFirst = !this.#isSent
    if (!isFirst && this.#reply.raw.headersSent) return undefined
    this.#isSent = true
    if (this.#values !== undefined) varyByCookie(this.#reply)
    if (this.#operations?.isPending === true || this.#values?.mustCommit === true || (isFirst && this.#mayNeedTouch())) {
      this.#finishing = this.#finish(isFirst).finally(() => { this.#finishing = undefined })
      return this.#finishing
    }
    this.#setCookie()
    return undefined
  }

  async #finish (isFirst: boolean): Promise<void> {
    try {
      const hasSucceeded = this.#values === undefined || await this.#operate().finish()
      if (isFirst && hasSucceeded && this.#mayNeedTouch()) await this.#touch()
    } finally {
      // An earlier commit may have saved a new token, so the cookie is set even if a later commit has failed.
      this.#setCookie()
    }
  }

  async #touch (): Promise<void> {
    const { storage } = this.#of
    // The cookie may have to follow the expiry.
    if (storage.rows.leadCookies) this.#operate()
    await storage.touch(this.#values ?? this.#open(), this.#request.log)
  }

  /** Before a reply that passes onSend. */
  #setCookie (): void {
    this.#operations?.sendCookie((header, replaced) => addCookie(this.#reply, this.#sending(header, replaced)))
  }

  /** What sends the headers may never pass onSend: a hijacked reply, or a stream of events. */
  #sendCookieAtOnce (): void {
    if (this.#canSetCookie()) this.#operations?.sendCookie((header, replaced) => addCookieAtOnce(this.#reply, this.#sending(header, replaced)))
  }

  #sending (header: string | undefined, replaced: string | undefined): Sending {
    return { header, replaced, onShared: cacheControl => this.#of.cookie.warnOfSharedCache(cacheControl) }
  }

  /** The session, opened at the first look. */
  #look (): SessionValues {
    this.#values ??= this.#open()
    return this.#values
  }

  /** The same, to be changed. */
  #edit (): SessionValues {
    this.#watch()
    return this.#look()
  }

  #open (): SessionValues {
    return this.#of.storage.open(this.#candidates, this.#loadedAt, this.#renewed, this.#request.log)
  }

  #operate (): Operations {
    this.#operations ??= new Operations(this.#of, {
      request: this.#request,
      reply: this.#reply,
      loaded: this.#look().stored,
      current: () => this.#look(),
      canSetCookie: () => this.#canSetCookie(),
      onFailure: () => this.#watch()
    })
    this.#watch()
    return this.#operations
  }

  /** Runs an operation, and calls back if the application wants that. */
  #calledBack (method: string, callback: unknown, run: (operations: Operations) => Promise<void>): Promise<void> {
    const checked = checkedCallback(method, callback)
    return calledBack(run(this.#operate()), checked, error => this.#failRequest(error))
  }

  /** A callback has thrown. Nobody can catch that, so the request is answered with it. */
  #failRequest (error: unknown): void {
    const { raw, sent } = this.#reply
    if (sent || raw.headersSent) this.#request.log.error({ err: error }, 'A function that the session has called back has failed')
    else this.#reply.send(error)
  }

  /** Not for a websocket: what answers the upgrade sends headers of its own, and the reply's only if it is refused. */
  #canSetCookie (): boolean {
    const { raw } = this.#request
    const isUpgrade = 'upgrade' in raw && raw.upgrade === true
    return !this.#reply.raw.headersSent && (!isUpgrade || this.#isSent)
  }

  /** Whether a touch may be due, as far as can be told without decoding the row. */
  #mayNeedTouch (): boolean {
    const { rows } = this.#of.storage
    if (this.#values !== undefined) return this.#values.stored !== undefined && rows.mayNeedTouch(this.#values.stored.row.expiry)
    const [first] = this.#candidates
    return first !== undefined && rows.mayNeedTouch(this.#loadedAt + first.row.ttl)
  }

  /**
   * Looks once more after the response: a change that nothing saves by then is lost, and the log says so. Reading only
   * strings adds no listener, so that it stays cheap.
   */
  #watch (): void {
    if (this.#isWatched) return
    this.#isWatched = true
    const { raw } = this.#reply
    const look = () => {
      this.#isWatched = false
      this.#reportLoss()
    }
    if (raw.writableEnded) setImmediate(look)
    else raw.on('finish', look)
  }

  #reportLoss (): void {
    this.#operations?.reportFailure()
    if (this.#operations?.isCookieDue === true) {
      this.#request.log.warn({}, 'The cookie of a session is due, and did not leave: its deadline or rememberMe has changed after the headers were sent. Commit before the first byte')
    }
    try {
      if (this.#values?.hasUntried === true) this.#warnOfLoss({})
    } catch (error) {
      this.#warnOfLoss({ err: withoutTokens(error) })
    }
  }

  #warnOfLoss (details: object): void {
    this.#request.log.warn(details, 'The session was changed after it had been committed, and the change was not saved: call await request.session.commit() where the reply has been sent, hijacked or streamed')
  }
}

refuseAssignments(RequestSession.prototype)
