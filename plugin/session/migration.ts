import type { FastifyBaseLogger, FastifyRequest } from 'fastify'
import type { Loaded } from './loader.js'
import type { Registration } from './operations.js'
import type { Candidate, SessionStorage } from './storage.js'
import type { SessionContent } from '../codecs/codec.js'
import { isObject } from '../codecs/value.js'
import { Changes } from '../commit/changes.js'
import type { Committer } from '../commit/commit.js'
import type { Cookie } from '../cookie.js'
import { StoreMisconfiguredError, StoreUnavailableError, TooLargeError } from '../errors.js'
import type { ExpressSessions, OldCookie } from '../from-express.js'
import type { Settings } from '../options.js'
import { originOf } from '../origin.js'
import { newToken } from '../token.js'
import { timeLeft } from '../../stores/deadline.js'
import { isOwnError, withoutTokens } from '../../stores/errors.js'
import type { ExpressSession } from '../../stores/express/source.js'
import { sessionId } from '../../stores/session-id.js'

/**
 * How long requests with the old cookie still find the migrated session, in milliseconds: those that were sent before the answer
 * with the new cookie came, and those of a browser that has lost that answer.
 */
const WINDOW = 600_000
/** A deadline that has passed, so that nothing takes the row of a mark for a session. */
const LONG_AGO = 1
const SEALED = 'migrated'

/**
 * Takes sessions over from another plugin, each once.
 *
 * It first writes the new session, under a random token. Then it writes a mark, which holds the new token encrypted. Only a
 * request with the old cookie can compute the mark's key. Of two requests at once one writes the mark. The other deletes what it has
 * written and reads the mark. The old row is deleted last. While there is a mark, the old cookie finds the session that
 * the mark leads to, or none if that has ended, whether the old row is still there or not.
 */
export class Migration {
  readonly #settings: Settings
  readonly #previous: ExpressSessions
  readonly #storage: SessionStorage
  readonly #committer: Committer
  readonly #cookie: Cookie

  constructor (settings: Settings, previous: ExpressSessions, { storage, cookie }: Registration, committer: Committer) {
    this.#settings = settings
    this.#previous = previous
    this.#storage = storage
    this.#committer = committer
    this.#cookie = cookie
  }

  /** Takes over the session of a request's old cookie. Returns undefined if the request has none that is signed. */
  load (request: FastifyRequest): Promise<Loaded> | undefined {
    const value = this.#cookie.valueOfOther(request.headers.cookie, this.#previous.cookieName)
    const cookie = value === undefined ? undefined : this.#previous.cookieIn(value)
    return cookie === undefined ? undefined : this.#load(cookie, request)
  }

  async #load (cookie: OldCookie, request: FastifyRequest): Promise<Loaded> {
    const { report } = this.#settings
    const askedAt = performance.now()
    try {
      // The answer to the upgrade of a websocket sets no cookie.
      const willKnow = !('upgrade' in request.raw && request.raw.upgrade === true)
      const candidate = await this.#take(cookie, willKnow, request)
      const candidates = candidate === undefined ? [] : [candidate]
      report.load(1, candidates, askedAt)
      const { cookieName, cookieScope } = this.#previous
      return { candidates, askedAt, renewed: undefined, ...candidate !== undefined && { replacing: this.#cookie.clearOther(cookieName, cookieScope, request) } }
    } catch (error) {
      report.failed('load', undefined, error)
      throw error
    }
  }

  /**
   * The old row comes first, and then the mark: whoever has deleted the row has written the mark before.
   *
   * @param willKnow whether the browser gets the new token with this answer
   */
  async #take (cookie: OldCookie, willKnow: boolean, request: FastifyRequest): Promise<Candidate | undefined> {
    const { log } = request
    const deadline = performance.now() + this.#settings.storeTimeout
    const since = this.#settings.report.since('commit')
    const old = await this.#read(cookie, log)
    const content = old && this.#contentOf(old, log)
    if (content === undefined) return await this.#follow(cookie, deadline, log)

    const token = newToken()
    const key = this.#storage.keyOf(token)
    const begun = await this.#begin(key, content, deadline, request)
    if (begun === undefined) return undefined
    const ttl = Math.ceil(willKnow ? WINDOW : Math.max(WINDOW, content.deadline - this.#storage.rows.now()))
    if (!await this.#mark(cookie, token, ttl, deadline)) {
      await this.#settings.store.delete(key, timeLeft(deadline))
      return await this.#follow(cookie, deadline, log)
    }
    this.#settings.report.saved(undefined, begun, since)
    await this.#end(cookie, key, log)
    return { token, row: { token: key, data: begun.data, ttl: begun.expiry - performance.now() } }
  }

  /** The session that the cookie's mark leads to, if there is a mark and the session is alive. */
  async #follow (cookie: OldCookie, deadline: number, log: FastifyBaseLogger): Promise<Candidate | undefined> {
    const marked = await this.#find(this.#storage.keyOf(cookie.mark), deadline)
    const token = marked && this.#tokenIn(cookie, marked)
    if (token === undefined) return undefined
    const key = this.#storage.keyOf(token)
    const { sessions } = await this.#settings.store.find([key], timeLeft(deadline))
    const row = sessions.find(({ token }) => token === key)
    // Whoever has written the mark may have died before the old row was deleted.
    await this.#end(cookie, key, log)
    return row && { token, row }
  }

  async #read ({ id }: OldCookie, log: FastifyBaseLogger): Promise<ExpressSession | undefined> {
    try {
      const old = await this.#previous.read(id)
      if (old === undefined || isSession(old)) return old
      throw new StoreMisconfiguredError('The source of earlier sessions must return { data, expires } or undefined from read')
    } catch (error) {
      if (isOwnError(error)) throw error
      if (!(error instanceof SyntaxError)) throw Object.assign(new StoreUnavailableError('the earlier sessions cannot be read'), { cause: withoutTokens(error) })
      log.warn({ err: withoutTokens(error) }, 'An earlier session cannot be read, so the request is treated as one without a session; its row was left alone')
      return undefined
    }
  }

