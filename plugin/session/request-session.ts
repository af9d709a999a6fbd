import type { FastifyReply, FastifyRequest } from 'fastify'
import { refuseAssignments } from './assignment.js'
import { Changes, computed, type UpdateFunction } from '../commit/changes.js'
import type { SessionContent } from '../codecs/codec.js'
import type { Committed, Committer, Job, Stored } from '../commit/commit.js'
import { addCookie, addRawCookie, varyByCookie, type Cookie } from '../cookie.js'
import { HeadersSentError, InvalidArgumentError, SessionGoneError, StoreUnavailableError } from '../errors.js'
import { HandedOut } from './handed-out.js'
import type { Settings } from '../options.js'
import type { Session, SessionStatus } from './session.js'
import { hashToken, isToken, newToken, sessionId } from '../token.js'
import { checkValue, copy, isObject } from '../codecs/value.js'
import { withoutTokens } from '../../stores/errors.js'
import type { StoredSession } from '../../stores/store.js'
import { inspected } from '../../stores/validate.js'

/** What all the sessions of a registration share. */
export interface Registration {
  readonly settings: Settings
  readonly committer: Committer
  readonly cookie: Cookie
}

/** A cookie's token, and what the store has for it. */
export interface Candidate {
  readonly token: string
  readonly row: StoredSession
}

/** The row that the session was loaded from, or last written to. */
interface Row extends Stored {
  /** The key of the row. */
  readonly key: string
}

/** The session of one request. What the application sees of it is {@link Session}. */
export class RequestSession implements Session {
  readonly #of: Registration
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #loadedAt: number
  /** The row that names the session which a cookie's token had until lately: only a sign-out goes that way. */
  #renewed: string | undefined
  #candidates: readonly Candidate[]
  /** Decoded at first use, so that a request that does not look costs no more than its query. */
  #content: SessionContent | undefined
  #row: Row | undefined
  #token = ''
  #changes = new Changes()
  #handedOut: HandedOut | undefined
  #newDeadline: number | undefined
  #newRememberMe: boolean | undefined
  #renew = false
  #status: SessionStatus = 'unmodified'
  /** The row of a destroyed session, until it is deleted. */
  #doomed: string | undefined
  #deleting: Promise<void> | undefined
  #committing: Promise<void> | undefined
  /** What the last commit or destroy has failed with. */
  #failure: { readonly error: unknown } | undefined
  /** What the browser's cookie was made of. */
  #inCookie: { readonly deadline: number, readonly rememberMe: boolean | undefined } = { deadline: 0, rememberMe: undefined }
  #cookieDue: 'set' | 'clear' | undefined
  #isLooked = false
  #isSent = false
  /** What {@link beforeHeaders} is waiting for. */
  #finishing: Promise<void> | undefined
  #isWatched = false

