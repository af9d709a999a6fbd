import type { Changes } from './changes.js'
import type { Codec, SessionContent } from '../codecs/codec.js'
import { SessionGoneError, StoreUnavailableError } from '../errors.js'
import type { Settings } from '../options.js'
import { Clock } from '../../stores/clock.js'
import type { Found, Seen, SessionStore, StoredSession, Write } from '../../stores/store.js'

/** What one request brings to a commit. */
export interface Job {
  readonly changes: Changes
  /** The deadline that the request has set, in the database's time, if it has. */
  readonly deadline: number | undefined
  /** What the request has called `rememberMe` with, if it has. */
  readonly rememberMe: boolean | undefined
}

/** What is known of a row. */
export interface Stored {
  readonly data: Uint8Array
  /** When it expires, in milliseconds of the process's monotonic clock. */
  readonly expiry: number
}

/** What stands in the row after a commit. */
export interface Committed extends Stored {
  /** The same, decoded, if nobody else's changes are in it. */
  readonly content: SessionContent | undefined
  readonly deadline: number
  readonly rememberMe: boolean | undefined
}

/** The same, about to be written. */
interface Encoded extends Committed {
  readonly ttl: number
  readonly expiryStays: boolean
}

/** What moves in an exchange: see {@link Committer.exchange}. */
export interface Exchange {
  /** The row that was loaded, if one was. */
  readonly token: string | undefined
  /** The row that takes its place, if the token is renewed or there was none. */
  readonly newToken: string | undefined
}

/**
 * Without an idle timeout a session's expiry is its deadline. By how much the two may differ because clocks were looked at
 * at different moments, in milliseconds: no reason to write it again.
 */
const EXPIRY_JITTER = 1000
/** After so many lost races a session's row is locked, so that everybody gets a turn. */
const RACES = 2

/** Writes sessions, and merges the changes of requests that use one session at the same time. */
export class Committer {
  readonly #store: SessionStore
  readonly #codec: Codec
  readonly #settings: Settings
  readonly #clock = new Clock()
  readonly #lines = new Map<string, Line>()

  constructor (settings: Settings) {
    this.#settings = settings
    this.#store = settings.store
    this.#codec = settings.codec
  }

  /** Notes the database's time, which every answer of the store tells. */
  noteTime (now: number): void {
    this.#clock.set(now)
  }

  /** The database's time, as far as it is known; before the first contact the process's own. */
  now (): number {
    return this.#clock.now() ?? Date.now()
  }

  /** How long a row may live from now on, in milliseconds. */
  ttl (deadline: number, now: number): number {
    const { idleTimeout } = this.#settings
    return Math.ceil(idleTimeout > 0 ? Math.min(deadline - now, idleTimeout) : deadline - now)
  }

  /** The deadline of a session that begins now: a whole number, as it comes back from the row. */
  #end (now: number): number {
    return Math.floor(now + this.#settings.lifetime)
  }

  /** What tells this data from the next in the same row. */
  seen (data: Uint8Array): Seen {
    const length = this.#codec.headerLength?.(data) ?? 0
    return length > 0 ? { bytes: data.subarray(0, length), whole: false } : { bytes: data, whole: true }
  }

