import { createHash } from 'node:crypto'
import { takeLock } from './app-lock.js'
import type { Connection } from './connection.js'
import { MssqlConnections } from './connections.js'
import { kindOf, wrongOptionIn } from './errors.js'
import { checkSource, openPool, type MssqlSource, type OpenedPool } from './pool.js'
import * as sql from './statements.js'
import { inspectTable, LARGEST, quoted, SCHEMA_FILE, timeIn, type MssqlTable } from './table.js'
import { UnreachedError, type Contact, type ErrorKind, type HeldLock, type LockRequest, type Page, type Rows, type SqlDatabase } from '../sql/database.js'
import { updateGroups, withOwner } from '../sql/groups.js'
import { LONGEST_CONNECT, ownersOf, SqlStore, storeTimeoutOf, type SqlStoreOptions } from '../sql/sql-store.js'
import type { ChangedSession, NewSession, SessionStore, StoredSession, TouchedSession } from '../store.js'
import { successorIn } from '../successor.js'
import { boolean, knownOnly, tableName } from '../validate.js'

export type { MssqlConfig, MssqlPool, MssqlSource } from './pool.js'

/** The options of {@link mssqlStore}. */
export interface MssqlStoreOptions extends SqlStoreOptions {}

/**
 * Keeps sessions in SQL Server (2016 or newer) or Azure SQL, in the table of `schema/mssql.sql` or in the one that the
 * README of SCS's mssqlstore defines. Needs the package mssql.
 *
 * Throws `FST_SESSION_INVALID_OPTION`. Its methods reject with `FST_SESSION_STORE_UNAVAILABLE` (503),
 * `FST_SESSION_TABLE_MISSING`, `FST_SESSION_STORE_MISCONFIGURED`, `FST_SESSION_DRIVER_MISSING` and `FST_SESSION_TOO_LARGE`.
 */
export function mssqlStore (source: MssqlSource, options: MssqlStoreOptions = {}): SessionStore {
  return new SqlStore(new MssqlDatabase(source, options), options)
}

const MOST_ROWS = 50
/** The last day that a DATETIME2 can hold. */
const LAST_EXPIRY = Date.UTC(9999, 11, 31)

class MssqlDatabase implements SqlDatabase<Connection> {
  readonly tableName: string
  readonly schemaFile = SCHEMA_FILE
  readonly name = 'mssql'
  readonly maxRows = MOST_ROWS
  readonly #source: MssqlSource
  readonly #name: readonly string[]
  readonly #createTable: boolean
  readonly #connectTimeout: number
  readonly #keepsOwners: boolean
  #opening: Promise<OpenedPool> | undefined
  #connections: MssqlConnections | undefined
  #table: MssqlTable | undefined

  constructor (source: MssqlSource, options: MssqlStoreOptions) {
    checkSource(source)
    knownOnly(options, ['table', 'createTable', 'cleanupInterval', 'storeTimeout', 'owners'])
    this.#source = source
    this.#name = tableName(options.table)
    this.tableName = this.#name.join('.')
    this.#createTable = boolean('createTable', options.createTable, false)
    this.#connectTimeout = Math.min(LONGEST_CONNECT, storeTimeoutOf(options))
    this.#keepsOwners = ownersOf(options)
  }

  /** The server silently cuts a CHAR(43), and fills it up with spaces. */
  isPossible (token: string): boolean {
    return /^[\x20-\x7e]{0,42}[\x21-\x7e]$/.test(token)
  }

  async contact (deadline: number): Promise<Contact> {
    this.#opening ??= openPool(this.#source, this.#connectTimeout)
    const opened = await this.#opening
    const connections = this.#connections ??= new MssqlConnections(opened)
    const options = {
      name: this.#name,
      createTable: this.#createTable,
      keepsOwners: this.#keepsOwners,
      database: opened.database,
      isShared: !opened.isOwn
    }
    const table = await connections.use(deadline, async connection => await inspectTable(connection, options))
      .catch((error: unknown) => { throw wrongOptionIn(error) ?? error })
    this.#table = table
    return {
      poolSize: opened.size,
      maxBytes: table.maxBytes,
      maxBytesBecause: `the column data of ${this.tableName}`,
      maxStatementBytes: LARGEST,
      lastExpiry: LAST_EXPIRY,
      now: table.now
    }
  }

