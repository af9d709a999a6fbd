import { setTimeout as sleep } from 'node:timers/promises'
import { Lanes } from './batch.js'
import { Cleanup, cleanupIntervalOf } from './cleanup.js'
import { Clock } from './clock.js'
import { errorCode, StoreMisconfiguredError, StoreUnavailableError, TableMissingError, TooLargeError, withoutTokens } from './errors.js'
import { errorNumber, isLocked, isUndone, LostError, MysqlConnections, unavailable, UnreachedError, type Connection } from './mysql-connections.js'
import { checkSource, openPool, type MysqlSource, type OpenedPool } from './mysql-pool.js'
import * as sql from './mysql-sql.js'
import { inspectTable, LAST_TIMESTAMP, type MysqlTable } from './mysql-table.js'
import { isSeen, MOST_SUCCESSORS, successorIn, successorNote } from './successor.js'
import type { ChangedSession, Found, NewSession, Outcome, Seen, SessionStore, StoredSession, StoreLog, TouchedSession, Write } from './store.js'
import { boolean, duration, positiveInteger, tableName } from './validate.js'

export type { MysqlPool, MysqlPoolOptions, MysqlSource } from './mysql-pool.js'

/** The options of {@link mysqlStore}. */
export interface MysqlStoreOptions {
  /** The table, with its database if it is not the connection's: 'auth.sessions'. Default 'sessions'. */
  table?: string
  /** Create the table if it is missing. Default false. */
  createTable?: boolean
  /** How often expired rows are deleted, in milliseconds. Default 5 minutes; 0 never. */
  cleanupInterval?: number
  /** How long a call may take, in milliseconds. Default 5 seconds. */
  storeTimeout?: number
}

/**
 * Keeps sessions in MySQL (8.0.17 or newer) or MariaDB (10.5 or newer), in the table of `schema/mysql.sql` or in the one
 * that the README of SCS's mysqlstore defines. Needs the package mysql2 (for a URL or options; a pool brings its own).
 *
 * Throws `FST_SESSION_INVALID_OPTION`. Its methods reject with `FST_SESSION_STORE_UNAVAILABLE` (503),
 * `FST_SESSION_TABLE_MISSING`, `FST_SESSION_STORE_MISCONFIGURED`, `FST_SESSION_DRIVER_MISSING` and `FST_SESSION_TOO_LARGE`.
 */
export function mysqlStore (source: MysqlSource, options: MysqlStoreOptions = {}): SessionStore {
  return new MysqlStore(source, options)
}

/** Statements are prepared for these numbers of rows, and filled up by repeating the last one. */
const SIZES = [1, 2, 4, 8, 16, 32, 52]
/** A bit for each row in the answer's insert id, which the driver reads exactly up to 2^53. */
const MOST_ROWS = 52
const MOST_BYTES = 512 * 1024
const MOST_LANES = 4
/** How long a batch waits for a row that somebody has locked, before it is taken apart, in seconds. */
const PATIENCE = 1
const TRIES = 3
const NOTHING = Buffer.alloc(0)
const CLEANUP_BATCH = 256
/** Error numbers of a server that can be reached, but whose answer will not change by itself. */
const REFUSALS = new Set([1044, 1045, 1049, 1130, 1142, 1143, 1251, 1698, 3118])
const NO_SUCH_TABLE = 1146
const DUPLICATE = 1062

/** What there is once the database has been reached. */
interface Ready {
  readonly connections: MysqlConnections
  readonly table: MysqlTable
  readonly lanes: Lanes
  readonly find: (tokens: readonly string[]) => Promise<Found>
  readonly insert: (session: NewSession) => Promise<boolean>
  readonly update: (session: ChangedSession) => Promise<Outcome | undefined>
  readonly touch: (session: TouchedSession) => Promise<undefined>
  readonly remove: (token: string) => Promise<undefined>
}

class MysqlStore implements SessionStore {
  readonly isBounded = true
  readonly #source: MysqlSource
  readonly #name: readonly string[]
  readonly #table: string
  readonly #createTable: boolean
  readonly #timeout: number
  readonly #lockTimeout: number
  readonly #clock = new Clock()
  readonly #cleanup: Cleanup
  #opened: Promise<OpenedPool> | undefined
  #ready: Promise<Ready> | undefined
  #boundsLocks = true
  #isTimestamp = true
  /** The table in a statement that locks rows: without a hint the server goes through all of a small one, or by expiry. */
  #tableByKey: string
  #isClosed = false
  #closing: Promise<void> | undefined

