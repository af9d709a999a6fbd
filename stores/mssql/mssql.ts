import { asBuffer } from '../bytes.js'
import { StoreMisconfiguredError, TableMissingError } from '../errors.js'
import { checkSource, openPool, type Driver, type DriverRequest, type DriverTransaction, type MssqlPool, type MssqlSource, type OpenedPool } from './pool.js'
import { SCHEMA } from './schema.js'
import * as sql from './statements.js'
import { forTable } from '../sql/schema.js'
import { CommitLostError, LostError, UnreachedError, type Contact, type ErrorKind, type Rows, type SqlDatabase } from '../sql/database.js'
import { SqlStore, storeTimeoutOf, type SqlStoreOptions } from '../sql/sql-store.js'
import type { ChangedSession, NewSession, SessionStore, StoredSession, TouchedSession } from '../store.js'
import { NOTE, successorIn } from '../sql/successor.js'
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

/** Statements are made for these numbers of rows, and filled up by repeating the last one, so that the server has few plans to keep. */
const SIZES = [1, 2, 4, 8, 16, 32, 50]
const MOST_ROWS = 50
/** What VARBINARY(MAX) holds, in bytes. */
const LARGEST = 2 ** 31 - 1
/** DATEADD takes an int of seconds: 68 years. */
const LONGEST = 2 ** 31 - 1
/** The last day that a DATETIME2 knows. */
const LAST_EXPIRY = Date.UTC(9999, 11, 31)

const KINDS: ReadonlyMap<number, ErrorKind> = new Map([
  [1205, 'undone'], // deadlock victim
  [3960, 'undone'], // snapshot isolation: somebody else has changed the row
  [1222, 'locked'],
  [2627, 'duplicate'],
  [2601, 'duplicate'],
  [208, 'missing'],
  ...[229, 230, 262, 4060, 18452, 18456].map((number): [number, ErrorKind] => [number, 'refused'])
])
/** Babelfish has one number for all errors of the engine below it that SQL Server does not have; they are known by their words. */
const BABELFISH = 33557097
const WORDS: ReadonlyArray<readonly [RegExp, ErrorKind]> = [
  [/lock timeout/i, 'locked'],
  [/deadlock|could not serialize/i, 'undone'],
  [/duplicate key/i, 'duplicate'],
  [/^relation .* does not exist/i, 'missing'],
  [/permission denied|database .* does not exist/i, 'refused']
]

/** A pool, or a transaction on one of its connections, lent until a deadline in milliseconds of `performance.now()`. */
interface Connection {
  readonly parent: MssqlPool | DriverTransaction
  readonly deadline: number
}
type Parameters = ReadonlyArray<readonly [name: string, type: unknown, value: unknown]>

class MssqlDatabase implements SqlDatabase<Connection> {
  readonly tableName: string
  readonly schemaFile = 'schema/mssql.sql'
  readonly maxRows = MOST_ROWS
  readonly #source: MssqlSource
  readonly #quoted: string
  readonly #createTable: boolean
  readonly #connectTimeout: number
  #opening: Promise<OpenedPool> | undefined
  #opened: OpenedPool | undefined
  #connecting: Promise<unknown> | undefined
  /** The last request of a transaction, if the driver may still be at it. */
  readonly #lastOf = new WeakMap<object, Promise<unknown>>()

  constructor (source: MssqlSource, options: MssqlStoreOptions) {
    checkSource(source)
    knownOnly(options, ['table', 'createTable', 'cleanupInterval', 'storeTimeout'])
    this.#source = source
    const name = tableName(options.table)
    this.tableName = name.join('.')
    this.#quoted = name.map(part => `[${part.replaceAll(']', ']]')}]`).join('.')
    this.#createTable = boolean('createTable', options.createTable, false)
    this.#connectTimeout = storeTimeoutOf(options)
  }

  /** A CHAR(43) is cut and filled up without a word. */
  isPossible (token: string): boolean {
    return /^[\x20-\x7e]{0,42}[\x21-\x7e]$/.test(token)
  }

  async contact (deadline: number): Promise<Contact> {
    this.#opening ??= openPool(this.#source, this.#connectTimeout)
    this.#opened = await this.#opening
    const { size } = this.#opened
    return await this.use(deadline, async pool => {
      let [id, token, data, expiry, now] = await this.#inspect(pool)
      if (id === null && this.#createTable) {
        await this.#query(pool, forTable(SCHEMA, '[sessions]', this.#quoted, this.#quoted.replaceAll('\'', '\'\'')), []);
        [id, token, data, expiry, now] = await this.#inspect(pool)
      }
      if (id === null) throw new TableMissingError(this.tableName, this.schemaFile)
      if (Number(token) < 43 || data === null || expiry === null) {
        throw new StoreMisconfiguredError(`The table ${this.tableName} needs the columns token CHAR(43), data VARBINARY(MAX) and expiry DATETIME2(6). Compare it with ${this.schemaFile} of this package`)
      }
      return {
        poolSize: size,
        maxBytes: Number(data) === -1 ? LARGEST : Number(data),
        maxBytesBecause: `the column data of ${this.tableName}`,
        maxStatementBytes: LARGEST,
        lastExpiry: LAST_EXPIRY,
        now: timeIn(now)
      }
    })
  }

