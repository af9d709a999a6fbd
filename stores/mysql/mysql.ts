import { createHash, randomUUID } from 'node:crypto'
import { inspectServer, type Abilities, type Query } from './abilities.js'
import { isInTransaction, type Connection } from './connection.js'
import { MysqlConnections } from './connections.js'
import { kindOf } from './errors.js'
import { checkLocks, NamedLock } from './named-lock.js'
import { checkSource, openPool, type MysqlSource, type OpenedPool } from './pool.js'
import { lockWait, type LockWait } from './lock-wait.js'
import { bySeen, MOST_ROWS, type Statements } from './statements.js'
import { inspectTable, rehearse } from './table.js'
import { updateOneByOne, updateTogether } from './updates.js'
import { CommitLostError, LostError, UnreachedError, type Contact, type HeldLock, type LockRequest, type Page, type Rows, type SqlDatabase } from '../sql/database.js'
import { LONGEST_CONNECT, ownersOf, SqlStore, storeTimeoutOf, type SqlStoreOptions } from '../sql/sql-store.js'
import type { ChangedSession, NewSession, SessionStore, StoredSession, TouchedSession } from '../store.js'
import { successorIn } from '../successor.js'
import { boolean, knownOnly, tableName } from '../validate.js'

export type { MysqlPool, MysqlPoolOptions, MysqlSource } from './pool.js'

/** The options of {@link mysqlStore}. */
export interface MysqlStoreOptions extends SqlStoreOptions {}

/**
 * Keeps sessions in MySQL (8.0.17 or newer), MariaDB (10.5 or newer) or an engine that speaks their protocol, see
 * docs/engines.md; in the table of `schema/mysql.sql`, or in the one that the README of SCS's mysqlstore defines. Needs the
 * package mysql2 (a pool brings its own).
 *
 * Throws `FST_SESSION_INVALID_OPTION`. Its methods reject with `FST_SESSION_STORE_UNAVAILABLE` (503),
 * `FST_SESSION_TABLE_MISSING`, `FST_SESSION_STORE_MISCONFIGURED`, `FST_SESSION_DRIVER_MISSING` and `FST_SESSION_TOO_LARGE`.
 */
export function mysqlStore (source: MysqlSource, options: MysqlStoreOptions = {}): SessionStore {
  return new SqlStore(new MysqlDatabase(source, options), options)
}

/** How often rows are deleted that a DELETE has left. */
const MOST_DELETES = 3
/** What is known once the database has been reached. */
interface Reached {
  readonly statements: Statements
  readonly abilities: Abilities
}

/** Sessions in MySQL and its relatives. The statements are in statements.ts. */
export class MysqlDatabase implements SqlDatabase<Connection> {
  readonly tableName: string
  readonly schemaFile = 'schema/mysql.sql'
  readonly name = 'mysql'
  readonly maxRows = MOST_ROWS
  readonly #source: MysqlSource
  readonly #name: readonly string[]
  readonly #createTable: boolean
  readonly #connectTimeout: number
  readonly #keepsOwners: boolean
  readonly #forced: Partial<Abilities>
  #opening: Promise<OpenedPool> | undefined
  #connections: MysqlConnections | undefined
  #reachedIt: Reached | undefined
  #countsRows = false
  /** What belongs in the name of each lock. */
  #lockScope = ''
  #lockCheck: Promise<void> | undefined

  /** @param forced abilities that the server is taken to have, for tests */
  constructor (source: MysqlSource, options: MysqlStoreOptions, forced: Partial<Abilities> = {}) {
    checkSource(source)
    knownOnly(options, ['table', 'createTable', 'cleanupInterval', 'storeTimeout', 'owners'])
    this.#source = source
    this.#name = tableName(options.table)
    this.tableName = this.#name.join('.')
    this.#createTable = boolean('createTable', options.createTable, false)
    this.#connectTimeout = Math.min(LONGEST_CONNECT, storeTimeoutOf(options))
    this.#keepsOwners = ownersOf(options)
    this.#forced = forced
  }

  /** No token has other characters, and not every server compares them with every column. */
  isPossible (token: string): boolean {
    // A CHAR column drops spaces at the end, and TiDB may take a token for one that has more of them.
    return /^(?:[\x20-\x7e]*[\x21-\x7e])?$/.test(token)
  }

