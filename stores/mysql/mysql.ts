import { MysqlConnections, errorNumber, type Connection } from './connections.js'
import { checkSource, openPool, type MysqlSource, type OpenedPool } from './pool.js'
import * as sql from './statements.js'
import { inspectTable, type MysqlTable } from './table.js'
import { CommitLostError, LostError, UnreachedError, type Contact, type ErrorKind, type Rows, type SqlDatabase } from '../sql/database.js'
import { CLEANUP_BATCH, SqlStore, storeTimeoutOf, type SqlStoreOptions } from '../sql/sql-store.js'
import type { ChangedSession, NewSession, Seen, SessionStore, StoredSession, TouchedSession } from '../store.js'
import { successorIn } from '../sql/successor.js'
import { boolean, knownOnly, tableName } from '../validate.js'

export type { MysqlPool, MysqlPoolOptions, MysqlSource } from './pool.js'

/** The options of {@link mysqlStore}. */
export interface MysqlStoreOptions extends SqlStoreOptions {}

/**
 * Keeps sessions in MySQL (8.0.17 or newer) or MariaDB (10.5 or newer), in the table of `schema/mysql.sql` or in the one
 * that the README of SCS's mysqlstore defines. Needs the package mysql2 (a pool brings its own).
 *
 * Throws `FST_SESSION_INVALID_OPTION`. Its methods reject with `FST_SESSION_STORE_UNAVAILABLE` (503),
 * `FST_SESSION_TABLE_MISSING`, `FST_SESSION_STORE_MISCONFIGURED`, `FST_SESSION_DRIVER_MISSING` and `FST_SESSION_TOO_LARGE`.
 */
export function mysqlStore (source: MysqlSource, options: MysqlStoreOptions = {}): SessionStore {
  return new SqlStore(new MysqlDatabase(source, options), options)
}

/** A bit for each row in the answer's insert id, which the driver reads exactly up to 2^53. */
const MOST_ROWS = 52
/** Statements are prepared for these numbers of rows, and filled up by repeating the last one. */
const SIZES = [1, 2, 4, 8, 16, 32, MOST_ROWS, CLEANUP_BATCH]

/** What the errors of MySQL and MariaDB mean. */
const KINDS: ReadonlyMap<number, ErrorKind> = new Map([
  [1213, 'undone'], // deadlock
  [1020, 'undone'], // changed since it was read (MariaDB, innodb_snapshot_isolation)
  [1205, 'locked'], // lock wait timeout
  [1317, 'locked'], // interrupted: by our KILL QUERY
  [1969, 'locked'], // max_statement_time
  [1062, 'duplicate'],
  [1146, 'missing'],
  ...[1044, 1045, 1049, 1130, 1142, 1143, 1227, 1251, 1698, 3118].map((number): [number, ErrorKind] => [number, 'refused'])
])

class MysqlDatabase implements SqlDatabase<Connection> {
  readonly tableName: string
  readonly schemaFile = 'schema/mysql.sql'
  readonly maxRows = MOST_ROWS
  readonly #source: MysqlSource
  readonly #name: readonly string[]
  readonly #quoted: string
  /** In a statement that locks rows: without a hint the server goes through all of a small table, or by expiry. */
  #quotedByKey: string
  readonly #createTable: boolean
  readonly #connectTimeout: number
  /** The statements for many rows are long, and the driver looks for the prepared ones by their text. */
  readonly #texts = new Map<string, string>()
  #opening: Promise<OpenedPool> | undefined
  #connections: MysqlConnections | undefined
  #table: MysqlTable | undefined

  constructor (source: MysqlSource, options: MysqlStoreOptions) {
    checkSource(source)
    knownOnly(options, ['table', 'createTable', 'cleanupInterval', 'storeTimeout'])
    this.#source = source
    this.#name = tableName(options.table)
    this.tableName = this.#name.join('.')
    this.#quoted = this.#name.map(part => `\`${part.replaceAll('`', '``')}\``).join('.')
    this.#quotedByKey = this.#quoted
    this.#createTable = boolean('createTable', options.createTable, false)
    this.#connectTimeout = storeTimeoutOf(options)
  }