  /** Writes a new session with these values. False if the token is taken. */
  async insert (token: string, values: Map<string, unknown>, job: Job): Promise<Committed | undefined> {
    const now = this.#clock.now() ?? await this.#askTime()
    const content = { values, deadline: job.deadline ?? this.#end(now), rememberMe: job.rememberMe }
    const written = this.#encode(content, now)
    const { data, ttl } = written
    return await this.#store.insert({ token, data, ttl }) ? afterWrite(written) : undefined
  }

  /**
   * Replaces a loaded session. In this process the requests of one session stand in line: while one is being written the
   * others gather, and are then written together.
   *
   * @param loaded what was loaded
   * @param content the same with the job's changes already applied
   */
  update (token: string, loaded: Stored, content: SessionContent, job: Job): Promise<Committed> {
    return new Promise((resolve, reject) => {
      const timer = setTimeout(() => this.#giveUp(token, entry), this.#settings.storeTimeout)
      const entry: Entry = {
        job,
        loaded,
        content,
        until: performance.now() + this.#settings.storeTimeout,
        resolve: committed => { clearTimeout(timer); resolve(committed) },
        reject: error => { clearTimeout(timer); reject(error) }
      }
      const line = this.#lines.get(token)
      if (line !== undefined) {
        line.push(entry)
        return
      }
      this.#lines.set(token, [entry])
      void this.#serve(token)
    })
  }

  /**
   * Locks rows, applies the changes to what they hold, and writes the outcome, in one transaction: to renew a token
   * (`token` and `newToken`), to merge others in (`job.changes.merged`), or, with the token alone, because others were
   * faster too often.
   */
  async exchange ({ token, newToken }: Exchange, job: Job): Promise<Committed> {
    const others = job.changes.merged
    let written: Encoded | undefined
    const decide = (found: Found): readonly Write[] => {
      this.noteTime(found.now)
      const rows = new Map(found.sessions.map(session => [session.token, session]))
      const own = this.#liveContent(token === undefined ? undefined : rows.get(token), found.now)
      const merged = others.map(other => this.#liveContent(rows.get(other), found.now))
      if (merged.includes(undefined) || (own === undefined && newToken === undefined)) throw new SessionGoneError()

      const values = own?.values ?? new Map<string, unknown>()
      job.changes.apply(values, new Map(others.map((other, i) => [other, merged[i]?.values ?? new Map<string, unknown>()])))
      const start = newToken === undefined && own !== undefined ? own.deadline : this.#end(found.now)
      const latest = merged.reduce((deadline, content) => Math.max(deadline, content?.deadline ?? 0), start)
      written = this.#encode({ values, deadline: job.deadline ?? latest, rememberMe: job.rememberMe ?? own?.rememberMe }, found.now)

      const { data, ttl } = written
      const writes: Write[] = others.map(other => ({ kind: 'delete', token: other }))
      if (newToken === undefined) return [...writes, { kind: 'update', session: { token: token as string, data, ttl } }]
      if (own !== undefined) writes.push({ kind: 'move', token: token as string, to: newToken })
      return [...writes, { kind: 'insert', session: { token: newToken, data, ttl } }]
    }
    await this.#store.rewrite(token === undefined ? others : [token, ...others], decide)
    // The rewrite has resolved, so its function has run.
    return afterWrite(written as unknown as Encoded)
  }

  /** A row's content, if it can be decoded and its deadline has not passed. */
  #liveContent (session: StoredSession | undefined, now: number): SessionContent | undefined {
    if (session === undefined) return undefined
    try {
      const content = this.#codec.decode(session.data)
      return content.deadline > now ? content : undefined
    } catch {
      // Somebody else has written it in another form, so it is not the session that was loaded.
      return undefined
    }
  }

  /** @param replaced the row that it replaces, if that row's expiry may stay as it is */
  #encode (content: SessionContent, now: number, replaced?: Stored): Encoded {
    const { deadline, rememberMe } = content
    const ttl = this.ttl(deadline, now)
    if (ttl <= 0) throw new SessionGoneError()
    const expiry = performance.now() + ttl
    const expiryStays = replaced !== undefined && Math.abs(expiry - replaced.expiry) < this.#expiryTolerance
    return { data: this.#codec.encode(content), content, deadline, rememberMe, ttl, expiryStays, expiry: expiryStays ? replaced.expiry : expiry }
  }

  get #expiryTolerance (): number {
    const { idleTimeout, touchInterval } = this.#settings
    return idleTimeout > 0 ? touchInterval : EXPIRY_JITTER
  }

  async #askTime (): Promise<number> {
    const { now } = await this.#store.find([])
    this.noteTime(now)
    return now
  }

  /** Whoever waits for a write that does not end, or stands behind one, waits no longer than for any other call. */
  #giveUp (token: string, entry: Entry): void {
    const line = this.#lines.get(token) ?? []
    const place = line.indexOf(entry)
    if (place !== -1) line.splice(place, 1)
    entry.reject(this.#tooLate())
  }