  async use<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const { pool } = this.#reached
    await this.#connect(pool, deadline - performance.now())
    return await work({ parent: pool, deadline })
  }

  async transact<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.use(deadline, async () => {
      const { driver, pool } = this.#reached
      const transaction = new driver.Transaction(pool)
      const result = await this.#begin(transaction, deadline, work)
      try {
        await inTime(transaction.commit(), deadline - performance.now())
      } catch (error) {
        const failure = this.#failure(error)
        throw failure instanceof LostError ? new CommitLostError(failure.message, { cause: failure.cause }) : failure
      }
      return result
    })
  }

  async exclusively<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T | undefined> {
    return await this.transact(deadline, async transaction => await this.#tryLock(transaction) ? await work(transaction) : undefined)
  }

  async now (connection: Connection): Promise<number> {
    const { rows: [[now] = []] } = await this.#query(connection, sql.SELECT_NOW, [])
    return timeIn(now)
  }

  async find (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<Rows> {
    const filled = fill(tokens)
    const { rows } = await this.#query(connection, sql.waiting(lockTimeoutMs, sql.find(this.#quoted, filled.length)), this.#tokens(filled))
    return foundIn(rows)
  }

  async findAndLock (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<Rows> {
    await this.#lock(connection, tokens, lockTimeoutMs)
    return await this.find(connection, tokens, lockTimeoutMs)
  }

  async holds (connection: Connection, sessions: readonly NewSession[], lockTimeoutMs: number): Promise<boolean> {
    const tokens = sessions.map(({ token }) => token)
    await this.#lock(connection, tokens, lockTimeoutMs)
    const { rows } = await this.#query(connection, sql.peek(this.#quoted, tokens.length), this.#tokens(tokens))
    return sessions.every(({ token, data }) => rows.some(row => tokenIn(row[0]) === token && Buffer.from(data).equals(row[1] as Uint8Array)))
  }

  async insert (connection: Connection, sessions: readonly NewSession[]): Promise<void> {
    await this.#query(connection, sql.insert(this.#quoted, sessions.length), this.#written(sessions))
  }

  async update (connection: Connection, sessions: readonly ChangedSession[], lockTimeoutMs: number): Promise<ReadonlySet<ChangedSession>> {
    const filled = fill(sessions)
    const parameters = [...this.#written(filled), ...this.#seen(filled)]
    const { rows } = await this.#query(connection, sql.waiting(lockTimeoutMs, sql.update(this.#quoted, filled.length)), parameters)
    const saved = new Set(rows.map(([token]) => tokenIn(token)))
    return new Set(sessions.filter(({ token }) => saved.has(token)))
  }

  async touch (connection: Connection, sessions: readonly TouchedSession[], lockTimeoutMs: number): Promise<void> {
    const { driver: { Int } } = this.#reached
    const filled = fill(sessions)
    const parameters = filled.flatMap(({ ttl, atLeast }, i): Parameters => {
      const [seconds, milliseconds] = parts(ttl)
      const [least, leastMilliseconds] = parts(ttl - atLeast)
      return [[`s${i}`, Int, seconds], [`m${i}`, Int, milliseconds], [`g${i}`, Int, least], [`f${i}`, Int, leastMilliseconds]]
    })
    const statement = sql.waiting(lockTimeoutMs, sql.touch(this.#quoted, filled.length))
    await this.#query(connection, statement, [...this.#tokens(filled.map(({ token }) => token)), ...parameters, ...this.#seen(filled)])
  }

  async overwrite (connection: Connection, session: NewSession): Promise<void> {
    await this.#query(connection, sql.overwrite(this.#quoted), this.#written([session]))
  }

  async remove (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<readonly string[]> {
    const filled = fill(tokens)
    const parameters = [...this.#tokens(filled), this.#note]
    const { rows: removed } = await this.#query(connection, sql.waiting(lockTimeoutMs, sql.remove(this.#quoted, filled.length)), parameters)
    if (removed.length >= tokens.length) return []
    const { rows } = await this.#query(connection, sql.peek(this.#quoted, filled.length), this.#tokens(filled))
    return rows.flatMap(([token, data]) => tokens.includes(tokenIn(token)) ? successorIn(data as Uint8Array) ?? [] : [])
  }

  async page (connection: Connection, after: string | undefined, size: number): Promise<readonly StoredSession[]> {
    const { driver: { Int } } = this.#reached
    const parameters: Parameters = [['n', Int, size], ...(after === undefined ? [] : this.#tokens([after]))]
    const { rows } = await this.#query(connection, sql.page(this.#quoted, after === undefined), parameters)
    return foundIn(rows).sessions
  }

  async removeExpired (connection: Connection, most: number, lockTimeoutMs: number): Promise<number> {
    const { driver: { Int } } = this.#reached
    const statement = sql.waiting(lockTimeoutMs, sql.removeExpired(this.#quoted))
    const { rowsAffected } = await this.#query(connection, statement, [['n', Int, most], this.#note])
    return rowsAffected.at(-1) ?? 0
  }

  kindOf (error: unknown): ErrorKind {
    const number = errorNumber(error)
    if (number === BABELFISH && error instanceof Error) return WORDS.find(([words]) => words.test(error.message))?.[1] ?? 'failed'
    if (isLoginRefused(error)) return 'refused'
    return KINDS.get(number) ?? (number > 0 ? 'failed' : 'unknown')
  }

  async close (): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined)
    if (opened?.isOwn !== true) return
    // The driver does not close a pool that is connecting.
    await this.#connecting?.catch(() => {})
    await opened.pool.close()
  }

  async #inspect (connection: Connection): Promise<readonly unknown[]> {
    const { driver } = this.#reached
    const { rows: [row = []] } = await this.#query(connection, sql.INSPECT, [['name', driver.NVarChar(300), this.#quoted]])
    return row
  }

  /** Before the first request, and again when it has failed: the pool does not do so by itself, and joins a connect under way. */
  async #connect (pool: MssqlPool, left: number): Promise<void> {
    if ('connected' in pool && pool.connected === true) return
    this.#connecting = pool.connect()
    try {
      await inTime(this.#connecting, left)
    } catch (error) {
      throw new UnreachedError('it cannot be reached', { cause: error })
    }
  }

  async #begin<T> (transaction: DriverTransaction, deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const { driver } = this.#reached
    const begun = transaction.begin(driver.ISOLATION_LEVEL.READ_COMMITTED)
    // One that begins later must not keep its connection.
    const giveUp = () => { begun.then(async () => await transaction.rollback()).catch(() => {}) }
    try {
      await inTime(begun, deadline - performance.now(), giveUp)
    } catch (error) {
      throw new UnreachedError('it cannot be reached', { cause: error })
    }
    try {
      return await work({ parent: transaction, deadline })
    } catch (error) {
      // A deadlock's victim, and a connection that is gone, have no transaction any more.
      await inTime(this.#undo(transaction), deadline - performance.now()).catch(() => {})
      throw error instanceof LostError ? new UnreachedError(error.message, { cause: error.cause }) : error
    }
  }

  /** The driver refuses while a request is under way, and one that was given up is until the server has let it go. */
  async #undo (transaction: DriverTransaction): Promise<void> {
    await this.#lastOf.get(transaction)?.catch(() => {})
    await transaction.rollback()
  }

  async #lock (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<void> {
    for (const token of tokens) await this.#query(connection, sql.waiting(lockTimeoutMs, sql.lock(this.#quoted)), this.#tokens([token]))
  }

  /** Takes the application lock of this table until the transaction ends, unless somebody has it. */
  async #tryLock (transaction: Connection): Promise<boolean> {
    const { driver } = this.#reached
    const { returnValue = -1 } = await this.#ask(transaction, async request => {
      request.input('Resource', driver.NVarChar(255), `fastify-sql-sessions ${this.#quoted}`)
      request.input('LockMode', driver.NVarChar(32), 'Exclusive')
      request.input('LockOwner', driver.NVarChar(32), 'Transaction')
      request.input('LockTimeout', driver.Int, 0)
      return await request.execute('sp_getapplock')
    })
    return returnValue >= 0
  }

  async #query (connection: Connection, statement: string, parameters: Parameters): Promise<{ rows: unknown[][], rowsAffected: number[] }> {
    const { recordsets, rowsAffected } = await this.#ask(connection, async request => {
      request.arrayRowMode = true
      for (const [name, type, value] of parameters) request.input(name, type, value)
      return await request.query(statement)
    })
    return { rows: recordsets.at(-1) ?? [], rowsAffected }
  }

  async #ask<T> (connection: Connection, ask: (request: DriverRequest) => Promise<T>): Promise<T> {
    const { driver } = this.#reached
    const left = connection.deadline - performance.now()
    const request = new driver.Request(connection.parent, { requestTimeout: Math.max(1, Math.ceil(left)) })
    const answer = ask(request)
    this.#lastOf.set(connection.parent, answer)
    try {
      return await inTime(answer, left + GRACE, () => request.cancel())
    } catch (error) {
      throw this.#failure(error)
    }
  }

  #failure (error: unknown): unknown {
    if (error instanceof LostError || error instanceof UnreachedError || errorNumber(error) > 0) return error
    const code = typeof error === 'object' && error !== null && 'code' in error ? error.code : undefined
    if (UNSENT.includes(String(code)) && !(error instanceof Error && error.name === 'RequestError' && code !== 'ENOTOPEN')) {
      return new UnreachedError('it cannot be reached', { cause: error })
    }
    return new LostError(code === 'ETIMEOUT' ? 'no answer in time' : 'the connection was lost', { cause: error })
  }

  #tokens (tokens: readonly string[]): Parameters {
    const { driver } = this.#reached
    return tokens.map((token, i) => [`t${i}`, driver.Char(43), token])
  }

  #written (sessions: ReadonlyArray<NewSession & { readonly expiryStays?: boolean }>): Parameters {
    const { driver } = this.#reached
    return sessions.flatMap(({ token, data, ttl, expiryStays }, i): Parameters => {
      const [seconds, milliseconds] = parts(ttl)
      return [
        // A longer one is an error of the server's, not cut.
        [`t${i}`, driver.Char(Math.max(43, token.length)), token],
        [`d${i}`, driver.VarBinary(driver.MAX), asBuffer(data)],
        [`s${i}`, driver.Int, expiryStays === true ? null : seconds],
        [`m${i}`, driver.Int, milliseconds]
      ]
    })
  }

  #seen (sessions: ReadonlyArray<ChangedSession | TouchedSession>): Parameters {
    const { driver } = this.#reached
    return sessions.flatMap(({ seen: { bytes, whole } }, i): Parameters => [
      [`h${i}`, driver.VarBinary(driver.MAX), asBuffer(bytes)],
      // One byte more than all of them, so that nothing can come after.
      [`l${i}`, driver.Int, whole ? bytes.length + 1 : bytes.length]
    ])
  }

  get #note (): Parameters[number] {
    const { driver } = this.#reached
    return ['note', driver.VarBinary(NOTE.length), NOTE]
  }

  get #reached (): OpenedPool & { readonly driver: Driver } {
    if (this.#opened === undefined) throw new UnreachedError('it has not been reached yet')
    return this.#opened
  }
}

