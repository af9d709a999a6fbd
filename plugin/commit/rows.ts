import type { Changes } from './changes.js'
import type { Codec, SessionContent, Tracked } from '../codecs/codec.js'
import { contentOf } from '../codecs/content.js'
import { holdsOf, type Holds } from '../codecs/holds.js'
import { untyped } from '../codecs/typed.js'
import { checkValue } from '../codecs/value.js'
import { SessionGoneError } from '../errors.js'
import { checkOwnerValue, NOBODY, ownerText } from '../owner.js'
import type { TimedStore } from '../../stores/clock.js'
import type { NewSession, Seen, StoredSession, TouchedSession } from '../../stores/store.js'

/** What is in a row, as it was last read or written. */
export class Row {
  /** The key of the row, which the store calls its token. */
  readonly key: string
  readonly data: Uint8Array
  /** When the row expires, in milliseconds of the process's monotonic clock, `performance.now()`. */
  readonly expiry: number
  /** The session's deadline, in milliseconds since 1970 UTC, in the database's time. */
  readonly deadline: number
  readonly rememberMe: boolean | undefined
  /** Whose session it is, as text of {@link ownerText}. Undefined without the option `owner`. */
  readonly owner: string | undefined
  readonly tracked: Tracked | undefined
  /** The map that `data` was made of or decoded into. Undefined if other requests' changes may be in `data`. */
  readonly values: Map<string, unknown> | undefined

  // Of a class, not a literal: see `stores/pending.ts`.
  constructor (key: string, data: Uint8Array, expiry: number, { deadline, rememberMe, tracked }: Lasting, owner: string | undefined, values: Map<string, unknown> | undefined) {
    this.key = key
    this.data = data
    this.expiry = expiry
    this.deadline = deadline
    this.rememberMe = rememberMe
    this.owner = owner
    this.tracked = tracked
    this.values = values
  }

  /** The same row, expiring at another time. */
  expiringAt (expiry: number): Row {
    return new Row(this.key, this.data, expiry, this, this.owner, this.values)
  }

  /** The same row, whose data may hold other requests' changes. */
  withoutValues (): Row {
    return new Row(this.key, this.data, this.expiry, this, this.owner, undefined)
  }
}

/** What a row keeps of its content beside the values. */
interface Lasting {
  readonly deadline: number
  readonly rememberMe: boolean | undefined
  readonly tracked?: Tracked | undefined
}

/** What {@link Rows} must know. Times are in milliseconds. */
export interface RowSettings {
  readonly store: Pick<TimedStore, 'now'>
  readonly codec: Codec
  readonly lifetime: number
  readonly idleTimeout: number
  readonly touchInterval: number
  /** The key whose value says whose session it is. */
  readonly owner: string | undefined
  /** Whether rows say when and where sessions are used. */
  readonly track: boolean
}

/** A long request, in milliseconds. */
const LONG = 1000

/** Makes rows of sessions and sessions of rows, and decides how long a row lives. */
export class Rows {
  readonly #settings: RowSettings

  constructor (settings: RowSettings) {
    this.#settings = settings
  }

  /** The database's time, in milliseconds since 1970 UTC; before the first contact the process's own. */
  now (): number {
    return this.#settings.store.now() ?? Date.now()
  }

  /** How far the database's clock is ahead of the process's, in milliseconds. Less than a second counts as 0: network delay. */
  clockSkew (): number {
    const skew = this.now() - Date.now()
    return Math.abs(skew) < 1000 ? 0 : skew
  }