  /** No token has other characters, and not every server compares them with every column. */
  isPossible (token: string): boolean {
    return /^[\x20-\x7e]*$/.test(token)
  }

  async contact (deadline: number): Promise<Contact> {
    this.#opening ??= openPool(this.#source, this.#connectTimeout)
    const { pool, size } = await this.#opening
    const connections = this.#connections ??= new MysqlConnections(pool)
    const table = await connections.use(deadline, async connection =>
      await inspectTable(async (text, values) => await ask(connection, text, values), this.#name, this.#quoted, this.#createTable))
    this.#table = table
    this.#texts.clear()
    this.#quotedByKey = table.hasPrimaryKey ? `${this.#quoted} FORCE INDEX (PRIMARY)` : this.#quoted
    return { ...table, poolSize: size }
  }

  async use<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.#reached.connections.use(deadline, work)
  }

  async transact<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.use(deadline, async connection => {
      const result = await this.#begin(connection, work)
      try {
        await connection.query('COMMIT', [])
      } catch (error) {
        throw error instanceof LostError ? new CommitLostError(error.message, { cause: error.cause }) : error
      }
      return result
    })
  }

  async exclusively<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T | undefined> {
    const lock = 'CONCAT(\'fastify-sql-sessions \', LEFT(SHA2(CONCAT(COALESCE(DATABASE(), \'\'), ?), 256), 32))'
    return await this.use(deadline, async connection => {
      const [[got] = []] = await connection.rows(`SELECT GET_LOCK(${lock}, 0) + 0e0`, [this.#quoted])
      if (got !== 1) return undefined
      try {
        return await work(connection)
      } finally {
        await connection.rows(`SELECT RELEASE_LOCK(${lock})`, [this.#quoted])
      }
    })
  }

  async now (connection: Connection): Promise<number> {
    const [[now] = []] = await connection.rows(sql.SELECT_NOW, [])
    return Number(now)
  }

  async find (connection: Connection, tokens: readonly string[]): Promise<Rows> {
    const filled = fill(tokens)
    return foundIn(await connection.rows(this.#text(`find ${filled.length}`, () => sql.find(this.#dialect, this.#quoted, filled.length)), filled))
  }

  async findAndLock (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<Rows> {
    return foundIn(await connection.rows(sql.findAndLock(this.#dialect, this.#quotedByKey, tokens.length, lockTimeoutMs), tokens, this.#patience(connection, lockTimeoutMs)))
  }

  async holds (connection: Connection, sessions: readonly NewSession[], lockTimeoutMs: number): Promise<boolean> {
    const statement = sql.peekAndLock(this.#dialect, this.#quotedByKey, sessions.length, lockTimeoutMs)
    const rows = await connection.rows(statement, sessions.map(({ token }) => token), this.#patience(connection, lockTimeoutMs))
    return sessions.every(({ token, data }) => rows.some(row => String(row[0]) === token && Buffer.from(data).equals(row[1] as Uint8Array)))
  }

  async insert (connection: Connection, sessions: readonly NewSession[]): Promise<void> {
    const values = sessions.flatMap(({ token, data, ttl }) => [token, data, micros(ttl)])
    await connection.run(sql.insert(this.#dialect, this.#quoted, sessions.length), values)
  }

  async update (connection: Connection, sessions: readonly ChangedSession[], lockTimeoutMs: number): Promise<ReadonlySet<ChangedSession>> {
    const saved = new Set<ChangedSession>()
    for (const { items, whole } of bySeen(sessions)) {
      const [first] = items as [ChangedSession]
      const isSingle = items.length === 1 && !whole
      const updating = isSingle ? this.#updateOne(connection, first, lockTimeoutMs) : this.#updateMany(connection, items, whole, lockTimeoutMs)
      const bits = await updating.catch((error: unknown) => {
        // The server has undone this statement, but not those before it: its rows are as they were, and the caller looks.
        if (saved.size === 0 || error instanceof LostError) throw error
        return 0n
      })
      items.forEach((session, i) => { if ((bits >> BigInt(i) & 1n) === 1n) saved.add(session) })
    }
    return saved
  }

  /** A bit for each that was written. */
  async #updateMany (connection: Connection, sessions: readonly ChangedSession[], whole: boolean, lockTimeoutMs: number): Promise<bigint> {
    const filled = fill(sessions, last => ({ ...last, data: NOTHING, seen: whole ? { bytes: NOTHING, whole } : last.seen }))
    const tokens = filled.map(({ token }) => token)
    const allStay = sessions.every(({ expiryStays }) => expiryStays)
    const values = [
      ...(allStay ? [] : [...tokens, ...filled.map(newExpiry)]),
      ...tokens, ...tokens, ...filled.map(({ data }) => data),
      ...tokens, ...seenValues(filled, tokens, whole)
    ]
    const statement = this.#text(`update ${filled.length} ${whole} ${allStay} ${lockTimeoutMs}`, () =>
      sql.update(this.#dialect, this.#quotedByKey, filled.length, whole, allStay, lockTimeoutMs))
    const { insertId } = await connection.run(statement, values, this.#patience(connection, lockTimeoutMs))
    return BigInt(insertId)
  }

  async #updateOne (connection: Connection, session: ChangedSession, lockTimeoutMs: number): Promise<bigint> {
    const { token, data, seen: { bytes } } = session
    const statement = this.#text(`update one ${lockTimeoutMs}`, () => sql.updateOne(this.#dialect, this.#quotedByKey, lockTimeoutMs))
    const values = [newExpiry(session), data, token, token, bytes.length, bytes]
    const { affectedRows } = await connection.run(statement, values, this.#patience(connection, lockTimeoutMs))
    return BigInt(affectedRows)
  }

  async touch (connection: Connection, sessions: readonly TouchedSession[], lockTimeoutMs: number): Promise<void> {
    for (const { items, whole } of bySeen(sessions)) {
      const filled = fill(items, last => ({ ...last, seen: whole ? { bytes: NOTHING, whole } : last.seen }))
      const tokens = filled.map(({ token }) => token)
      const values = [
        ...tokens, ...filled.map(({ ttl }) => micros(ttl)), ...tokens, ...seenValues(filled, tokens, whole),
        ...tokens, ...filled.map(({ ttl, atLeast }) => micros(ttl - atLeast))
      ]
      const statement = this.#text(`touch ${filled.length} ${whole} ${lockTimeoutMs}`, () =>
        sql.touch(this.#dialect, this.#quotedByKey, filled.length, whole, lockTimeoutMs))
      await connection.run(statement, values, this.#patience(connection, lockTimeoutMs))
    }
  }

  async overwrite (connection: Connection, { token, data, ttl }: NewSession): Promise<void> {
    await connection.run(sql.overwrite(this.#dialect, this.#quoted), [data, micros(ttl), token])
  }

  async remove (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<readonly string[]> {
    const filled = fill(tokens)
    const statement = sql.remove(this.#dialect, this.#quoted, filled.length, lockTimeoutMs)
    const { affectedRows } = await connection.run(statement, [...filled, ...filled], this.#patience(connection, lockTimeoutMs))
    if (affectedRows >= tokens.length) return []
    const notes = await connection.rows(sql.notes(this.#dialect, this.#quoted, filled.length), filled)
    return notes.flatMap(row => tokens.includes(String(row[0])) ? successorIn(row[1] as Uint8Array) ?? [] : [])
  }

  async page (connection: Connection, after: string | undefined, size: number): Promise<readonly StoredSession[]> {
    const values = after === undefined ? [] : [after]
    return foundIn(await connection.rows(sql.page(this.#dialect, this.#quoted, after !== undefined, size), values)).sessions
  }

  async removeExpired (connection: Connection, most: number, lockTimeoutMs: number): Promise<number> {
    const rows = await connection.query(sql.expired(this.#dialect, this.#quoted, most), [])
    if (rows.length === 0) return 0
    const tokens = fill(rows.map(([token]) => String(token)))
    const statement = sql.removeExpired(this.#dialect, this.#quoted, tokens.length, lockTimeoutMs)
    const { affectedRows } = await connection.run(statement, tokens, this.#patience(connection, lockTimeoutMs))
    return affectedRows
  }

  kindOf (error: unknown): ErrorKind {
    const number = errorNumber(error)
    return KINDS.get(number) ?? (number > 0 ? 'failed' : 'unknown')
  }

  async close (): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined)
    if (opened?.isOwn === true) await this.#connections?.close()
  }

  /** Does `work` in a transaction that is left open. */
  async #begin<T> (connection: Connection, work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      await connection.query('START TRANSACTION', [])
      connection.inTransaction = true
      return await work(connection)
    } catch (error) {
      // Without a COMMIT the server undoes what a lost connection has begun.
      if (error instanceof LostError) throw new UnreachedError(error.message, { cause: error.cause })
      await connection.query('ROLLBACK', []).catch(() => {})
      throw error
    }
  }

  #text (name: string, make: () => string): string {
    let text = this.#texts.get(name)
    if (text === undefined) {
      text = make()
      this.#texts.set(name, text)
    }
    return text
  }

  /** When to kill a statement that waits for a lock, in milliseconds, where the server cannot be told to give up. */
  #patience ({ timeLeft }: Connection, lockTimeoutMs: number): number | undefined {
    return this.#dialect.boundsLocks && lockTimeoutMs >= 1000 ? undefined : Math.min(lockTimeoutMs, timeLeft * 0.9)
  }

  get #dialect (): sql.Dialect {
    return this.#reached.table.dialect
  }

  get #reached (): { readonly connections: MysqlConnections, readonly table: MysqlTable } {
    if (this.#connections === undefined || this.#table === undefined) throw new UnreachedError('it has not been reached yet')
    return { connections: this.#connections, table: this.#table }
  }
}

function foundIn (rows: readonly unknown[][]): Rows {
  return {
    now: rows[0]?.[3] === undefined ? undefined : Number(rows[0][3]),
    sessions: rows.map(([token, data, ttl]) => ({ token: String(token), data: data as Uint8Array, ttl: Number(ttl) }))
  }
}

/** Whole microseconds, as digits: the server writes a large number with an exponent, and then reads no further than that. */
function micros (ttl: number): string {
  return String(Math.floor(ttl * 1000))
}

function newExpiry ({ expiryStays, ttl }: ChangedSession): string | null {
  return expiryStays === true ? null : micros(ttl)
}

/** Only what has no values is sent as text: how they would be quoted there depends on sql_mode. */
async function ask (connection: Connection, text: string, values: readonly unknown[] | undefined): Promise<unknown[][]> {
  return values === undefined ? await connection.query(text, []) : await connection.rows(text, values)
}

const NOTHING = Buffer.alloc(0)

/**
 * Repeats the last item up to a size that a statement is prepared for. A row is found by the first item of its token, so
 * the values of the repetitions are never looked at, and `withoutValues` takes them out.
 */
function fill<T> (items: readonly T[], withoutValues: (item: T) => T = item => item): T[] {
  const size = SIZES.find(size => size >= items.length) ?? items.length
  if (size === items.length) return [...items]
  const filling = withoutValues(items.at(-1) as T)
  return [...items, ...Array.from({ length: size - items.length }, () => filling)]
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

function seenValues (items: ReadonlyArray<WithSeen & { readonly token: string }>, tokens: readonly string[], whole: boolean): unknown[] {
  return whole
    ? [...tokens, ...items.map(({ seen }) => seen.bytes.length + 1), ...tokens, ...items.map(({ seen }) => seen.bytes)]
    : [items[0]?.seen.bytes.length, ...items.map(({ token, seen }) => sql.headed(token, seen.bytes))]
}