  /**
   * @param candidates what the cookies' tokens have found, in the order of the cookies
   * @param renewed the key of a cookie's token that another request has lately renewed, if nothing else was found
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
    const value = this.#look().values.get(checkedKey(key))
    if (isObject(value)) this.#hold(key, value)
    return value as never
  }

  put (key: string, value: unknown): void {
    const { values } = this.#look()
    checkValue(value, checkedKey(key))
    values.set(key, value)
    this.#changes.put(key, value)
    this.#handedOut?.forget(key)
    this.#changed()
  }

  pop<K extends string> (key: K): never {
    const value = this.#look().values.get(checkedKey(key))
    this.remove(key)
    return value as never
  }

  remove (key: string): void {
    if (!this.#look().values.delete(checkedKey(key))) return
    this.#changes.remove(key)
    this.#handedOut?.forget(key)
    this.#changed()
  }

  clear (): void {
    this.#clear([])
  }

  exists (key: string): boolean {
    return this.#look().values.has(checkedKey(key))
  }

  keys (): string[] {
    return [...this.#look().values.keys()].sort()
  }

  update<K extends string> (key: K, typedFn: (value: never) => unknown): never {
    const { values } = this.#look()
    if (typeof typedFn !== 'function') throw new InvalidArgumentError(`update needs a function, not ${inspected(typedFn)}`)
    // The declared type of the key's value is the application's promise; what is in the row is unknown.
    const fn = typedFn as UpdateFunction
    // What is handed to the function may be changed by it, and must not be taken for a change in place.
    const value = computed(checkedKey(key), fn, copy(values.get(key), key))
    values.set(key, value)
    this.#changes.update(key, value => fn(copy(value, key)))
    this.#handedOut?.forget(key)
    if (isObject(value)) this.#hold(key, value)
    this.#changed()
    return value as never
  }

  destroy (): Promise<void> {
    this.#look()
    // A row that is being written under a new token cannot be deleted before that token is known.
    const deleting = this.#committing === undefined
      ? this.#destroyNow()
      : this.#committing.catch(() => {}).then(() => this.#destroyNow())
    // The reply waits for it too, and fails if it fails; so it is no unhandled rejection if the application does not wait.
    deleting.catch(() => {})
    this.#deleting = deleting
    return deleting
  }

  renewToken (): void {
    this.#look()
    this.#renew = true
    this.#changed()
  }

  async mergeSession (token: string): Promise<void> {
    this.#look()
    if (typeof token !== 'string') throw new InvalidArgumentError(`mergeSession needs the token of a session, not ${inspected(token)}`)
    if (!isToken(token) || token === this.#token) return
    const key = this.#keyOf(token)
    const { now, sessions: [other] } = await this.#of.settings.store.find([key])
    if (other === undefined || other.token !== key) return
    const content = this.#decode(other, now)
    if (content === undefined) return
    // The session may have been committed or destroyed meanwhile.
    const own = this.#look()
    for (const [name, value] of content.values) own.values.set(name, value)
    own.deadline = Math.max(own.deadline, content.deadline)
    this.#handedOut = undefined
    this.#changes.merge(key)
    this.#changed()
  }

  get status (): SessionStatus {
    this.#look()
    this.#notice()
    return this.#status
  }

  get token (): string {
    this.#look()
    return this.#token
  }

  get id (): string {
    const { token } = this
    return token === '' ? '' : sessionId(token)
  }

  get deadline (): Date {
    return new Date(this.#look().deadline - this.#skew())
  }

  setDeadline (deadline: Date): void {
    const content = this.#look()
    if (!(deadline instanceof Date) || Number.isNaN(deadline.getTime())) {
      throw new InvalidArgumentError(`setDeadline needs a valid Date, not ${deadline instanceof Date ? 'an invalid one' : inspected(deadline)}`)
    }
    const time = Math.round(deadline.getTime() + this.#skew())
    if (time <= this.#of.committer.now()) throw new InvalidArgumentError('setDeadline needs a Date in the future; use destroy to end the session now')
    if (deadline.getTime() > LATEST) throw new InvalidArgumentError('setDeadline needs a Date before the year 10000')
    content.deadline = this.#newDeadline = time
    this.#changed()
  }

  rememberMe (remember: boolean): void {
    const content = this.#look()
    if (typeof remember !== 'boolean') throw new InvalidArgumentError(`rememberMe needs true or false, not ${inspected(remember)}`)
    content.rememberMe = this.#newRememberMe = remember
    this.#changed()
  }

  async commit (): Promise<void> {
    this.#look()
    await this.#commitInTurn({ goesOn: true })
    // Nothing else will set it: a hijacked reply does not pass onSend.
    if (this.#reply.sent && !this.#reply.raw.headersSent) this.#setCookie(header => addRawCookie(this.#reply.raw, header))
  }

  set (key: string, value: unknown): void {
    if (value === undefined) this.remove(key)
    else this.put(key, value)
  }

  async regenerate (keep: readonly string[] = []): Promise<void> {
    if (!Array.isArray(keep)) throw new InvalidArgumentError(`regenerate needs an array of keys, not ${inspected(keep)}`)
    keep.forEach(checkedKey)
    this.renewToken()
    this.#clear(keep)
  }

  data (): Record<string, unknown> {
    const data: Record<string, unknown> = {}
    for (const [key, value] of this.#look().values) {
      Object.defineProperty(data, key, { value: copy(value, key), enumerable: true, configurable: true, writable: true })
    }
    return data
  }

  /**
   * Before the headers leave: saves what was changed, or prolongs the session's life if that is due, and sets the cookie.
   * Undefined if there is nothing to wait for. Does nothing when it is called again, as it is for the reply to an error; but
   * a reply that is sent before an earlier one has left (a handler that forgets to return it) waits with that one.
   */
  beforeHeaders (): Promise<void> | undefined {
    if (this.#isSent) return this.#finishing
    this.#isSent = true
    if (this.#isLooked) varyByCookie(this.#reply)
    try {
      if (this.#failure !== undefined || this.#mustCommit() || this.#mayNeedTouch()) {
        this.#finishing = this.#finish().finally(() => { this.#finishing = undefined })
        return this.#finishing
      }
    } catch (error) {
      // A value was changed in place into something that cannot be kept.
      this.#failure = { error }
      return Promise.reject(error)
    }
    this.#setCookie(header => addCookie(this.#reply, header))
    return undefined
  }

  async #finish (): Promise<void> {
    try {
      // The application was told of the failure. An error, or a redirect to somewhere else, is its answer to that; success
      // would be a lie.
      if (this.#failure !== undefined && this.#reply.statusCode < 300) throw this.#failure.error
      if (this.#failure === undefined) {
        await this.#commitInTurn()
        await this.#touch()
      }
    } finally {
      // Of what was committed before a later failure the browser must learn the token all the same.
      this.#setCookie(header => addCookie(this.#reply, header))
    }
  }

  /** The content, decoded at first use. */
  #look (): SessionContent {
    this.#isLooked = true
    return this.#content ?? this.#open()
  }

  #open (): SessionContent {
    this.#content = this.#row === undefined ? this.#openFirst() : this.#reopen(this.#row)
    return this.#content
  }