  /** The deadline of a session that begins at `now`. A whole number, because codecs keep whole milliseconds. */
  newDeadline (now: number): number {
    return Math.floor(now + this.#settings.lifetime)
  }

  /** The content of a session that begins now. */
  emptyContent (): SessionContent {
    return contentOf(this.newDeadline(this.now()), undefined, new Map())
  }

  /** Throws for data that the codec did not write. */
  decode (key: string, data: Uint8Array): SessionContent {
    return this.#settings.codec.decode(data, { rowKey: key })
  }

  /** Throws `FST_SESSION_INVALID_VALUE` if a session, or the codec, cannot keep this value. */
  checkValue (value: unknown, key: string): void {
    checkValue(untyped(value), key)
    this.#settings.codec.check?.(value, key)
    if (key === this.#settings.owner) checkOwnerValue(untyped(value), key)
  }

  /** Whether other programs use the rows too, which know no other rows than those of sessions. */
  get areShared (): boolean {
    return this.#settings.codec.isShared === true
  }

  /** Whether another program may have set the cookie to end when the row expires. Then the cookie must follow the expiry. */
  get leadCookies (): boolean {
    return this.areShared && this.#settings.idleTimeout > 0
  }

  /** Returns a function that compares a value with the value that the row holds under a key. */
  holdsOf ({ key, data }: Row): Holds {
    return holdsOf(this.#settings.codec, data, { rowKey: key })
  }

  /** The content of a row. Undefined if the deadline has passed, or if another program has written another format. */
  liveContent (key: string, data: Uint8Array, now: number): SessionContent | undefined {
    try {
      const content = this.decode(key, data)
      return content.deadline > now ? content : undefined
    } catch {
      return undefined
    }
  }

  /** The row that a store has answered with. `readAt` is the time of the answer by `performance.now()`. */
  found ({ token, data, ttl }: StoredSession, content: SessionContent, readAt: number): Row {
    return new Row(token, data, readAt + ttl, content, this.ownerOf(content), content.values)
  }

  /** What a write must know of the content that it changes. */
  before (content: SessionContent): Before {
    return { owner: this.ownerOf(content), tracked: content.tracked }
  }

  /** Whose session it is. What another program has written under that key, and names no owner, makes it nobody's. */
  ownerOf ({ values }: SessionContent): string | undefined {
    const { owner } = this.#settings
    return owner === undefined ? undefined : ownerText(untyped(values.get(owner))) ?? NOBODY
  }

  /**
   * A session as it is to be written. Throws `FST_SESSION_GONE` if the deadline has passed. Notes its use in `content`, if that
   * is tracked.
   *
   * @param before what the row held before these changes; undefined for a new session
   */
  encode (key: string, content: SessionContent, now: number, before: Before | undefined, changes: readonly Changes[]): NewSession {
    const ttl = this.#ttl(content.deadline, now)
    if (ttl <= 0) throw new SessionGoneError()
    const owner = this.ownerOf(content)
    if (this.#settings.track) content.tracked = tracked(content, owner, now, before, changes)
    const data = this.#settings.codec.encode(content, { rowKey: key })
    return owner === undefined ? { token: key, data, ttl } : { token: key, data, ttl, owner }
  }

  /**
   * The row that a session has just been written to.
   *
   * @param expiry default: the store has added `ttl` to the time of the write, which is about now
   */
  written ({ token, data, ttl }: NewSession, content: SessionContent, values?: Map<string, unknown>, expiry = performance.now() + ttl): Row {
    return new Row(token, data, expiry, content, this.ownerOf(content), values)
  }

  /** Whether a write keeps the row's expiry: the deadline is the same, and the expiry would move less than `touchInterval`. */
  keepsExpiry (row: Row, deadline: number, now: number): boolean {
    return deadline === row.deadline && Math.abs(performance.now() + this.#ttl(deadline, now) - row.expiry) < this.#settings.touchInterval
  }

  /** What a write with this deadline expects in the row. */
  seen (row: Row, deadline: number): Seen {
    const { bytes, whole } = this.#compared(row.data)
    // A new deadline is written exactly, however near it is to the old one.
    return deadline === row.deadline ? { bytes, whole, ttl: row.expiry - performance.now() } : { bytes, whole }
  }

  /** The first bytes of the data, which are new with every write. Undefined if the codec writes none. */
  version (data: Uint8Array): Uint8Array | undefined {
    const length = this.#settings.codec.headerLength?.(data) ?? 0
    return length > 0 ? data.subarray(0, length) : undefined
  }

  get track (): boolean {
    return this.#settings.track
  }

  /**
   * Whether a session's use is to be noted: it is tracked, and the last note is older than `touchInterval`.
   *
   * @param at when it was used, by `performance.now()`
   */
  isUseDue (last: Tracked | undefined, at = performance.now()): boolean {
    if (!this.#settings.track || last === undefined) return this.#settings.track
    return this.now() - (performance.now() - at) - last.lastUsed >= this.#leastMove
  }

  /** Whether a touch may be due for a row that expires then, as far as can be told without its deadline. */
  mayNeedTouch (expiry: number): boolean {
    const { idleTimeout } = this.#settings
    return idleTimeout > 0 && performance.now() + idleTimeout - expiry >= this.#leastMove
  }

  /** The touch that is due for a row, if one is. Near the deadline a touch would not move the expiry. */
  dueTouch ({ key, data, expiry, deadline }: Row): TouchedSession | undefined {
    const ttl = this.#ttl(deadline, this.now())
    if (!this.mayNeedTouch(expiry) || performance.now() + ttl - expiry < this.#leastMove) return undefined
    return { token: key, seen: this.#compared(data), ttl, atLeast: this.#leastMove }
  }

  /**
   * How long before its expiry a row is touched during a request, in milliseconds: half of the idle timeout, or less if a
   * touch is not due by then. Undefined without an idle timeout.
   */
  get margin (): number | undefined {
    const { idleTimeout } = this.#settings
    return idleTimeout > 0 ? Math.min(idleTimeout / 2, idleTimeout - this.#leastMove) : undefined
  }

  /** Whether a row that expires then must be touched now, so that it does not expire during the request. */
  isNear (expiry: number): boolean {
    return this.margin !== undefined && expiry - performance.now() <= this.margin
  }

  /** Whether a request has lasted so long, in milliseconds, that others have probably moved the expiry since it was loaded. */
  isLong (time: number): boolean {
    return time >= Math.max(LONG, this.#leastMove)
  }

  get #leastMove (): number {
    return Math.max(1, this.#settings.touchInterval)
  }

  /** What tells this data from that of other writes. */
  #compared (data: Uint8Array): Seen {
    const version = this.version(data)
    return version === undefined ? { bytes: data, whole: true } : { bytes: version, whole: false }
  }

  /** How long a row may live from `now` on, in milliseconds. */
  #ttl (deadline: number, now: number): number {
    const { idleTimeout } = this.#settings
    return Math.ceil(idleTimeout > 0 ? Math.min(deadline - now, idleTimeout) : deadline - now)
  }
}

/** What a row held before a write. */
export type Before = Pick<Row, 'owner' | 'tracked'>

/** A sign-in, and the beginning of a session that nobody signs in to, says where it is. Any request says when. */
function tracked (content: SessionContent, owner: string | undefined, now: number, before: Before | undefined, changes: readonly Changes[]): Tracked {
  const origin = changes.findLast(({ origin }) => origin !== undefined)?.origin
  const time = Math.floor(now)
  const isSignIn = before !== undefined && owner !== undefined && owner !== NOBODY && owner !== before.owner
  if (before === undefined || isSignIn) return { began: time, lastUsed: time, ...origin }
  const last = content.tracked ?? before.tracked
  return { ...last, lastUsed: origin === undefined && last !== undefined ? last.lastUsed : time }
}
