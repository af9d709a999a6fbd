import type { FastifyBaseLogger } from 'fastify'
import type { Loaded } from './loader.js'
import { Locks } from './locks.js'
import { Patience } from './patience.js'
import { Renewals } from './renewals.js'
import { SessionValues } from './session-values.js'
import type { Stored } from './stored.js'
import type { SessionContent } from '../codecs/codec.js'
import { advice } from '../codecs/advice.js'
import type { Changes } from '../commit/changes.js'
import type { Committer } from '../commit/commit.js'
import type { Row, Rows } from '../commit/rows.js'
import { endsSession, HeadersSentError, SessionGoneError, StoreUnavailableError } from '../errors.js'
import type { Settings } from '../options.js'
import { NOBODY } from '../owner.js'
import { hashToken, newToken } from '../token.js'
import { asBuffer } from '../../stores/bytes.js'
import { timeLeft } from '../../stores/deadline.js'
import { withoutTokens } from '../../stores/errors.js'
import type { StoredSession } from '../../stores/store.js'

/** The token of a cookie, and the row that the store has for it. */
export interface Candidate {
  readonly token: string
  readonly row: StoredSession
  /** The client has sent an old token of the session, which still holds. */
  readonly isFollowed?: boolean
}

/** What may become of a token that the client does not have yet. */
export interface NewTokens {
  /** Whether it can still reach the client. */
  canReach (): boolean
  /** Whether it may be that of a new session. */
  readonly mayBegin: boolean
}

const NOTHING: Pick<Loaded, 'candidates' | 'renewed'> = { candidates: [], renewed: undefined }
/** What keeps an owner from having too many sessions. */
interface Limit {
  keep (owner: string, key: string, deadline: number): Promise<void>
}

/** How many tokens are tried for a new session. A random token is never taken, but the connection may be lost each time. */
const MOST_TOKENS = 3
const TOUCH_FAILED = 'The expiry of a session could not be moved; the next request will try again'

/** Opens, saves and ends the sessions of one registration. A deadline is when a request stops waiting, in milliseconds of `performance.now()`. */
export class SessionStorage {
  readonly rows: Rows
  readonly renewals: Renewals
  readonly locks: Locks
  readonly #settings: Settings
  readonly #committer: Committer
  readonly #limit: Limit | undefined

  constructor (settings: Settings, committer: Committer, limit?: Limit) {
    this.#limit = limit
    this.rows = committer.rows
    this.#settings = settings
    this.locks = new Locks(settings.store)
    this.renewals = new Renewals(settings, committer.rows, token => this.keyOf(token))
    this.#committer = committer
  }

  /** How long a new session lives, in milliseconds. */
  get lifetime (): number {
    return this.#settings.lifetime
  }

  /** The name of the session in the row of this key. */
  idOf (key: string): string {
    return this.#settings.idOf(key)
  }

  /** The key of the row that a token leads to. */
  keyOf (token: string): string {
    return this.#settings.hashTokenInStore ? hashToken(token, this.#settings.name) : token
  }