  /** What the new session begins with. Undefined for one that has expired, or has no values. */
  #contentOf ({ data, expires }: ExpressSession, log: FastifyBaseLogger): SessionContent | undefined {
    const { rows } = this.#storage
    const { cookie, values } = taken(data)
    const end = expires ?? expiresOf(cookie)
    const now = rows.now()
    // For an invalid date the comparison is false.
    if (end !== undefined && !(end.getTime() > now)) return undefined
    const kept = new Map(values.filter(([key, value]) => this.#canKeep(key, value, log)))
    if (kept.size === 0) return undefined
    const deadline = end === undefined || this.#previous.rolling ? rows.newDeadline(now) : end.getTime()
    const outlives = !this.#settings.cookie.persist && isObject(cookie) && 'originalMaxAge' in cookie && typeof cookie.originalMaxAge === 'number'
    return { deadline, rememberMe: outlives ? true : undefined, values: kept }
  }

  #canKeep (key: string, value: unknown, log: FastifyBaseLogger): boolean {
    try {
      if (key === '') throw new Error('its key is empty')
      this.#storage.rows.checkValue(value, key)
      return true
    } catch (error) {
      log.warn({ err: withoutTokens(error) }, `The value ${JSON.stringify(key)} of an earlier session was left out, because a session cannot keep it`)
      return false
    }
  }

  async #begin (key: string, content: SessionContent, deadline: number, request: FastifyRequest): Promise<Awaited<ReturnType<Committer['insert']>>> {
    const changes = new Changes()
    changes.setDeadline(content.deadline)
    if (this.#storage.rows.track) changes.origin = originOf(request)
    try {
      return await this.#committer.insert(key, content, changes, deadline)
    } catch (error) {
      if (!(error instanceof TooLargeError)) throw error
      request.log.error({ err: error }, 'An earlier session is too large, so the request is treated as one without a session; its row was left alone')
      return undefined
    }
  }

  /** Returns false if there is a mark already. */
  async #mark (cookie: OldCookie, token: string, ttl: number, deadline: number): Promise<boolean> {
    const { codec, store } = this.#settings
    const mark = this.#storage.keyOf(cookie.mark)
    const content: SessionContent = { deadline: LONG_AGO, rememberMe: undefined, values: new Map([[SEALED, cookie.seal(token)]]) }
    const data = codec.encode(content, { rowKey: mark })
    return await store.insert({ token: mark, data, ttl, ...store.keepsOwners === true && { owner: '' } }, timeLeft(deadline))
  }

  async #find (mark: string, deadline: number): Promise<Uint8Array | undefined> {
    const { sessions } = await this.#settings.store.find([mark], timeLeft(deadline))
    return sessions.find(({ token }) => token === mark)?.data
  }

  #tokenIn (cookie: OldCookie, marked: Uint8Array): string | undefined {
    try {
      const sealed = this.#storage.rows.decode(this.#storage.keyOf(cookie.mark), marked).values.get(SEALED)
      return typeof sealed === 'string' ? cookie.unseal(sealed) : undefined
    } catch {
      // Another codec has written it, or another secret.
      return undefined
    }
  }

  async #end ({ id }: OldCookie, key: string, log: FastifyBaseLogger): Promise<void> {
    try {
      await this.#previous.end(id)
    } catch (error) {
      log.error({ err: withoutTokens(error), session: sessionId(key) }, 'An earlier session was migrated, but its old row could not be deleted. Delete it: whoever has its old cookie can use it')
    }
  }
}

function isSession (value: unknown): value is ExpressSession {
  return isObject(value) && 'data' in value && isObject(value.data) &&
    (!('expires' in value) || value.expires === undefined || value.expires instanceof Date)
}

/** Of older versions of @fastify/session: the id, signed. */
const NO_VALUES = ['sessionId', 'encryptedSessionId']

function taken (data: object): { readonly cookie: unknown, readonly values: ReadonlyArray<[string, unknown]> } {
  const { cookie, ...values } = data as { readonly [key: string]: unknown }
  return { cookie, values: Object.entries(values).filter(([key]) => !NO_VALUES.includes(key)) }
}

function expiresOf (cookie: unknown): Date | undefined {
  const expires = isObject(cookie) && 'expires' in cookie ? cookie.expires : undefined
  return typeof expires === 'string' || typeof expires === 'number' || expires instanceof Date ? new Date(expires) : undefined
}