  /** The first cookie that leads to a live session wins. */
  #openFirst (): SessionContent {
    const now = this.#of.committer.now()
    const candidates = this.#candidates
    this.#candidates = []
    for (const { token, row } of candidates) {
      const content = this.#decode(row, now)
      if (content === undefined) continue
      this.#token = token
      this.#row = { key: row.token, data: row.data, expiry: this.#loadedAt + row.ttl }
      this.#inCookie = { deadline: content.deadline, rememberMe: content.rememberMe }
      return content
    }
    return this.#emptyContent()
  }

  /** After a commit in which other requests' changes came in: their values, this request's objects, and what it has changed since. */
  #reopen (row: Row): SessionContent {
    const content = this.#of.settings.codec.decode(row.data)
    // What was changed in place since the commit is this request's change, whatever has become of the key meanwhile.
    this.#notice()
    this.#handedOut?.putInto(content.values)
    this.#changes.apply(content.values)
    content.deadline = this.#newDeadline ?? content.deadline
    content.rememberMe = this.#newRememberMe ?? content.rememberMe
    return content
  }

  #emptyContent (): SessionContent {
    return { values: new Map(), deadline: this.#of.committer.now() + this.#of.settings.lifetime, rememberMe: undefined }
  }

  /** A row that cannot be decoded, or whose deadline has passed, is no session. */
  #decode (row: StoredSession, now: number): SessionContent | undefined {
    try {
      const content = this.#of.settings.codec.decode(row.data)
      return content.deadline > now ? content : undefined
    } catch (error) {
      this.#request.log.warn({ err: withoutTokens(error) }, 'A session cannot be decoded, so the request is treated as one without a session; its row was left alone')
      return undefined
    }
  }

  #keyOf (token: string): string {
    return this.#of.settings.hashTokenInStore ? hashToken(token, this.#of.settings.name) : token
  }

  /** How far the database's clock is ahead of this process's. Below a second it is the time that answers take. */
  #skew (): number {
    const skew = this.#of.committer.now() - Date.now()
    return Math.abs(skew) < 1000 ? 0 : skew
  }

  #changed (): void {
    this.#status = 'modified'
    this.#watch()
  }

  /**
   * Looks once more after the response: a change that nothing is saving by then is lost, and somebody should know. Where
   * nothing can be lost there is no listener, so that reading stays cheap.
   */
  #watch (): void {
    if (this.#isWatched) return
    this.#isWatched = true
    const look = () => {
      this.#isWatched = false
      if (this.#failure !== undefined) return
      try {
        if (this.#isDirty()) this.#warnOfLoss()
      } catch (error) {
        // A value was changed in place into something that cannot be kept. Nobody above would catch it.
        this.#warnOfLoss(error)
      }
    }
    const { raw } = this.#reply
    if (raw.writableEnded) setImmediate(look)
    else raw.on('finish', look)
  }

  #warnOfLoss (error?: unknown): void {
    this.#request.log.warn(error === undefined ? {} : { err: withoutTokens(error) }, 'The session was changed after it had been committed, and the change was not saved: call await request.session.commit() where the reply has been sent, hijacked or streamed')
  }

  #clear (keep: readonly string[]): void {
    const { values } = this.#look()
    // Another request may have filled it meanwhile, so an empty session that is stored is cleared too.
    if (values.size === 0 && this.#row === undefined) return
    for (const key of [...values.keys()]) {
      if (keep.includes(key)) continue
      values.delete(key)
      this.#handedOut?.forget(key)
    }
    this.#changes.clear(keep)
    this.#changed()
  }

  #hold (key: string, value: object): void {
    if (this.#handedOut?.holds(key, value) === true || this.#changes.hasPut(key)) return
    this.#handOut(key, value)
  }

  /** From its commit on, an object of the application's own is like one that was handed out. */
  #holdPuts (values: ReadonlyMap<string, unknown>): void {
    for (const [key, value] of values) {
      if (isObject(value) && this.#changes.hasPut(key)) this.#handOut(key, value)
    }
  }

  #handOut (key: string, value: object): void {
    this.#handedOut ??= new HandedOut()
    this.#handedOut.hold(key, value)
    this.#watch()
  }

  /** Turns changes in place of what was handed out into puts. */
  #notice (): void {
    for (const [key, value] of this.#handedOut?.takeChanged() ?? []) {
      this.#changes.put(key, value)
      this.#status = 'modified'
    }
  }

  #isDirty (): boolean {
    this.#notice()
    return this.#renew || !this.#changes.isEmpty || this.#newDeadline !== undefined || this.#newRememberMe !== undefined
  }

  /** A visitor's session in which there is nothing to keep is not stored. */
  #isNothing (): boolean {
    return this.#row === undefined && this.#look().values.size === 0 && this.#changes.merged.length === 0 &&
      this.#newDeadline === undefined && this.#newRememberMe === undefined
  }

  #mustCommit (): boolean {
    return this.#isLooked && (this.#committing !== undefined || this.#deleting !== undefined || this.#isDirty())
  }

  async #destroyNow (): Promise<void> {
    const doomed = this.#doomed ?? this.#row?.key ?? this.#renewed
    this.#row = undefined
    this.#renewed = undefined
    this.#token = ''
    this.#content = this.#emptyContent()
    this.#takeJob()
    this.#renew = false
    this.#handedOut = undefined
    this.#failure = undefined
    this.#status = 'destroyed'
    if (doomed === undefined) return
    this.#doomed = doomed
    await this.#told(async () => { await this.#of.settings.store.delete(doomed) })
    this.#doomed = undefined
    this.#cookieDue = 'clear'
  }

  /**
   * One commit at a time, each with what has been changed until it begins.
   *
   * @param options.goesOn the application may go on to change in place what it has put
   */
  async #commitInTurn ({ goesOn = false } = {}): Promise<void> {
    if (!this.#mustCommit()) return
    // Only for a destroy that came before it: one that comes later waits for this commit.
    const deleting = this.#deleting
    const committing = this.#committing === undefined
      ? this.#commitOnce(goesOn, deleting)
      : this.#committing.catch(() => {}).then(() => this.#commitOnce(goesOn, deleting))
    this.#committing = committing
    try {
      await committing
    } finally {
      if (this.#committing === committing) this.#committing = undefined
    }
  }

  async #commitOnce (goesOn: boolean, deleting: Promise<void> | undefined): Promise<void> {
    if (deleting !== undefined) await deleting
    if (!this.#isDirty()) return
    await this.#told(async () => {
      const isNew = this.#row === undefined || this.#renew
      if (this.#isNothing()) {
        this.#takeJob()
        this.#renew = false
        return
      }
      if (isNew && !this.#canSetCookie()) throw new HeadersSentError()
      const { values, deadline, rememberMe } = this.#look()
      if (goesOn) this.#holdPuts(values)
      const content = { values: new Map(values), deadline, rememberMe }
      const renew = this.#renew
      const job = this.#takeJob()
      this.#renew = false
      try {
        this.#adopt(isNew ? await this.#writeNew(job, content, renew) : await this.#writeOver(job, content), content)
      } catch (error) {
        this.#changes.prepend(job.changes)
        this.#newDeadline ??= job.deadline
        this.#newRememberMe ??= job.rememberMe
        this.#renew ||= renew
        this.#status = 'modified'
        // The session of an earlier commit, whose cookie has not left, is no more.
        if (error instanceof SessionGoneError && this.#cookieDue === 'set') this.#cookieDue = undefined
        throw error
      }
    })
  }

  /** Not for a websocket: what answers the upgrade sends headers of its own, and the reply's only if it is refused. */
  #canSetCookie (): boolean {
    const { raw } = this.#request
    const isUpgrade = 'upgrade' in raw && raw.upgrade === true
    return !this.#reply.raw.headersSent && (!isUpgrade || this.#isSent)
  }

  #takeJob (): Job {
    const job = { changes: this.#changes, deadline: this.#newDeadline, rememberMe: this.#newRememberMe }
    this.#changes = new Changes()
    this.#newDeadline = undefined
    this.#newRememberMe = undefined
    this.#status = 'unmodified'
    return job
  }

  /** A session that is new, or goes on under a new token. */
  async #writeNew (job: Job, { values }: SessionContent, renew: boolean): Promise<Written> {
    const { committer } = this.#of
    // The browser is about to get the renewed session's cookie, or has it: it must not be given another in its place.
    if (this.#row === undefined && this.#renewed !== undefined && !renew) throw new SessionGoneError()
    for (let tries = 0; tries < MOST_TOKENS; tries++) {
      const token = newToken()
      const key = this.#keyOf(token)
      if (this.#row !== undefined || job.changes.merged.length > 0) {
        return { token, key, committed: await committer.exchange({ token: this.#row?.key, newToken: key }, job) }
      }
      const committed = await committer.insert(key, values, job)
      if (committed !== undefined) return { token, key, committed }
      // A token that is taken, or whose write is not known to have happened, is never handed out.
    }
    throw new StoreUnavailableError(`a new session could not be written, ${MOST_TOKENS} times`)
  }

  async #writeOver (job: Job, content: SessionContent): Promise<Written> {
    const row = this.#row as Row
    const { committer } = this.#of
    const committed = job.changes.merged.length === 0
      ? await committer.update(row.key, row, content, job)
      : await committer.exchange({ token: row.key, newToken: undefined }, job)
    return { token: this.#token, key: row.key, committed }
  }

  /** Makes what was written the ground on which the session goes on. */
  #adopt ({ token, key, committed }: Written, content: SessionContent): void {
    const { data, deadline, rememberMe, expiry } = committed
    const { deadline: inCookie, rememberMe: remembered } = this.#inCookie
    if (token !== this.#token || deadline !== inCookie || rememberMe !== remembered) this.#cookieDue = 'set'
    this.#token = token
    this.#row = { key, data, expiry }
    this.#inCookie = { deadline, rememberMe }
    // With other requests' changes in it, it is decoded again if somebody looks.
    if (committed.content?.values !== content.values) this.#content = undefined
    else if (this.#content !== undefined && this.#newDeadline === undefined) this.#content.deadline = deadline
  }

  /** What the application was told has failed, until it succeeds. */
  async #told (attempt: () => Promise<void>): Promise<void> {
    try {
      await attempt()
      this.#failure = undefined
    } catch (error) {
      this.#failure = { error }
      throw error
    }
  }

  #setCookie (deliver: (header: string) => void): void {
    if (this.#cookieDue === undefined) return
    const { cookie, settings, committer } = this.#of
    const { deadline, rememberMe } = this.#inCookie
    const ttl = settings.cookie.persist || rememberMe === true ? deadline - committer.now() : undefined
    deliver(this.#cookieDue === 'clear' ? cookie.clear(this.#request) : cookie.set(this.#token, ttl, this.#request))
    this.#cookieDue = undefined
  }

  /** Whether the row would live longer by a touch, as far as can be told without decoding it. */
  #mayNeedTouch (): boolean {
    const { idleTimeout, touchInterval } = this.#of.settings
    if (idleTimeout === 0) return false
    const expiry = this.#row?.expiry ?? this.#firstExpiry()
    return expiry !== undefined && performance.now() + idleTimeout - expiry >= Math.max(1, touchInterval)
  }

  #firstExpiry (): number | undefined {
    const [first] = this.#candidates
    return first === undefined ? undefined : this.#loadedAt + first.row.ttl
  }

  async #touch (): Promise<void> {
    if (!this.#mayNeedTouch()) return
    const { deadline } = this.#content ?? this.#open()
    if (this.#row === undefined) return
    const { committer, settings } = this.#of
    const { key, data, expiry } = this.#row
    const ttl = committer.ttl(deadline, committer.now())
    const atLeast = Math.max(1, settings.touchInterval)
    // Near the deadline there is nothing to gain.
    if (ttl - (expiry - performance.now()) < atLeast) return
    try {
      await settings.store.touch({ token: key, seen: committer.seen(data), ttl, atLeast })
    } catch (error) {
      this.#request.log.warn({ err: withoutTokens(error) }, 'The expiry of a session could not be moved; the next request will try again')
    }
  }
}

refuseAssignments(RequestSession.prototype)

/** What a commit has written, and where. */
interface Written {
  readonly token: string
  readonly key: string
  readonly committed: Committed
}

/** So many tokens are tried for a new session. None is taken twice; but something may end every connection that writes it. */
const MOST_TOKENS = 3
/** The last year that a cookie's date can have. */
const LATEST = Date.UTC(9999, 11, 31)

function checkedKey (key: unknown): string {
  if (typeof key === 'string' && key !== '') return key
  throw new InvalidArgumentError(`The key of a session's value must be a string that is not empty, not ${inspected(key)}`)
}