  #tooLate (): Error {
    return new StoreUnavailableError(`no answer within ${this.#settings.storeTimeout} ms`)
  }

  /** Serves a line until it is empty. Whoever comes while a write is under way finds the newest data when it is over. */
  async #serve (token: string): Promise<void> {
    const line = this.#lines.get(token) as Line
    let newest: Stored | undefined
    while (line.length > 0) newest = await this.#write(token, line.splice(0), newest)
    this.#lines.delete(token)
  }

  /** Writes the changes of several requests at once. Never rejects; gives what is in the row now, if that is known. */
  async #write (token: string, entries: Entry[], newest: Stored | undefined): Promise<Stored | undefined> {
    const [first] = entries as [Entry]
    let base = newest ?? first.loaded
    // The first one's changes have been applied to what it had loaded, so there is nothing to decode.
    let content = entries.length === 1 && base === first.loaded ? withFields(first.content, first.job) : undefined
    try {
      for (let races = 0; races < RACES; races++) {
        // Loading it has told the time.
        const now = this.now()
        content ??= this.#apply(entries, base.data, now)
        if (entries.length === 0) return base
        const written = this.#encode(content, now, entries.some(({ job }) => job.deadline !== undefined) ? undefined : base)
        const { data, ttl, expiryStays } = written
        const outcome = await this.#store.update({ token, seen: this.seen(base.data), data, ttl, expiryStays })
        if (outcome.kind === 'gone') throw new SessionGoneError()
        if (outcome.kind === 'saved') {
          return answer(entries, written)
        }
        this.noteTime(outcome.now)
        base = { data: outcome.session.data, expiry: performance.now() + outcome.session.ttl }
        content = undefined
        if (first.until <= performance.now()) throw this.#tooLate()
      }
      return await this.#writeLocked(token, entries)
    } catch (error) {
      return await this.#oneByOne(token, entries, error)
    }
  }

  async #writeLocked (token: string, entries: Entry[]): Promise<Stored> {
    let written: Encoded | undefined
    await this.#store.rewrite([token], ({ now, sessions: [session] }) => {
      if (session === undefined) throw new SessionGoneError()
      written = this.#encode(this.#apply(entries, session.data, now), now)
      return [{ kind: 'update', session: { token, data: written.data, ttl: written.ttl } }]
    })
    return answer(entries, written as unknown as Encoded)
  }

  /**
   * After a failure of several requests' changes: if it may be the fault of one of them (what it put cannot be encoded, or
   * the session has become too large), each is written for itself.
   */
  async #oneByOne (token: string, entries: Entry[], error: unknown): Promise<Stored | undefined> {
    if (entries.length === 1 || error instanceof SessionGoneError || error instanceof StoreUnavailableError) {
      entries.forEach((entry, i) => entry.reject(i === 0 ? error : ownCopy(error)))
      return undefined
    }
    let newest: Stored | undefined
    for (const entry of entries) newest = await this.#write(token, [entry], newest) ?? newest
    return newest
  }

  /** The content of a row with the changes of these requests. One whose changes fail is answered, and taken out. */
  #apply (entries: Entry[], data: Uint8Array, now: number): SessionContent {
    let content = this.#liveContent({ token: '', data, ttl: 0 }, now)
    if (content === undefined) throw new SessionGoneError()
    if (entries.length === 1) {
      const [{ job }] = entries as [Entry]
      job.changes.apply(content.values)
      return withFields(content, job)
    }
    for (const entry of entries.slice()) {
      const values = new Map(content.values)
      try {
        entry.job.changes.apply(values)
        content = withFields({ ...content, values }, entry.job)
      } catch (error) {
        entries.splice(entries.indexOf(entry), 1)
        entry.reject(error)
      }
    }
    return content
  }
}

interface Entry {
  readonly job: Job
  readonly loaded: Stored
  readonly content: SessionContent
  readonly until: number
  readonly resolve: (committed: Committed) => void
  readonly reject: (error: unknown) => void
}

type Line = Entry[]

function withFields (content: SessionContent, { deadline, rememberMe }: Job): SessionContent {
  if (deadline === undefined && rememberMe === undefined) return content
  return { ...content, deadline: deadline ?? content.deadline, rememberMe: rememberMe ?? content.rememberMe }
}

function answer (entries: readonly Entry[], encoded: Encoded): Committed {
  const written = afterWrite(encoded)
  // Several requests must not share the objects that one of them has put.
  const shared = entries.length === 1 ? written : { ...written, content: undefined }
  for (const entry of entries) entry.resolve(shared)
  return written
}

/** The database has added the time to live to the time when it wrote, which is nearer to now than to when it was encoded. */
function afterWrite (encoded: Encoded): Committed {
  return encoded.expiryStays ? encoded : { ...encoded, expiry: performance.now() + encoded.ttl }
}

/** Fastify writes to the errors that it replies with, so each request gets one of its own. */
function ownCopy (error: unknown): unknown {
  if (!(error instanceof Error)) return error
  const copy: object = Object.create(Object.getPrototypeOf(error) as object)
  return Object.assign(copy, error, { message: error.message, stack: error.stack, cause: error.cause })
}
