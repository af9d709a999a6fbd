import { setTimeout as sleep } from 'node:timers/promises'
import { Lanes } from './batch.js'
import { Cleanup, cleanupIntervalOf } from './cleanup.js'
import { Clock, type TimedStore } from '../clock.js'
import { expiryStays } from '../expiry.js'
import { errorCode, StoreMisconfiguredError, StoreUnavailableError, TableMissingError, TooLargeError, withoutTokens } from '../errors.js'
import { decidedBy } from '../rewrite.js'
import { CommitLostError, LostError, UnreachedError, type Contact, type SqlDatabase } from './database.js'
import { isSeen, MOST_SUCCESSORS, successorIn, successorNote } from './successor.js'
import type { ChangedSession, Found, NewSession, Outcome, StoredSession, StoreLog, TouchedSession, Write } from '../store.js'
import { duration, LONGEST_TIMER, positiveInteger } from '../validate.js'

/** The options that the SQL stores share. */
export interface SqlStoreOptions {
  /** The table, with its schema if it is not the connection's: 'auth.sessions'. Default 'sessions'. */
  table?: string
  /** Create the table if it is missing. Default false. */
  createTable?: boolean
  /** How often expired rows are deleted, in milliseconds. Default 5 minutes; 0 never. */
  cleanupInterval?: number
  /** How long a call may take, in milliseconds. Default 5 seconds. */
  storeTimeout?: number
}

const DEFAULT_TIMEOUT = 5000
const MOST_BYTES = 512 * 1024
const MOST_LANES = 4
/** The same where each statement writes one session. */
const MOST_LANES_FOR_SINGLE_WRITES = 16
/** How long a batch waits at most for a row that somebody has locked before it is taken apart, in milliseconds. */
const PATIENCE = 1000
const TRIES = 3
/** How many expired rows are deleted at once. */
export const CLEANUP_BATCH = 128

/** The option `storeTimeout`, checked. */
export function storeTimeoutOf (options: { readonly storeTimeout?: unknown }): number {
  return duration('storeTimeout', options.storeTimeout, DEFAULT_TIMEOUT, { least: 1, most: LONGEST_TIMER })
}

/** What there is once the database has been reached. */
interface Ready {
  readonly contact: Contact
  readonly lanes: Lanes
  readonly find: (tokens: readonly string[]) => Promise<Found>
  readonly insert: (session: NewSession) => Promise<boolean>
  /** Undefined: not known. */
  readonly update: (session: ChangedSession) => Promise<Outcome | undefined>
  readonly touch: (session: TouchedSession) => Promise<undefined>
  readonly remove: (token: string) => Promise<undefined>
}

/** A store on a SQL database: batches, repeats, bounds on time, and the cleanup. The statements are the database's. */
export class SqlStore<Connection> implements TimedStore {
  readonly isBounded = true
  readonly #database: SqlDatabase<Connection>
  readonly #timeout: number
  readonly #patience: number
  readonly #clock = new Clock()
  readonly #cleanup: Cleanup
  #log: StoreLog | undefined
  #ready: Ready | undefined
  #reaching: Promise<Ready> | undefined
  #closing: Promise<void> | undefined

  constructor (database: SqlDatabase<Connection>, options: SqlStoreOptions) {
    this.#database = database
    this.#timeout = storeTimeoutOf(options)
    // It leaves time for its rows one by one.
    this.#patience = Math.min(PATIENCE, Math.ceil(this.#timeout / 3))
    this.#cleanup = new Cleanup(cleanupIntervalOf(options.cleanupInterval), async stop => { await this.#clean(stop) })
  }

  async open (log: StoreLog): Promise<number | undefined> {
    this.#log = log
    this.#cleanup.start(log)
    try {
      await this.#contact()
      return this.#now()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      log.warn({ err: withoutTokens(error.cause ?? error) }, 'The database of the sessions cannot be reached. The application starts all the same; the table will be checked at first contact')
      return undefined
    }
  }

  find (tokens: readonly string[]): Promise<Found> {
    const possible = tokens.every(this.#isPossible) ? tokens : tokens.filter(this.#isPossible)
    if (possible.length === 0) return this.#findNothing()
    return this.#ready === undefined ? this.#contact().then(({ find }) => find(possible)) : this.#ready.find(possible)
  }

  async #findNothing (): Promise<Found> {
    const now = await this.#alone(true, async connection => await this.#database.now(connection))
    this.#clock.set(now)
    return { now, sessions: [] }
  }