  /**
   * Opens the session of the first cookie that leads to a live one.
   *
   * @param loaded what was found for the tokens of a request; undefined if it has none
   * @param loadedAt when the rows were loaded, by `performance.now()`
   */
  open (loaded: Loaded | undefined, loadedAt: number, log: FastifyBaseLogger): SessionValues {
    const { candidates, renewed } = loaded ?? NOTHING
    for (const candidate of candidates) {
      const content = this.#decode(candidate.row, log)
      if (content !== undefined) return SessionValues.of(this.rows, this.#stored(candidate, content, loadedAt), content)
    }
    return SessionValues.empty(this.rows, renewed === undefined ? undefined : { key: renewed, isRenewed: true })
  }

  /** A new request's patience with the store. */
  patience (): Patience {
    return new Patience(this.#settings.storeTimeout)
  }

  /** Reads a session again. Returns undefined if it has ended. */
  async reload (stored: Stored, deadline: number, log: FastifyBaseLogger): Promise<{ readonly stored: Stored, readonly content: SessionContent } | undefined> {
    const read = await this.read(stored.token, deadline, log)
    return read && { content: read.content, stored: { ...read.stored, isFollowed: stored.isFollowed === true || read.stored.isFollowed === true } }
  }

  /** Reads the session of a token. Returns undefined if there is no live one. */
  async read (token: string, deadline: number, log: FastifyBaseLogger): Promise<{ readonly stored: Stored, readonly content: SessionContent } | undefined> {
    const { row, successor } = await this.renewals.find(this.keyOf(token), deadline)
    const candidate = row === undefined ? await this.renewals.follow(token, successor, deadline) : { token, row }
    const content = candidate && this.#decode(candidate.row, log)
    return candidate && content && { stored: this.#stored(candidate, content, performance.now()), content }
  }

  /**
   * Saves the changes that were taken. If that fails they are put back. Throws `FST_SESSION_GONE`,
   * `FST_SESSION_HEADERS_SENT`, `FST_SESSION_TOO_LARGE`, `FST_SESSION_STORE_UNAVAILABLE`, and what a function given to
   * update throws.
   */
  async save (values: SessionValues, taken: Changes, deadline: number, tokens: NewTokens): Promise<void> {
    const { report } = this.#settings
    const owner = values.stored?.row.owner
    const since = report.since('commit')
    try {
      const stored = taken.isEmpty ? undefined : await this.#write(values, taken, deadline, tokens)
      const before = values.stored?.row.key
      values.saved(taken, stored)
      if (stored !== undefined) report.saved(before, stored.row, since)
    } catch (error) {
      report.failed('commit', values.stored?.row.key, error)
      values.failed(taken)
      if (endsSession(error)) values.end()
      throw error
    }
    const row = values.stored?.row
    // A sign-in gives its owner one more session.
    if (row?.owner !== undefined && row.owner !== NOBODY && row.owner !== owner) await this.#limit?.keep(row.owner, row.key, deadline)
  }

  /** Ends a session, and what it has become by a renewal elsewhere. Returns whether there was anything to end. */
  async end ({ where: { stored, predecessor } }: SessionValues, deadline: number): Promise<boolean> {
    const key = stored?.row.key ?? predecessor?.key
    if (key === undefined) return false
    const { report, store } = this.#settings
    const since = report.since('destroy')
    try {
      await store.delete(key, timeLeft(deadline))
      report.destroy(key, since)
    } catch (error) {
      report.failed('destroy', key, error)
      throw error
    }
    return true
  }

  /** Moves the expiry, if that is due. A failure is logged: the next request tries again. */
  async touch (values: SessionValues, deadline: number, log: FastifyBaseLogger): Promise<void> {
    const { stored } = values
    if (stored === undefined) return
    try {
      await this.#touch(values, stored.row, deadline)
    } catch (error) {
      this.#settings.report.failed('touch', stored.row.key, error)
      log.warn({ err: withoutTokens(error) }, TOUCH_FAILED)
    }
  }

  /**
   * {@link touch} for a session that other requests may have written or touched since it was loaded. Returns false if it has
   * ended.
   */
  async prolong (values: SessionValues, deadline: number, log: FastifyBaseLogger): Promise<boolean> {
    const { stored } = values
    if (stored === undefined) return false
    if (this.rows.dueTouch(stored.row) === undefined && !this.rows.isUseDue(stored.row.tracked)) return true
    try {
      const newest = await this.#newest(stored.row, deadline)
      if (newest === undefined) return false
      await this.#touch(values, newest, deadline)
    } catch (error) {
      this.#settings.report.failed('touch', stored.row.key, error)
      log.warn({ err: withoutTokens(error) }, TOUCH_FAILED)
    }
    return true
  }

  async #touch (values: SessionValues, row: Row, deadline: number): Promise<void> {
    const touched = await this.#committer.touch(row, deadline)
    values.touched(touched, touched.data !== row.data)
    // The same row: no touch was due.
    if (touched !== row) this.#settings.report.touch(row.key)
  }

  /** The row as it is now; undefined if its session has ended. */
  async #newest (row: Row, deadline: number): Promise<Row | undefined> {
    const { sessions } = await this.#settings.store.find([row.key], timeLeft(deadline))
    const found = sessions.find(({ token }) => token === row.key)
    if (found === undefined) return undefined
    const now = performance.now()
    if (asBuffer(found.data).equals(row.data)) return row.expiringAt(now + found.ttl)
    const content = this.rows.liveContent(row.key, found.data, this.rows.now())
    return content && this.rows.found(found, content, now)
  }

  /**
   * Where the session is stored now. Undefined if there is nothing worth storing.
   *
   * @param isFollowed the session was found under the token of another request's renewal
   */
  #write (values: SessionValues, taken: Changes, deadline: number, tokens: NewTokens, isFollowed = false): Promise<Stored | undefined> {
    const { stored } = values
    // A renewal that keeps the old token is one by time, and need not be done twice.
    const isInPlace = stored !== undefined && (!taken.renews || (isFollowed && taken.keepsOldFor > 0))
    return isInPlace ? this.#update(values, stored, taken, deadline, tokens) : this.#writeNew(values, taken, deadline, tokens)
  }