  async contact (deadline: number): Promise<Contact> {
    const opened = await (this.#opening ??= openPool(this.#source, this.#connectTimeout))
    const connections = this.#connections ??= new MysqlConnections(opened)
    return await connections.use(deadline, async connection => {
      // Without values a statement is sent as text. Values are never quoted: how would depend on sql_mode.
      const query: Query = async (sql, values) => values === undefined ? await connection.query(sql) : await connection.rows({ sql, values })
      const abilities = { ...await inspectServer(query, opened.isOwn), ...this.#forced }
      const table = await inspectTable(query, this.#name, { createTable: this.#createTable, keepsOwners: this.#keepsOwners })
      const statements = await rehearse(query, table, abilities, this.#keepsOwners)
      connections.setUpWith(abilities.dialect.setup)
      this.#reachedIt = { statements, abilities }
      this.#countsRows = abilities.countsRows
      this.#lockScope = table.quoted
      return { ...table, poolSize: opened.size, rowsPerWrite: abilities.countsRows ? MOST_ROWS : 1, warnings: abilities.warnings }
    })
  }

  async use<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    if (this.#connections === undefined) throw new UnreachedError('it has not been reached yet')
    return await this.#connections.use(deadline, work)
  }

  async transact<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    return await this.use(deadline, async connection => {
      const result = await this.#begin(connection, work)
      try {
        const done = await connection.command('COMMIT')
        // With completion_type = CHAIN the server begins another transaction.
        if (isInTransaction(done)) connection.spoil()
        return result
      } catch (error) {
        if (error instanceof LostError) throw new CommitLostError(error.message, { cause: error.cause })
        await rollBack(connection)
        throw error
      }
    })
  }

  async exclusively<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T | undefined> {
    return await this.use(deadline, async connection => {
      // Vitess takes GET_LOCK only with nothing around it. A server may refuse it: two cleanups at once do no harm.
      const [[got] = []] = await connection.query(`SELECT GET_LOCK('${lockName(this.#lockScope)}', 0)`).catch((error: unknown) => {
        if (kindOf(error) !== 'failed') throw error
        return [[1]]
      })
      if (Number(got) !== 1) return undefined
      try {
        return await work(connection)
      } finally {
        await connection.query(`SELECT RELEASE_LOCK('${lockName(this.#lockScope)}')`).catch((error: unknown) => {
          if (kindOf(error) !== 'failed') throw error
        })
      }
    })
  }

  async lock (name: string, request: LockRequest, work: (lock: HeldLock) => Promise<void>): Promise<void> {
    await this.#checkLocks(request.limit)
    await this.use(request.limit, async connection => {
      const lock = new NamedLock(connection, this.#exclusiveName(name), this.#reached.abilities)
      await lock.take(request)
      await work(lock)
    })
  }

  async now (connection: Connection): Promise<number> {
    const [[now] = []] = await connection.rows(this.#statements.now())
    return Number(now)
  }

  async find (connection: Connection, tokens: readonly string[]): Promise<Rows> {
    return foundIn(connection, await connection.rows(this.#statements.find(tokens)))
  }

  async findAndLock (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<Rows> {
    const rows: unknown[][] = []
    // One after another: then the order in which they are locked is certain.
    for (const token of tokens) {
      const wait = this.#wait(connection, lockTimeoutMs)
      rows.push(...await connection.rows(this.#statements.findAndLock(token, wait.seconds), wait.killAfter))
    }
    return foundIn(connection, rows)
  }

  async holds (connection: Connection, sessions: readonly NewSession[], lockTimeoutMs: number): Promise<boolean> {
    for (const { token, data } of sessions) {
      const wait = this.#wait(connection, lockTimeoutMs)
      const rows = await connection.rows(this.#statements.peekAndLock(token, wait.seconds), wait.killAfter)
      if (!rows.some(row => String(row[0]) === token && Buffer.from(data).equals(row[1] as Uint8Array))) return false
    }
    return true
  }

  async insert (connection: Connection, sessions: readonly NewSession[]): Promise<void> {
    await connection.run(this.#statements.insert(sessions))
  }

  async update (connection: Connection, sessions: readonly ChangedSession[], lockTimeoutMs: number): Promise<ReadonlySet<ChangedSession>> {
    const one = async (session: ChangedSession) => {
      const wait = this.#wait(connection, lockTimeoutMs)
      return await connection.run(this.#statements.updateOne(session, wait.seconds), wait.killAfter)
    }
    if (!this.#countsRows) return await updateOneByOne(sessions, one)
    return await updateTogether(sessions, async group => {
      const [first] = group
      if (first !== undefined && group.length === 1) return await one(first)
      const wait = this.#wait(connection, lockTimeoutMs)
      return await connection.run(this.#statements.update(group, wait.seconds), wait.killAfter)
    }, () => { this.#countsRows = false })
  }

  async touch (connection: Connection, sessions: readonly TouchedSession[], lockTimeoutMs: number): Promise<void> {
    for (const group of bySeen(sessions)) {
      const wait = this.#wait(connection, lockTimeoutMs)
      await connection.run(this.#statements.touch(group, wait.seconds), wait.killAfter)
    }
  }

  async overwrite (connection: Connection, session: NewSession): Promise<void> {
    await connection.run(this.#statements.overwrite(session))
  }

  async remove (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<readonly string[]> {
    const successors: string[] = []
    let left = tokens
    for (let tries = 0; tries < MOST_DELETES; tries++) {
      const wait = this.#wait(connection, lockTimeoutMs)
      const { affectedRows } = await connection.run(this.#statements.remove(left, wait.seconds), wait.killAfter)
      if (affectedRows >= left.length) return successors
      // MariaDB answers a DELETE that was killed with "OK, 0 rows". On a node of a cluster the row may have come since.
      const rows = (await connection.rows(this.#statements.remaining(left))).filter(([token]) => left.includes(String(token)))
      successors.push(...rows.flatMap(([, note]) => note === null ? [] : successorIn(note as Uint8Array) ?? []))
      left = rows.flatMap(([token, note]) => note === null ? String(token) : [])
      if (left.length === 0) return successors
    }
    throw new UnreachedError('rows are still there that the server said it had deleted')
  }

  async page (connection: Connection, page: Page): Promise<readonly StoredSession[]> {
    return foundIn(connection, await connection.rows(this.#statements.page(page))).sessions
  }

  async count (connection: Connection, owner: string | undefined): Promise<number> {
    const [[count] = []] = await connection.rows(this.#statements.count(owner))
    return Number(count)
  }

  async removeExpired (connection: Connection, most: number, lockTimeoutMs: number): Promise<number> {
    const rows = await connection.query(this.#statements.expired(most).sql)
    if (rows.length === 0) return 0
    const wait = this.#wait(connection, lockTimeoutMs)
    const { affectedRows } = await connection.run(this.#statements.removeExpired(rows.map(([token]) => String(token)), wait.seconds), wait.killAfter)
    return affectedRows
  }

  readonly kindOf = kindOf

  async close (): Promise<void> {
    await this.#opening?.catch(() => {})
    await this.#connections?.close()
  }

  /** Runs `work` in a transaction, and leaves it open. */
  async #begin<T> (connection: Connection, work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      // Somebody may have left SET TRANSACTION READ ONLY on the connection.
      await connection.command('START TRANSACTION READ WRITE')
      connection.inTransaction = true
      return await work(connection)
    } catch (error) {
      // Without a COMMIT the server rolls back what a lost connection has begun.
      if (error instanceof LostError) throw new UnreachedError(error.message, { cause: error.cause })
      await rollBack(connection)
      throw error
    } finally {
      connection.inTransaction = false
    }
  }

  /** Tries once whether the server's locks keep others out. */
  async #checkLocks (limit: number): Promise<void> {
    const { abilities } = this.#reached
    const check = async () => await this.use(limit, async first => await this.use(limit, async second => {
      await checkLocks(first, second, this.#exclusiveName(randomUUID()), abilities, limit)
    }))
    this.#lockCheck ??= check().catch((error: unknown) => {
      this.#lockCheck = undefined
      throw error
    })
    await this.#lockCheck
  }

  /** Two processes may write the table's name differently on a server that compares it without its case. */
  #exclusiveName (name: string): string {
    return lockName(`${this.#lockScope.toLowerCase()}\n${name}`)
  }

  #wait ({ timeLeft }: Connection, lockTimeoutMs: number): LockWait {
    return lockWait(Math.min(lockTimeoutMs, timeLeft), this.#reached.abilities.dialect.boundsLocks)
  }

  get #statements (): Statements {
    return this.#reached.statements
  }

  get #reached (): Reached {
    if (this.#reachedIt === undefined) throw new UnreachedError('it has not been reached yet')
    return this.#reachedIt
  }
}

/** Names of locks are those of the whole server, and no longer than 64 characters. */
function lockName (text: string): string {
  return `fastify-sql-sessions ${createHash('sha256').update(text).digest('hex').slice(0, 32)}`
}

async function rollBack (connection: Connection): Promise<void> {
  await connection.command('ROLLBACK').catch(() => { connection.spoil() })
}

function foundIn (connection: Connection, rows: readonly unknown[][]): Rows {
  const now = rows[0]?.[3]
  if (now === null) connection.noteReadOnly()
  return {
    now: typeof now === 'number' ? now : undefined,
    sessions: rows.map(([token, data, ttl]) => ({ token: String(token), data: data as Uint8Array, ttl: Number(ttl) }))
  }
}