  async use<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.#reached.connections.use(deadline, work)
  }

  async transact<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.#reached.connections.transact(deadline, work)
  }

  async exclusively<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T | undefined> {
    const resource = `fastify-sql-sessions ${quoted(this.#name)}`
    return await this.transact(deadline, async connection => await connection.lock(resource, 0) ? await work(connection) : undefined)
  }

  async lock (name: string, { deadline, limit, closing }: LockRequest, work: (lock: HeldLock) => Promise<void>): Promise<void> {
    const { connections, table } = this.#reached
    // Resources of sp_getapplock belong to the database, and are compared exactly.
    const resource = `fastify-sql-sessions ${createHash('sha256').update(`${table.quoted.toLowerCase()}\n${name}`).digest('hex').slice(0, 32)}`
    await connections.pin(limit, async pinned => {
      await takeLock(pinned.connection, resource, { deadline, closing })
      await work(pinned)
    })
  }

  async now (connection: Connection): Promise<number> {
    const [[now] = []] = await connection.rows(sql.selectNow())
    return timeIn(now)
  }

  async find (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<Rows> {
    return foundIn(await connection.rows(sql.find(this.#quoted, tokens, lockTimeoutMs)))
  }

  async findAndLock (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<Rows> {
    await this.#lock(connection, tokens, lockTimeoutMs)
    return await this.find(connection, tokens, lockTimeoutMs)
  }

  async holds (connection: Connection, sessions: readonly NewSession[], lockTimeoutMs: number): Promise<boolean> {
    const tokens = sessions.map(({ token }) => token)
    await this.#lock(connection, tokens, lockTimeoutMs)
    const rows = await connection.rows(sql.peek(this.#quoted, tokens))
    return sessions.every(({ token, data }) => rows.some(row => tokenIn(row[0]) === token && Buffer.from(data).equals(row[1] as Uint8Array)))
  }

  async insert (connection: Connection, sessions: readonly NewSession[]): Promise<void> {
    await connection.rows(sql.insert(this.#quoted, sessions, this.#keepsOwners))
  }

  async update (connection: Connection, sessions: readonly ChangedSession[], lockTimeoutMs: number): Promise<ReadonlySet<ChangedSession>> {
    return await updateGroups(withOwner(sessions).filter(group => group.length > 0), async group => {
      const rows = await connection.rows(sql.update(this.#quoted, group, lockTimeoutMs))
      const saved = new Set(rows.map(([token]) => tokenIn(token)))
      return group.filter(({ token }) => saved.has(token))
    })
  }

  async touch (connection: Connection, sessions: readonly TouchedSession[], lockTimeoutMs: number): Promise<void> {
    await connection.rows(sql.touch(this.#quoted, sessions, lockTimeoutMs))
  }

  async overwrite (connection: Connection, session: NewSession): Promise<void> {
    await connection.rows(sql.overwrite(this.#quoted, session, this.#keepsOwners))
  }

  async remove (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<readonly string[]> {
    const removed = await connection.rows(sql.remove(this.#quoted, tokens, lockTimeoutMs))
    if (removed.length >= tokens.length) return []
    const rows = await connection.rows(sql.peek(this.#quoted, tokens))
    return rows.flatMap(([token, data]) => tokens.includes(tokenIn(token)) ? successorIn(data as Uint8Array) ?? [] : [])
  }

  async page (connection: Connection, page: Page): Promise<readonly StoredSession[]> {
    return foundIn(await connection.rows(sql.page(this.#quoted, page))).sessions
  }

  async count (connection: Connection, owner: string | undefined): Promise<number> {
    const [[count] = []] = await connection.rows(sql.count(this.#quoted, owner))
    return Number(count)
  }

  async removeExpired (connection: Connection, most: number, lockTimeoutMs: number): Promise<number> {
    const [[count] = []] = await connection.rows(sql.removeExpired(this.#quoted, most, lockTimeoutMs))
    return Number(count)
  }

  kindOf (error: unknown): ErrorKind {
    return kindOf(error)
  }

  async close (): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined)
    if (opened?.isOwn === true) await this.#connections?.close()
  }

  /** Locks one row after the other, in the order of the tokens. */
  async #lock (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<void> {
    for (const token of tokens) await connection.rows(sql.lock(this.#quoted, token, lockTimeoutMs))
  }

  get #quoted (): string {
    return this.#reached.table.quoted
  }

  get #reached (): { readonly connections: MssqlConnections, readonly table: MssqlTable } {
    if (this.#connections === undefined || this.#table === undefined) throw new UnreachedError('it has not been reached yet')
    return { connections: this.#connections, table: this.#table }
  }
}

function foundIn (rows: readonly unknown[][]): Rows {
  return {
    now: rows[0] === undefined ? undefined : timeIn(rows[0][3]),
    sessions: rows.map(([token, data, expiry, now]) => ({ token: tokenIn(token), data: data as Uint8Array, ttl: timeIn(expiry) - timeIn(now) }))
  }
}

/** A CHAR comes padded with spaces. */
function tokenIn (value: unknown): string {
  return String(value).trimEnd()
}