/** The driver's own timeout comes first, and takes the statement back. */
const GRACE = 500
/** Codes of errors before anything was sent. */
const UNSENT = ['ECONNCLOSED', 'ENOTOPEN', 'ELOGIN', 'EINSTLOOKUP', 'EALREADYCONNECTING']

/** @param giveUp is called when it takes too long: what still waits for a connection is not to be sent at some later time */
async function inTime<T> (answer: Promise<T>, left: number, giveUp = (): unknown => undefined): Promise<T> {
  let timer: NodeJS.Timeout | undefined
  const late = new Promise<never>((_resolve, reject) => {
    timer = setTimeout(() => {
      reject(new LostError('no answer in time'))
      giveUp()
    }, Math.max(1, left))
  })
  try {
    return await Promise.race([answer, late])
  } finally {
    clearTimeout(timer)
  }
}

/** The driver does not hand on the number of an error at login. Those that are passing are known by their words. */
function isLoginRefused (error: unknown): boolean {
  return error instanceof Error && 'code' in error && error.code === 'ELOGIN' &&
    !/not currently available|currently busy|not enough resources|try again|retry|(upgrade|recovery|startup) mode/i.test(error.message)
}

function errorNumber (error: unknown): number {
  return typeof error === 'object' && error !== null && 'number' in error && typeof error.number === 'number' ? error.number : 0
}

function foundIn (rows: readonly unknown[][]): Rows {
  return {
    now: rows[0] === undefined ? undefined : timeIn(rows[0][3]),
    sessions: rows.map(([token, data, expiry, now]) => ({ token: tokenIn(token), data: data as Uint8Array, ttl: timeIn(expiry) - timeIn(now) }))
  }
}

/** A CHAR comes with spaces up to its length. */
function tokenIn (value: unknown): string {
  return String(value).trimEnd()
}

/** The milliseconds since 1970 of a time in UTC, as CONVERT writes it with style 126. */
function timeIn (value: unknown): number {
  return Date.parse(`${String(value)}Z`)
}

/** Whole seconds and the milliseconds that are left, for DATEADD. */
function parts (ttl: number): [seconds: number, milliseconds: number] {
  const seconds = Math.min(Math.floor(ttl / 1000), LONGEST)
  return [seconds, Math.floor(ttl - Math.floor(ttl / 1000) * 1000)]
}

function fill<T> (items: readonly T[]): T[] {
  const size = SIZES.find(size => size >= items.length) ?? items.length
  return Array.from({ length: size }, (_, i) => items[Math.min(i, items.length - 1)] as T)
}