  constructor (source: MysqlSource, options: MysqlStoreOptions) {
    checkSource(source)
    this.#source = source
    this.#name = tableName(options.table)
    this.#table = this.#name.map(part => `\`${part.replaceAll('`', '``')}\``).join('.')
    this.#tableByKey = this.#table
    this.#createTable = boolean('createTable', options.createTable, false)
    this.#timeout = duration('storeTimeout', options.storeTimeout, 5000, { least: 1 })
    this.#lockTimeout = Math.max(PATIENCE, Math.ceil(this.#timeout / 1000))
    this.#cleanup = new Cleanup(cleanupIntervalOf(options.cleanupInterval), async stopped => { await this.#clean(stopped) })
  }

  async open (log: StoreLog): Promise<void> {
    try {
      await this.#contact()
    } catch (error) {
      if (!(error instanceof StoreUnavailableError)) throw error
      log.warn({ err: withoutTokens(error.cause ?? error) }, 'The database of the sessions cannot be reached. The application starts all the same; the table will be checked at first contact')
    }
    this.#cleanup.start(log)
  }

  async find (tokens: readonly string[]): Promise<Found> {
    const { find, lanes } = await this.#contact()
    const possible = tokens.filter(isPossible)
    if (possible.length > 0) return await find(possible)
    return await lanes.alone(async timeLeft => await this.#attempt(timeLeft, true, async (connection, left) => {
      const [[now] = []] = await connection.rows(sql.SELECT_NOW, [], left)
      return { now: this.#noteTime(now), sessions: [] }
    }))
  }

  async insert (session: NewSession): Promise<boolean> {
    const { insert, table } = await this.#contact()
    this.#checkSize(session.data, table)
    return await insert(session)
  }

  async update (session: ChangedSession): Promise<Outcome> {
    const { update, table } = await this.#contact()
    this.#checkSize(session.data, table)
    if (!isPossible(session.token)) return { kind: 'gone' }
    const outcome = await update(session)
    if (outcome === undefined) throw new StoreUnavailableError('the connection was lost while it was writing')
    return outcome
  }

  async touch (session: TouchedSession): Promise<void> {
    const { touch } = await this.#contact()
    if (isPossible(session.token)) await touch(session)
  }

  async delete (token: string): Promise<void> {
    const { remove } = await this.#contact()
    if (isPossible(token)) await remove(token)
  }

  async rewrite (tokens: readonly string[], decide: (found: Found) => readonly Write[]): Promise<void> {
    const { lanes } = await this.#contact()
    // What the caller's function throws is no failure of the store, and is thrown on as it is.
    let thrown: { readonly error: unknown } | undefined
    const decideOrNote: typeof decide = found => {
      try {
        return decide(found)
      } catch (error) {
        thrown = { error }
        throw error
      }
    }
    try {
      await lanes.alone(async timeLeft => await this.#attempt(timeLeft, false, async (connection, left) => {
        await this.#transact(connection, tokens.filter(isPossible), decideOrNote, left)
      }))
    } catch (error) {
      throw thrown === undefined ? error : thrown.error
    }
  }

  async * scan (pageSize = 1000): AsyncIterable<StoredSession> {
    positiveInteger('pageSize', pageSize, 1000)
    const { lanes, table: { dialect } } = await this.#contact()
    for (let after: string | undefined; ;) {
      const values = after === undefined ? [] : [after]
      const statement = sql.page(dialect, this.#table, after !== undefined, pageSize)
      const rows = await lanes.alone(async timeLeft => await this.#attempt(timeLeft, true, async (connection, left) => await connection.rows(statement, values, left)))
      yield * liveSessions(rows)
      if (rows.length < pageSize) return
      after = String(rows.at(-1)?.[0])
    }
  }

  async deleteExpired (limit: number): Promise<number> {
    const { lanes } = await this.#contact()
    let deleted = 0
    while (deleted < limit) {
      const most = Math.min(limit - deleted, CLEANUP_BATCH)
      const count = await lanes.alone(async timeLeft => await this.#attempt(timeLeft, true, async (connection, left) => await this.#deleteBatch(connection, most, left)))
      deleted += count
      if (count < most) break
    }
    return deleted
  }

  stopCleanup (): void {
    this.#cleanup.stop()
  }

  async close (): Promise<void> {
    this.#isClosed = true
    this.#closing ??= this.#close()
    await this.#closing
  }

  async #close (): Promise<void> {
    this.#cleanup.stop()
    await this.#cleanup.settled()
    const ready = await this.#ready?.catch(() => undefined)
    await ready?.lanes.settled()
    const opened = await this.#opened?.catch(() => undefined)
    if (opened?.isOwn === true) await new MysqlConnections(opened.pool).close()
  }

  /** For a new call: what comes after `close` is refused. */
  #contact (): Promise<Ready> {
    return this.#isClosed ? Promise.reject(new StoreUnavailableError('it was closed with the application')) : this.#current()
  }

  /** For a call that is under way. Reaches the database, once; again if that has failed. */
  #current (): Promise<Ready> {
    this.#ready ??= this.#makeReady().catch((error: unknown) => {
      this.#ready = undefined
      throw this.#failure(error)
    })
    return this.#ready
  }

  async #makeReady (): Promise<Ready> {
    this.#opened ??= openPool(this.#source, this.#timeout)
    const { pool, size } = await this.#opened.catch((error: unknown) => {
      this.#opened = undefined
      throw error
    })
    const connections = new MysqlConnections(pool)
    const table = await connections.use(this.#timeout, async connection => {
      // Only what has no values is sent as text: how they would be quoted there depends on sql_mode.
      const query = async (text: string, values?: readonly unknown[]) => values === undefined
        ? await connection.query(text, [], this.#timeout)
        : await connection.rows(text, values, this.#timeout)
      return await inspectTable(query, this.#name, this.#table, this.#createTable)
    })
    this.#clock.set(table.now)
    this.#boundsLocks = table.dialect.boundsLocks
    this.#isTimestamp = table.isTimestamp
    this.#tableByKey = table.hasPrimaryKey ? `${this.#table} FORCE INDEX (PRIMARY)` : this.#table
    const failure = (error: unknown) => this.#failure(error)
    const lanes = new Lanes(Math.max(1, Math.min(MOST_LANES, size >> 1)), this.#timeout, failure)
    const shared = { maxItems: MOST_ROWS, maxBytes: Math.min(MOST_BYTES, table.packetRoom), isWorthApart, failure }
    return {
      connections,
      table,
      lanes,
      find: lanes.batch<readonly string[], Found>({
        ...shared,
        // A request may ask for several tokens, and all of them are parameters of the statement.
        maxBytes: MOST_ROWS,
        bytes: tokens => tokens.length,
        key: () => undefined,
        send: async (asked, timeLeft) => await this.#sendFind(asked, timeLeft)
      }),
      insert: lanes.batch<NewSession, boolean>({
        ...shared,
        bytes: ({ data }) => data.length,
        key: ({ token }) => token,
        send: async (sessions, timeLeft) => await this.#sendInsert(sessions, timeLeft)
      }),
      update: lanes.batch<ChangedSession, Outcome | undefined>({
        ...shared,
        bytes: ({ data, seen }) => data.length + seen.bytes.length,
        key: ({ token }) => token,
        send: async (sessions, timeLeft) => await this.#sendUpdate(sessions, timeLeft)
      }),
      touch: lanes.batch<TouchedSession, undefined>({
        ...shared,
        bytes: ({ seen }) => seen.bytes.length,
        key: ({ token }) => token,
        send: async (sessions, timeLeft) => await this.#sendTouch(sessions, timeLeft)
      }),
      remove: lanes.batch<string, undefined>({
        ...shared,
        bytes: () => 1,
        key: token => token,
        send: async (tokens, timeLeft) => await this.#sendRemove(tokens, timeLeft)
      })
    }
  }

  async #sendFind (asked: ReadonlyArray<readonly string[]>, timeLeft: number): Promise<Found[]> {
    const tokens = [...new Set(asked.flat())]
    const found = await this.#attempt(timeLeft, true, async (connection, left) => await this.#findAll(connection, tokens, left))
    const now = this.#now()
    return asked.map(some => ({ now, sessions: some.flatMap(token => found.get(token) ?? []) }))
  }

  async #findAll (connection: Connection, tokens: readonly string[], timeLeft: number): Promise<Map<string, StoredSession>> {
    const { table: { dialect } } = await this.#current()
    const found = new Map<string, StoredSession>()
    for (const some of chunks(tokens, MOST_ROWS)) {
      const padded = fill(some)
      const rows = await connection.rows(sql.find(dialect, this.#table, padded.length), padded, timeLeft)
      if (rows[0] !== undefined) this.#noteTime(rows[0][3])
      for (const session of liveSessions(rows)) found.set(session.token, session)
    }
    return found
  }

  async #sendInsert (sessions: readonly NewSession[], timeLeft: number): Promise<boolean[]> {
    const { table: { dialect } } = await this.#current()
    const written: boolean[] = []
    for (const some of powersOfTwo(sessions)) {
      const values = some.flatMap(({ token, data, ttl }) => [token, data, this.#micros(ttl)])
      try {
        await this.#attempt(timeLeft, false, async (connection, left) => await connection.run(sql.insert(dialect, this.#table, some.length), values, left))
        written.push(...some.map(() => true))
      } catch (error) {
        if (!(error instanceof LostError) && !(errorNumber(error) === DUPLICATE && some.length === 1)) throw error
        // Perhaps it is there, from this attempt or an earlier one. If it is not, it is not known to stay away.
        const found = await this.#attempt(timeLeft, true, async (connection, left) => await this.#findAll(connection, some.map(({ token }) => token), left))
        written.push(...some.map(({ token, data }) => isThere(found.get(token), data)))
      }
    }
    return written
  }

  /** An outcome of undefined is not known. */
  async #sendUpdate (sessions: readonly ChangedSession[], timeLeft: number): Promise<Array<Outcome | undefined>> {
    const { table: { dialect } } = await this.#current()
    const outcomes = new Map<ChangedSession, Outcome | undefined>()
    for (const { items, whole } of bySeen(sessions)) {
      let wasLost = false
      const lockTimeout = items.length > 1 ? PATIENCE : this.#lockTimeout
      const padded = fillWith(items, last => ({ ...last, data: NOTHING, seen: whole ? { bytes: NOTHING, whole } : last.seen }))
      const tokens = padded.map(({ token }) => token)
      const values = [
        ...tokens, ...tokens, ...padded.map(({ ttl }) => this.#micros(ttl)),
        ...tokens, ...padded.map(({ data }) => data),
        ...tokens,
        ...seenValues(padded, tokens, whole)
      ]
      // Repeated after a loss it does nothing if it was carried out: the data is then no longer what was seen.
      const { missed, found } = await this.#attempt(timeLeft, true, async (connection, left) => {
        const statement = sql.update(dialect, this.#tableByKey, padded.length, whole, lockTimeout)
        const { insertId } = await connection.run(statement, values, left, this.#patience(lockTimeout, left)).catch((error: unknown) => {
          wasLost ||= error instanceof LostError
          throw error
        })
        const bits = BigInt(insertId)
        const missed = items.filter((_, i) => (bits >> BigInt(i) & 1n) === 0n)
        const found = missed.length === 0 ? undefined : await this.#findAll(connection, missed.map(({ token }) => token), left)
        return { missed: new Set(missed), found }
      })
      for (const session of items) {
        outcomes.set(session, missed.has(session) ? this.#missed(session, found?.get(session.token), wasLost) : { kind: 'saved' })
      }
    }
    return sessions.map(session => outcomes.get(session))
  }

  #missed (session: ChangedSession, newest: StoredSession | undefined, wasLost: boolean): Outcome | undefined {
    if (wasLost) return isThere(newest, session.data) ? { kind: 'saved' } : undefined
    return newest === undefined ? { kind: 'gone' } : { kind: 'changed', now: this.#now(), session: newest }
  }

  async #sendTouch (sessions: readonly TouchedSession[], timeLeft: number): Promise<undefined[]> {
    const { table: { dialect } } = await this.#current()
    for (const { items, whole } of bySeen(sessions)) {
      const lockTimeout = items.length > 1 ? PATIENCE : this.#lockTimeout
      const padded = fillWith(items, last => ({ ...last, seen: whole ? { bytes: NOTHING, whole } : last.seen }))
      const tokens = padded.map(({ token }) => token)
      const values = [
        ...tokens, ...padded.map(({ ttl }) => this.#micros(ttl)),
        ...tokens,
        ...seenValues(padded, tokens, whole),
        ...tokens, ...padded.map(({ ttl, atLeast }) => this.#micros(ttl, atLeast))
      ]
      await this.#attempt(timeLeft, true, async (connection, left) => {
        await connection.run(sql.touch(dialect, this.#tableByKey, padded.length, whole, lockTimeout), values, left, this.#patience(lockTimeout, left))
      })
    }
    return sessions.map(() => undefined)
  }

  async #sendRemove (tokens: readonly string[], timeLeft: number): Promise<undefined[]> {
    const { table: { dialect } } = await this.#current()
    const lockTimeout = tokens.length > 1 ? PATIENCE : this.#lockTimeout
    let doomed = [...tokens]
    for (let i = 0; doomed.length > 0 && i < MOST_SUCCESSORS; i++) {
      const padded = fill(doomed)
      doomed = await this.#attempt(timeLeft, true, async (connection, left) => {
        const statement = sql.remove(dialect, this.#table, padded.length, lockTimeout)
        const { affectedRows } = await connection.run(statement, [...padded, ...padded], left, this.#patience(lockTimeout, left))
        if (affectedRows >= doomed.length) return []
        const rows = await connection.rows(sql.notes(dialect, this.#table, padded.length), padded, left)
        return rows.flatMap(([token, data]) => doomed.includes(String(token)) ? successorIn(data as Uint8Array) ?? [] : [])
      })
    }
    return tokens.map(() => undefined)
  }

  async #transact (connection: Connection, tokens: readonly string[], decide: (found: Found) => readonly Write[], timeLeft: number): Promise<void> {
    const { table, table: { dialect } } = await this.#current()
    let writes: readonly Write[] = []
    try {
      await connection.query('START TRANSACTION', [], timeLeft)
      const rows = tokens.length === 0 ? [] : await connection.rows(sql.findAndLock(dialect, this.#tableByKey, tokens.length, this.#lockTimeout), [...tokens].sort(), timeLeft)
      if (rows[0] !== undefined) this.#noteTime(rows[0][3])
      writes = decide({ now: this.#now(), sessions: liveSessions(rows).filter(({ token }) => tokens.includes(token)) })
      for (const write of writes) await this.#carryOut(connection, write, table, timeLeft)
    } catch (error) {
      if (!(error instanceof LostError)) await connection.query('ROLLBACK', [], timeLeft).catch(() => {})
      // Without a COMMIT the server undoes what a lost connection has begun.
      throw error instanceof LostError ? new UnreachedError(error.cause) : error
    }
    try {
      await connection.query('COMMIT', [], timeLeft)
    } catch (error) {
      if (!(error instanceof LostError)) throw error
      if (!await this.#wasCommitted(writes, timeLeft)) throw new UnreachedError(error.cause)
    }
  }

  async #carryOut (connection: Connection, write: Write, table: MysqlTable, timeLeft: number): Promise<void> {
    const { dialect } = table
    switch (write.kind) {
      case 'insert': {
        const { token, data, ttl } = write.session
        this.#checkSize(data, table)
        await connection.run(sql.insert(dialect, this.#table, 1), [token, data, this.#micros(ttl)], timeLeft)
        break
      }
      case 'update': {
        const { token, data, ttl } = write.session
        this.#checkSize(data, table)
        await connection.run(sql.overwrite(dialect, this.#table), [data, this.#micros(ttl), token], timeLeft)
        break
      }
      case 'move':
        await connection.run(sql.overwrite(dialect, this.#table), [successorNote(write.to), 0, write.token], timeLeft)
        break
      case 'delete':
        if (!isPossible(write.token)) break
        await connection.run(sql.remove(dialect, this.#table, 1, this.#lockTimeout), [write.token, write.token], timeLeft)
        break
    }
  }

  /** After the answer to a COMMIT was lost: whether its writes are there, once the server is done with them. */
  async #wasCommitted (writes: readonly Write[], timeLeft: number): Promise<boolean> {
    const { connections, table: { dialect } } = await this.#current()
    const written = writes.flatMap(write => write.kind === 'insert' || write.kind === 'update' ? [write.session] : [])
    if (written.length === 0) return true
    return await connections.use(timeLeft, async connection => {
      const statement = sql.peekAndLock(dialect, this.#tableByKey, written.length, this.#lockTimeout)
      const rows = await connection.rows(statement, written.map(({ token }) => token), timeLeft)
      return rows.some(([token, data]) => written.some(session => session.token === String(token) && Buffer.from(session.data).equals(data as Uint8Array)))
    })
  }

  /**
   * Does `work` on a connection, and again if it was undone or never begun; with `isRepeatable` also if its answer was lost.
   */
  async #attempt<T> (timeLeft: number, isRepeatable: boolean, work: (connection: Connection, timeLeft: number) => Promise<T>): Promise<T> {
    const { connections } = await this.#current()
    const until = performance.now() + timeLeft
    const left = () => until - performance.now()
    for (let tries = 1; ; tries++) {
      try {
        return await connections.use(left(), async connection => await work(connection, left()))
      } catch (error) {
        const isWorthIt = isUndone(error) || error instanceof UnreachedError || (isRepeatable && error instanceof LostError)
        const pause = tries * (10 + Math.random() * 40)
        if (!isWorthIt || tries === TRIES || left() <= pause) throw error
        await sleep(pause)
      }
    }
  }

  /** When to kill a statement that waits for a lock, in milliseconds, where the server cannot be told. */
  #patience (lockTimeout: number, timeLeft: number): number | undefined {
    return this.#boundsLocks ? undefined : Math.min(lockTimeout * 1000, timeLeft - 100)
  }

  /** Deletes up to `most` expired rows. */
  async #deleteBatch (connection: Connection, most: number, timeLeft: number): Promise<number> {
    const { table: { dialect } } = await this.#current()
    const rows = await connection.query(sql.expired(dialect, this.#table, most), [], timeLeft)
    if (rows.length === 0) return 0
    const tokens = rows.map(([token]) => String(token))
    while (tokens.length < CLEANUP_BATCH) tokens.push(tokens[0] as string)
    const { affectedRows } = await connection.run(sql.removeExpired(dialect, this.#table, tokens.length, PATIENCE), tokens, timeLeft, this.#patience(PATIENCE, timeLeft))
    return affectedRows
  }

  /**
   * Deletes what is expired. Each of its batches takes its turn with the statements of the requests: of a small pool it
   * would otherwise hold the one connection for as long as there is something to delete.
   */
  async #clean (stopped: () => boolean): Promise<void> {
    const { lanes } = await this.#contact()
    while (!stopped()) {
      const started = performance.now()
      const deleted = await lanes.alone(async timeLeft => await this.#attempt(timeLeft, true, async (connection, left) => await this.#cleanBatch(connection, left)))
      if (deleted === 0) return
      // Requests come first: the cleanup rests as long as it has worked.
      await sleep(performance.now() - started)
    }
  }

  /** One process at a time cleans a table; the others leave it to that one. */
  async #cleanBatch (connection: Connection, timeLeft: number): Promise<number> {
    // MySQL 9.7 has no MD5, and the name of a lock has 64 characters at most.
    const lock = 'CONCAT(\'fastify-sql-sessions \', LEFT(SHA2(CONCAT(COALESCE(DATABASE(), \'\'), \'.\', ?), 256), 40))'
    const [[got] = []] = await connection.rows(`SELECT GET_LOCK(${lock}, 0) + 0e0`, [this.#table], timeLeft)
    if (got !== 1) return 0
    try {
      return await this.#deleteBatch(connection, CLEANUP_BATCH, timeLeft)
    } finally {
      await connection.rows(`SELECT RELEASE_LOCK(${lock})`, [this.#table], timeLeft)
    }
  }

  #checkSize (data: Uint8Array, { maxBytes, maxBytesBecause }: MysqlTable): void {
    if (data.length > maxBytes) throw new TooLargeError(data.length, maxBytes, maxBytesBecause)
  }

  /**
   * A time to live in whole microseconds, short enough for the column. As digits: the server writes a large number that
   * it was sent as one with an exponent, and then reads no further than that.
   *
   * @param less by how many milliseconds it shall be shorter
   */
  #micros (ttl: number, less = 0): string {
    const most = this.#isTimestamp ? LAST_TIMESTAMP - this.#now() : Infinity
    return String(Math.floor((Math.min(ttl, most) - less) * 1000))
  }

  #noteTime (now: unknown): number {
    this.#clock.set(Number(now))
    return Number(now)
  }

  #now (): number {
    return this.#clock.now() ?? Date.now()
  }

  /** What a caller gets for an error, made anew for each. */
  #failure (error: unknown): unknown {
    const number = errorNumber(error instanceof UnreachedError ? error.cause : error)
    const cause = withoutTokens(error instanceof LostError || error instanceof UnreachedError ? error.cause : error)
    if (number === NO_SUCH_TABLE) {
      // Somebody has taken it away. It may come back, and then it is looked at again.
      this.#ready = undefined
      return Object.assign(new TableMissingError(this.#name.join('.'), 'schema/mysql.sql'), { cause })
    }
    if (REFUSALS.has(number)) {
      return Object.assign(new StoreMisconfiguredError(`The database refuses the sessions' user, its password, or its rights on the database and the table ${this.#name.join('.')} (${cause.code ?? number})`), { cause })
    }
    if (String(errorCode(error)).startsWith('FST_SESSION_')) return error
    return Object.assign(unavailable(error), { cause })
  }
}

/** The server does not compare every text with every column, but answers with an error. No token has such characters. */
function isPossible (token: string): boolean {
  return /^[\x20-\x7e]*$/.test(token)
}

/** Something is wrong with one of the rows, and it may be sent again. */
function isWorthApart (error: unknown): boolean {
  return isLocked(error) || isUndone(error) || (errorNumber(error) > 0 && errorNumber(error) !== NO_SUCH_TABLE && !REFUSALS.has(errorNumber(error)))
}

/**
 * The sessions in rows that were live when their statement began. While it waited for a lock one of them may have been
 * renewed, and then holds a note.
 */
function liveSessions (rows: ReadonlyArray<readonly unknown[]>): StoredSession[] {
  return rows
    .map(([token, data, ttl]) => ({ token: String(token), data: data as Uint8Array, ttl: Number(ttl) }))
    .filter(({ data }) => successorIn(data) === undefined)
}

function isThere (found: StoredSession | undefined, data: Uint8Array): boolean {
  return found !== undefined && isSeen(found.data, { bytes: data, whole: true })
}

/** Repeats the last item up to a size that a statement is prepared for. */
function fill<T> (items: readonly T[]): T[] {
  const size = SIZES.find(size => size >= items.length) ?? items.length
  return Array.from({ length: size }, (_, i) => items[Math.min(i, items.length - 1)] as T)
}

/** The same for items that have values: those of the repetitions are never looked at, and need not be sent. */
function fillWith<T> (items: readonly T[], withoutValues: (item: T) => T): T[] {
  return fill(items).map((item, i) => i < items.length ? item : withoutValues(item))
}

function * chunks<T> (items: readonly T[], size: number): Iterable<readonly T[]> {
  for (let i = 0; i < items.length; i += size) yield items.slice(i, i + size)
}

/** In parts of 32, 16, 8 ... items: an INSERT cannot be filled up, and has to be prepared for few sizes all the same. */
function * powersOfTwo<T> (items: readonly T[]): Iterable<readonly T[]> {
  for (let i = 0; i < items.length;) {
    const size = Math.min(32, 1 << (31 - Math.clz32(items.length - i)))
    yield items.slice(i, i + size)
    i += size
  }
}

interface WithSeen {
  readonly seen: Seen
}

/** Headers of one length go together, and so does all data without a header. */
function bySeen<T extends WithSeen> (items: readonly T[]): Array<{ items: T[], whole: boolean }> {
  const groups = new Map<number, T[]>()
  for (const item of items) {
    const key = item.seen.whole ? -1 : item.seen.bytes.length
    const group = groups.get(key)
    if (group === undefined) groups.set(key, [item])
    else group.push(item)
  }
  return Array.from(groups, ([key, items]) => ({ items, whole: key === -1 }))
}

function seenValues (items: readonly WithSeen[], tokens: readonly string[], whole: boolean): unknown[] {
  const lengths = whole ? [...tokens, ...items.map(({ seen }) => seen.bytes.length + 1)] : [items[0]?.seen.bytes.length]
  return [...lengths, ...tokens, ...items.map(({ seen }) => seen.bytes)]
}
