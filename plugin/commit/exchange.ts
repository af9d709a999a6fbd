import type { Changes } from './changes.js'
import type { Before, Row, Rows } from './rows.js'
import type { SessionContent } from '../codecs/codec.js'
import { endingAt } from '../codecs/content.js'
import { MergedSessionGoneError, SessionGoneError } from '../errors.js'
import { timeLeft } from '../../stores/deadline.js'
import type { Found, NewSession, SessionStore, StoredSession, Write } from '../../stores/store.js'

/** What a transaction writes: the session, and how its rows change. No writes: the row holds the session already. */
interface Decision {
  readonly session: NewSession
  readonly content: SessionContent
  readonly writes: readonly Write[]
}

/** How a session is renewed. */
export interface RenewOptions {
  /** Whether a new session may begin in place of one that has ended. */
  readonly mayBegin: boolean
  /** Whether to write nothing, and return undefined, if the old token of another request's renewal may still hold. */
  readonly mayFollow: boolean
  /** What the old row says to requests that still come with the old token. */
  readonly note?: string
}

/**
 * The commits that need a transaction: it locks rows, applies the changes to what the rows hold, and writes the outcome.
 * All of them throw `FST_SESSION_GONE` if the session has ended. A deadline is when the request stops waiting, in milliseconds
 * of `performance.now()`.
 */
export class Exchange {
  readonly #store: SessionStore
  readonly #rows: Rows

  constructor (store: SessionStore, rows: Rows) {
    this.#store = store
    this.#rows = rows
  }

  /**
   * Renews: the session goes on under a new key, with a new lifetime. If its row is gone, a session with these changes
   * alone begins, if it may. Returns undefined if the old token of another request's renewal may still hold. A repeated call
   * must give the same key, so that a renewal whose answer was lost is found.
   *
   * @param row the session's row, if it has one
   */
  async renew (row: Row | undefined, newKey: string, changes: Changes, deadline: number, { mayBegin, mayFollow, note }: RenewOptions): Promise<Row | undefined> {
    const keys = [...row === undefined ? [] : [row.key], ...changes.merged]
    return await this.#tryRewrite(changes.wereAttempted ? [newKey, ...keys] : keys, deadline, locked => {
      const renewed = locked.find(newKey)
      if (renewed !== undefined && changes.missingIn(this.#rows.version(renewed.data)) !== changes) return this.#inPlace(locked, newKey, changes)

      const own = row === undefined ? undefined : locked.content(row.key)
      if (own === undefined && mayFollow && row !== undefined && locked.isNoted(row.key)) return undefined
      if (own === undefined && !mayBegin) throw new SessionGoneError()
      const content = endingAt(this.#rows.newDeadline(locked.now), own ?? this.#rows.emptyContent())
      const before = own && this.#rows.before(own)
      changes.apply(content, locked.merged(changes))
      const session = this.#encode(newKey, content, locked.now, before, changes)
      const leave = row === undefined || own === undefined ? [] : [this.#leave(row.key, newKey, note)]
      return { session, content, writes: [...deletes(changes, row?.key), ...leave, { kind: 'insert', session }] }
    })
  }

  /** Merges: the values of other sessions come into this one, and the others end. */
  async merge (row: Row, changes: Changes, deadline: number): Promise<Row> {
    return await this.#rewrite([row.key, ...changes.merged], deadline, locked => this.#inPlace(locked, row.key, changes))
  }

  /**
   * Locks: after too many conflicts the session's row is kept from other writers.
   *
   * @param apply applies the changes of several requests and returns those that it has applied. It may be called again.
   */
  async lock (key: string, deadline: number, apply: (content: SessionContent, row: Row) => readonly Changes[]): Promise<Row> {
    return await this.#rewrite([key], deadline, locked => {
      const { session: found, content } = locked.live(key)
      const before = this.#rows.before(content)
      const applied = apply(content, this.#rows.found(found, content, performance.now()))
      if (applied.length === 0) return { session: found, content, writes: [] }
      const session = this.#encode(key, content, locked.now, before, ...applied)
      return { session, content, writes: [{ kind: 'update', session }] }
    })
  }

  /** What becomes of the old row of a renewed session. If other programs use the table, it is deleted: they could not read the note. */
  #leave (key: string, newKey: string, note: string | undefined): Write {
    return this.#rows.areShared ? { kind: 'delete', token: key } : { kind: 'move', token: key, to: newKey, ...note !== undefined && { note } }
  }