  async insert (session: NewSession): Promise<boolean> {
    const { insert, contact } = this.#ready ?? await this.#contact()
    return await insert(this.#fitting(session, contact))
  }

  async update (session: ChangedSession): Promise<Outcome> {
    const { update, contact } = this.#ready ?? await this.#contact()
    const fitting = this.#fitting(session, contact)
    if (!this.#isPossible(session.token)) return { kind: 'gone' }
    const outcome = await update({ ...fitting, expiryStays: expiryStays(fitting) })
    if (outcome === undefined) throw new StoreUnavailableError('the connection was lost while it was writing')
    return outcome
  }

  async touch (session: TouchedSession): Promise<void> {
    const { touch, contact } = this.#ready ?? await this.#contact()
    if (this.#isPossible(session.token)) await touch({ ...session, ttl: this.#ttl(session.ttl, contact) })
  }

  async delete (token: string): Promise<void> {
    const { remove } = this.#ready ?? await this.#contact()
    if (this.#isPossible(token)) await remove(token)
  }

  async rewrite (tokens: readonly string[], decide: (found: Found) => readonly Write[]): Promise<void> {
    const { lanes, contact } = await this.#contact()
    await decidedBy(decide, async decide => {
      await lanes.alone(async timeLeft => {
        await this.#repeat(timeLeft, false, async left => { await this.#transact(tokens.filter(this.#isPossible), decide, contact, left) })
      }, tokens)
    })
  }

  async * scan (pageSize = 1000): AsyncIterable<StoredSession> {
    positiveInteger('pageSize', pageSize, 1000)
    for (let after: string | undefined; ;) {
      const page = await this.#alone(true, async connection => await this.#database.page(connection, after, pageSize))
      yield * sort(page).live.values()
      if (page.length < pageSize) return
      after = page.at(-1)?.token
    }
  }

  async deleteExpired (limit: number): Promise<number> {
    positiveInteger('limit', limit)
    let deleted = 0
    while (deleted < limit) {
      const most = Math.min(limit - deleted, CLEANUP_BATCH)
      const count = await this.#alone(true, async connection => await this.#database.removeExpired(connection, most, this.#patience))
      deleted += count
      if (count < most) break
    }
    return deleted
  }

  now (): number | undefined {
    return this.#clock.now()
  }

  stopCleanup (): void {
    this.#cleanup.stop()
  }

  async close (): Promise<void> {
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close (): Promise<void> {
    this.#cleanup.stop()
    await this.#cleanup.settled()
    await this.#reaching?.catch(() => {})
    const ready = this.#ready
    // Whoever comes now is refused.
    this.#ready = undefined
    await ready?.lanes.settled()
    await this.#database.close()
  }

  /** Reaches the database, once; again if that has failed. */
  async #contact (): Promise<Ready> {
    if (this.#closing !== undefined) throw new StoreUnavailableError('it was closed with the application')
    if (this.#ready !== undefined) return this.#ready
    this.#reaching ??= this.#makeReady().finally(() => { this.#reaching = undefined })
    try {
      this.#ready = await this.#reaching
      return this.#ready
    } catch (error) {
      throw this.#failure(error)
    }
  }

  async #makeReady (): Promise<Ready> {
    const contact = await this.#database.contact(performance.now() + this.#timeout)
    this.#clock.set(contact.now)
    const failure = (error: unknown) => this.#failure(error)
    const isWorthApart = (error: unknown) => ['undone', 'locked', 'duplicate', 'failed'].includes(this.#database.kindOf(error))
    const { maxRows } = this.#database
    const { rowsPerWrite = maxRows, warnings = [] } = contact
    for (const warning of warnings) this.#log?.warn({}, warning)
    const shared = { maxItems: rowsPerWrite, maxBytes: Math.min(MOST_BYTES, contact.maxStatementBytes), isWorthApart, failure }
    const lanes = new Lanes(Math.max(1, Math.min(rowsPerWrite === 1 ? MOST_LANES_FOR_SINGLE_WRITES : MOST_LANES, contact.poolSize >> 1)), this.#timeout, failure)
    return {
      contact,
      lanes,
      find: lanes.batch<readonly string[], Found>({
        ...shared,
        maxItems: maxRows,
        // A request may ask for several tokens, and all of them are parameters of the statement.
        maxBytes: maxRows,
        bytes: tokens => tokens.length,
        // Where readers wait for writers, as on SQL Server, a locked row must not hold up the others.
        keys: tokens => tokens,
        isReading: true,
        send: async (asked, left) => await this.#sendFind(asked, left)
      }),
      insert: lanes.batch<NewSession, boolean>({
        ...shared,
        bytes: ({ data }) => data.length,
        keys: ({ token }) => [token],
        send: async (sessions, left) => await this.#sendInsert(sessions, left)
      }),
      update: lanes.batch<ChangedSession, Outcome | undefined>({
        ...shared,
        bytes: ({ data, seen }) => data.length + seen.bytes.length,
        keys: ({ token }) => [token],
        send: async (sessions, left) => await this.#sendUpdate(sessions, left)
      }),
      touch: lanes.batch<TouchedSession, undefined>({
        ...shared,
        bytes: ({ seen }) => seen.bytes.length,
        keys: ({ token }) => [token],
        send: async (sessions, left) => await this.#sendTouch(sessions, left)
      }),
      remove: lanes.batch<string, undefined>({
        ...shared,
        bytes: () => 1,
        keys: token => [token],
        send: async (tokens, left) => await this.#sendRemove(tokens, left)
      })
    }
  }

  async #sendFind (asked: ReadonlyArray<readonly string[]>, left: number): Promise<Found[]> {
    const { live, renewed } = await this.#attempt(left, true, async connection => await this.#findAll(connection, [...new Set(asked.flat())]))
    const now = this.#now()
    return asked.map(tokens => {
      const sessions: StoredSession[] = []
      for (const token of tokens) {
        const session = live.get(token)
        if (session !== undefined) sessions.push(session)
      }
      return { now, sessions, renewed: renewed.size === 0 ? NONE : tokens.filter(token => renewed.has(token)) }
    })
  }

  /** By their tokens to the letter, which a collation may not have compared so. */
  async #findAll (connection: Connection, tokens: readonly string[]): Promise<Sorted> {
    const sorted: Sorted = { live: new Map(), renewed: new Set() }
    const { maxRows } = this.#database
    for (let i = 0; i < tokens.length; i += maxRows) {
      const { now, sessions } = await this.#database.find(connection, tokens.slice(i, i + maxRows), this.#locks(tokens.length))
      if (now !== undefined) this.#clock.set(now)
      sort(sessions, sorted)
    }
    return sorted
  }

  async #sendInsert (sessions: readonly NewSession[], left: number): Promise<boolean[]> {
    const written: boolean[] = []
    const until = performance.now() + left
    for (const some of powersOfTwo(sessions)) {
      try {
        await this.#attempt(until - performance.now(), false, async connection => { await this.#database.insert(connection, some) })
        written.push(...some.map(() => true))
      } catch (error) {
        if (!(error instanceof LostError) && !(this.#database.kindOf(error) === 'duplicate' && some.length === 1)) throw error
        // Perhaps it is there, from this attempt or an earlier one. If it is not, it is not known to stay away.
        const { live } = await this.#attempt(until - performance.now(), true, async connection => await this.#findAll(connection, some.map(({ token }) => token)))
        written.push(...some.map(({ token, data }) => isThere(live.get(token), data)))
      }
    }
    return written
  }

  async #sendUpdate (sessions: readonly ChangedSession[], left: number): Promise<Array<Outcome | undefined>> {
    const saved = new Set<ChangedSession>()
    let wasLost = false
    // Repeated after a loss it does nothing if it was carried out: the data is then no longer what was seen.
    const newest = await this.#attempt(left, true, async connection => {
      const update = this.#database.update(connection, sessions.filter(session => !saved.has(session)), this.#locks(sessions.length))
      const written = await update.catch((error: unknown) => {
        wasLost ||= error instanceof LostError
        throw error
      })
      for (const session of written) saved.add(session)
      const missed = sessions.filter(session => !saved.has(session))
      return missed.length === 0 ? undefined : await this.#findAll(connection, missed.map(({ token }) => token))
    }).catch((error: unknown) => {
      // What was saved, or may have been, must not be sent again, one by one, for want of an answer about the others.
      if (saved.size === 0 && (!wasLost || this.#database.kindOf(error) === 'unknown')) throw error
      wasLost = true
      return undefined
    })
    return sessions.map(session => saved.has(session) ? { kind: 'saved' } : this.#missed(session, newest?.live.get(session.token), wasLost))
  }

  #missed (session: ChangedSession, newest: StoredSession | undefined, wasLost: boolean): Outcome | undefined {
    // It may have been written, and then perhaps changed or ended by somebody else.
    if (wasLost) return isThere(newest, session.data) ? { kind: 'saved' } : undefined
    return newest === undefined ? { kind: 'gone' } : { kind: 'changed', now: this.#now(), session: newest }
  }

  async #sendTouch (sessions: readonly TouchedSession[], left: number): Promise<undefined[]> {
    await this.#attempt(left, true, async connection => { await this.#database.touch(connection, sessions, this.#locks(sessions.length)) })
    return sessions.map(() => undefined)
  }

  async #sendRemove (tokens: readonly string[], left: number): Promise<undefined[]> {
    let doomed = tokens
    const until = performance.now() + left
    for (let i = 0; doomed.length > 0 && i < MOST_SUCCESSORS; i++) {
      const these = doomed
      doomed = await this.#attempt(until - performance.now(), true, async connection => await this.#database.remove(connection, these, this.#locks(tokens.length)))
    }
    return tokens.map(() => undefined)
  }

  async #transact (tokens: readonly string[], decide: (found: Found) => readonly Write[], contact: Contact, left: number): Promise<void> {
    let live: ReadonlyMap<string, StoredSession> = new Map()
    let writes: readonly Write[] = []
    const until = performance.now() + left
    try {
      await this.#database.transact(until, async connection => {
        const { now, sessions } = tokens.length === 0
          ? { now: undefined, sessions: [] }
          : await this.#database.findAndLock(connection, [...tokens].sort(), this.#timeout)
        if (now !== undefined) this.#clock.set(now)
        live = sort(sessions).live
        writes = decide({ now: this.#now(), sessions: tokens.flatMap(token => live.get(token) ?? []) })
        for (const write of writes) await this.#carryOut(connection, write, contact)
      })
    } catch (error) {
      if (!(error instanceof CommitLostError)) throw error
      const written = writes.flatMap(write => write.kind === 'insert' || write.kind === 'update' ? [write.session] : [])
      const before = writes.flatMap(write => write.kind === 'insert' ? [] : live.get(write.kind === 'update' ? write.session.token : write.token) ?? [])
      const became = await this.#lookedUp(written, before, until - performance.now()).catch((error: unknown) => error)
      if (became === 'done') return
      if (became === 'undone') throw new UnreachedError(error.message, { cause: error.cause })
      // Somebody has written on top, or nobody could look: it may have happened, and must not be done twice.
      throw new LostError(error.message, { cause: error.cause })
    }
  }

  /** What became of a transaction whose COMMIT was not answered; undefined if that cannot be told any more. */
  async #lookedUp (written: readonly NewSession[], before: readonly NewSession[], left: number): Promise<'done' | 'undone' | undefined> {
    return await this.#repeat(left, true, async left => await this.#database.transact(performance.now() + left, async connection => {
      const holds = async (sessions: readonly NewSession[]) => sessions.length === 0 || await this.#database.holds(connection, sessions, this.#timeout)
      if (await holds(written)) return 'done'
      return await holds(before) ? 'undone' : undefined
    }))
  }

  async #carryOut (connection: Connection, write: Write, contact: Contact): Promise<void> {
    switch (write.kind) {
      case 'insert': await this.#database.insert(connection, [this.#fitting(write.session, contact)]); break
      case 'update': await this.#database.overwrite(connection, this.#fitting(write.session, contact)); break
      case 'move': await this.#database.overwrite(connection, { token: write.token, data: successorNote(write.to), ttl: 0 }); break
      case 'delete': if (this.#isPossible(write.token)) await this.#database.remove(connection, [write.token], this.#timeout); break
    }
  }

  async #alone<T> (isRepeatable: boolean, work: (connection: Connection) => Promise<T>): Promise<T> {
    const { lanes } = await this.#contact()
    return await lanes.alone(async left => await this.#attempt(left, isRepeatable, work))
  }

  async #attempt<T> (left: number, isRepeatable: boolean, work: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.#repeat(left, isRepeatable, async left => await this.#database.use(performance.now() + left, work))
  }

  /** Does `work`, and again if it was undone or never begun; with `isRepeatable` also if its answer was lost. */
  async #repeat<T> (timeLeft: number, isRepeatable: boolean, work: (left: number) => Promise<T>): Promise<T> {
    const until = performance.now() + timeLeft
    for (let tries = 1; ; tries++) {
      try {
        return await work(until - performance.now())
      } catch (error) {
        const isWorthIt = error instanceof UnreachedError || (isRepeatable && error instanceof LostError) || this.#database.kindOf(error) === 'undone'
        const pause = tries * (10 + Math.random() * 40)
        if (!isWorthIt || tries === TRIES || until - performance.now() <= pause) throw error
        await sleep(pause)
      }
    }
  }

  /** A statement for many gives up soon, so that it can be taken apart; one for a single session waits its turn. */
  #locks (rows: number): number {
    return rows > 1 ? this.#patience : this.#timeout
  }

  /**
   * Deletes what is expired, one process at a time. Each batch takes its turn with the statements of the requests: of a
   * small pool the cleanup would otherwise hold the one connection for as long as there is something to delete.
   */
  async #clean (stop: AbortSignal): Promise<void> {
    const { lanes } = await this.#contact()
    while (!stop.aborted) {
      const started = performance.now()
      const deleted = await lanes.alone(async left => await this.#repeat(left, true, async left => await this.#database.exclusively(performance.now() + left,
        async connection => await this.#database.removeExpired(connection, CLEANUP_BATCH, this.#patience))))
      if (deleted === undefined || deleted === 0) return
      // Requests come first: the cleanup rests twice as long as it has worked, or until it is stopped.
      await sleep(2 * (performance.now() - started), undefined, { signal: stop }).catch(() => {})
    }
  }

  #fitting<T extends NewSession> (session: T, contact: Contact): T {
    const { data, ttl } = session
    const { maxBytes, maxBytesBecause } = contact
    if (data.length > maxBytes) throw new TooLargeError(data.length, maxBytes, maxBytesBecause)
    const fitting = this.#ttl(ttl, contact)
    return fitting === ttl ? session : { ...session, ttl: fitting }
  }

  readonly #isPossible = (token: string): boolean => this.#database.isPossible(token)

  #ttl (ttl: number, { lastExpiry }: Contact): number {
    return Math.min(ttl, lastExpiry - this.#now())
  }

  #now (): number {
    return this.#clock.now() ?? Date.now()
  }

  /** What a caller gets for an error, made anew for each. */
  #failure (error: unknown): unknown {
    const isOfConnection = error instanceof LostError || error instanceof UnreachedError || error instanceof CommitLostError
    const origin = isOfConnection ? error.cause ?? error : error
    if (String(errorCode(origin)).startsWith('FST_SESSION_')) return origin
    const cause = withoutTokens(origin)
    const code = cause.code === undefined ? '' : ` (${cause.code})`
    const { tableName, schemaFile } = this.#database
    switch (this.#database.kindOf(origin)) {
      case 'missing':
        // Somebody has taken it away. It may come back, and then it is looked at again.
        this.#ready = undefined
        return Object.assign(new TableMissingError(tableName, schemaFile), { cause })
      case 'refused':
        return Object.assign(new StoreMisconfiguredError(`The database refuses the sessions' user, password or database, or the rights on the table ${tableName}${code}`), { cause })
      case 'locked':
        return Object.assign(new StoreUnavailableError(`the session is locked by somebody else${code}`), { cause })
      default:
        return Object.assign(new StoreUnavailableError(`${isOfConnection ? error.message : 'the database answered with an error'}${code}`), { cause })
    }
  }
}

const NONE: readonly string[] = []

interface Sorted {
  readonly live: Map<string, StoredSession>
  readonly renewed: Set<string>
}

/**
 * Rows into those that are live and those that name a successor. The latter may have become so while the statement waited
 * for the row, and then seem to be live at the time when it began.
 */
function sort (sessions: readonly StoredSession[], into: Sorted = { live: new Map(), renewed: new Set() }): Sorted {
  for (const session of sessions) {
    if (successorIn(session.data) !== undefined) into.renewed.add(session.token)
    else if (session.ttl > 0) into.live.set(session.token, session)
  }
  return into
}

function isThere (found: StoredSession | undefined, data: Uint8Array): boolean {
  return found !== undefined && isSeen(found.data, { bytes: data, whole: true })
}

/** In parts of 32, 16, 8 ... items: an INSERT cannot be filled up, and is to be prepared for few sizes all the same. */
function * powersOfTwo<T> (items: readonly T[]): Iterable<readonly T[]> {
  for (let i = 0; i < items.length;) {
    const size = Math.min(32, 1 << (31 - Math.clz32(items.length - i)))
    yield items.slice(i, i + size)
    i += size
  }
}