  /** Writes a session that has no row, or needs another one. */
  async #writeNew (values: SessionValues, taken: Changes, deadline: number, tokens: NewTokens): Promise<Stored | undefined> {
    const { stored } = values
    const content = stored === undefined ? values.contentWith(taken) ?? this.#newContent(taken) : undefined
    if (content?.values.size === 0 && !taken.outlivesValues) return undefined
    if (stored === undefined && !tokens.mayBegin) throw new SessionGoneError()
    if (!tokens.canReach()) throw new HeadersSentError()
    if (values.where.predecessor !== undefined && (!taken.renews || taken.keepsOldFor > 0)) await this.#checkPredecessor(values, taken, deadline)
    return content === undefined || taken.merges ? await this.#renew(values, taken, deadline, tokens) : await this.#insert(content, taken, deadline)
  }

  #newContent (taken: Changes): SessionContent {
    const content = this.rows.emptyContent()
    taken.apply(content)
    return content
  }

  /**
   * After another request has ended the session, changes begin a new session only if the application has made them since,
   * and never in place of a renewed session, whose cookie the browser has or is about to get.
   */
  async #checkPredecessor ({ where: { predecessor } }: SessionValues, taken: Changes, deadline: number): Promise<void> {
    if (predecessor === undefined) return
    if (taken.hasFailed || (predecessor.isRenewed ?? await this.#isRenewed(predecessor.key, deadline))) throw new SessionGoneError()
  }

  async #isRenewed (key: string, deadline: number): Promise<boolean> {
    const { renewed = [] } = await this.#settings.store.find([key], timeLeft(deadline))
    return renewed.includes(key)
  }

  async #update (values: SessionValues, stored: Stored, taken: Changes, deadline: number, tokens: NewTokens): Promise<Stored | undefined> {
    try {
      const { token, isFollowed = false } = stored
      return { token, row: await this.#committer.update(stored.row, taken, deadline, values.contentWith(taken)), isFollowed }
    } catch (error) {
      const followed = endsSession(error) ? await this.#follow(stored, deadline) : undefined
      if (followed === undefined) throw error
      values.refresh(followed)
      return await this.#write(values, taken, deadline, tokens, true)
    }
  }

  /** Writes the session under a new token. The token stays the same until that has succeeded: see {@link Committer.renew}. */
  async #renew (values: SessionValues, taken: Changes, deadline: number, tokens: NewTokens): Promise<Stored | undefined> {
    const { stored, where } = values
    where.renewal ??= newToken()
    const token = where.renewal
    const keepFor = taken.keepsOldFor
    const renew = async (mayFollow: boolean): Promise<Row | undefined> => await this.#committer.renew(stored?.row, this.keyOf(token), taken, deadline, {
      // A renewal by time is no sign-in, which may begin anew.
      mayBegin: tokens.mayBegin && (keepFor === 0 || stored === undefined),
      mayFollow,
      ...stored !== undefined && keepFor > 0 && { note: this.renewals.noteOf(stored.token, token, keepFor) }
    })
    let row = await renew(true)
    if (row === undefined && stored !== undefined) {
      const followed = await this.#follow(stored, deadline)
      if (followed !== undefined) {
        values.refresh(followed)
        return await this.#write(values, taken, deadline, tokens, true)
      }
      row = await renew(false)
    }
    where.renewal = undefined
    return row && { token, row }
  }

  /** The session, if another request has renewed it and its old token still holds. */
  async #follow ({ token, row: { key } }: Stored, deadline: number): Promise<Stored | undefined> {
    const { successor } = await this.renewals.find(key, deadline)
    const candidate = await this.renewals.follow(token, successor, deadline)
    const content = candidate && this.rows.liveContent(candidate.row.token, candidate.row.data, this.rows.now())
    return candidate && content && this.#stored(candidate, content, performance.now())
  }

  #stored ({ token, row, isFollowed = false }: Candidate, content: SessionContent, readAt: number): Stored {
    return { token, row: this.rows.found(row, content, readAt), isFollowed }
  }

  async #insert (content: SessionContent, taken: Changes, deadline: number): Promise<Stored> {
    for (let tries = 0; tries < MOST_TOKENS; tries++) {
      const token = newToken()
      const row = await this.#committer.insert(this.keyOf(token), content, taken, deadline)
      // A token that is taken, or whose write may not have happened, is never handed out.
      if (row !== undefined) return { token, row }
    }
    throw new StoreUnavailableError(`a new session could not be written, ${MOST_TOKENS} times`)
  }

  /** A row that cannot be decoded, or whose deadline has passed, is no session. */
  #decode (row: StoredSession, log: FastifyBaseLogger): SessionContent | undefined {
    try {
      const content = this.rows.decode(row.token, row.data)
      return content.deadline > this.rows.now() ? content : undefined
    } catch (error) {
      log.warn({ err: withoutTokens(error) }, `A session cannot be decoded, so the request is treated as one without a session; its row was left alone${advice(row.data, this.#settings.codec)}`)
      return undefined
    }
  }
}