  /** Applies what is not in the row yet, and leaves the session under its key. */
  #inPlace (locked: Locked, key: string, changes: Changes): Decision {
    const { session: found, content } = locked.live(key)
    const missing = changes.missingIn(this.#rows.version(found.data))
    if (missing.isEmpty) return { session: found, content, writes: [] }
    const before = this.#rows.before(content)
    missing.apply(content, locked.merged(missing))
    const session = this.#encode(key, content, locked.now, before, changes)
    return { session, content, writes: [...deletes(missing, key), { kind: 'update', session }] }
  }

  #encode (key: string, content: SessionContent, now: number, before: Before | undefined, ...changes: readonly Changes[]): NewSession {
    const session = this.#rows.encode(key, content, now, before, changes)
    for (const one of changes) one.noteAttempt(this.#rows.version(session.data))
    return session
  }

  async #rewrite (keys: readonly string[], deadline: number, decide: (locked: Locked) => Decision): Promise<Row> {
    // Only callers of `#tryRewrite` may decide to write nothing.
    return await this.#tryRewrite(keys, deadline, decide) as Row
  }

  /** The same, where there may be nothing to write: then `decide` returns undefined, and so does this. */
  async #tryRewrite (keys: readonly string[], deadline: number, decide: (locked: Locked) => Decision | undefined): Promise<Row | undefined> {
    let decision: Decision | undefined
    await this.#store.rewrite(keys, found => {
      decision = decide(new Locked(found, this.#rows))
      return decision?.writes ?? []
    }, timeLeft(deadline))
    return decision && this.#rows.written(decision.session, decision.content)
  }
}

/** The rows that a transaction has locked. */
class Locked {
  readonly now: number
  readonly #sessions: ReadonlyMap<string, StoredSession>
  readonly #noted: ReadonlySet<string>
  readonly #rows: Rows

  constructor ({ now, sessions, successors = [] }: Found, rows: Rows) {
    this.now = now
    this.#noted = new Set(successors.flatMap(({ token, note }) => note === undefined ? [] : [token]))
    this.#sessions = new Map(sessions.map(session => [session.token, session]))
    this.#rows = rows
  }

  find (key: string): StoredSession | undefined {
    return this.#sessions.get(key)
  }

  /** Whether the session of a row was renewed, and requests with the old token may still find it. */
  isNoted (key: string): boolean {
    return this.#noted.has(key)
  }

  /** What a row holds; undefined if the session has ended. */
  content (key: string): SessionContent | undefined {
    const session = this.find(key)
    return session === undefined ? undefined : this.#rows.liveContent(key, session.data, this.now)
  }

  /** The row and the content of a session that must not have ended. */
  live (key: string): { readonly session: StoredSession, readonly content: SessionContent } {
    const session = this.find(key)
    const content = this.content(key)
    if (session === undefined || content === undefined) throw new SessionGoneError()
    return { session, content }
  }

  /** The content of the sessions that are merged in, by their keys. Throws `FST_SESSION_GONE` if one of them has ended. */
  merged (changes: Changes): ReadonlyMap<string, SessionContent> {
    return new Map(changes.merged.map(key => {
      const content = this.content(key)
      if (content === undefined) throw new MergedSessionGoneError()
      return [key, content]
    }))
  }
}

/** @param own the session's own row: another request may have renewed it, and this one has merged it in by its new token */
function deletes (changes: Changes, own: string | undefined): Write[] {
  return [...new Set(changes.merged)].filter(key => key !== own).map(token => ({ kind: 'delete', token }))
}
