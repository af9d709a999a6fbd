import type { MysqlCallbackPool, MysqlConnection } from './pool.js'
import { LostError, UnreachedError } from '../sql/database.js'

/** The number of the server's error; 0 if it is none of the server's. */
export function errorNumber (error: unknown): number {
  return typeof error === 'object' && error !== null && 'errno' in error && typeof error.errno === 'number' && error.errno > 0 ? error.errno : 0
}

/** The answer to a statement that gives no rows. */
export interface Done {
  readonly affectedRows: number
  /** A string beyond 2^53. */
  readonly insertId: number | string
  /** Flags of the connection after it. */
  readonly serverStatus?: number
}

/**
 * What a server says to a write that was the primary until a failover: --read-only, super_read_only, innodb_read_only. It has
 * done nothing, and a new connection may lead to the one that is the primary now.
 */
const READ_ONLY: readonly number[] = [1290, 1836]

/** The flag that says that a transaction is open. */
const IN_TRANSACTION = 1

/** Connections of a pool, lent for a while. */
export class MysqlConnections {
  readonly #pool: MysqlCallbackPool

  constructor (pool: MysqlCallbackPool) {
    this.#pool = pool
  }

  /**
   * Lends a connection to `work`. Rejects with {@link UnreachedError} if there is none.
   *
   * @param deadline when it, or its statement, is given up, in milliseconds of `performance.now()`
   */
  async use<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = new Connection(await this.#get(deadline - performance.now()), this.#pool, deadline)
    try {
      return await work(connection)
    } finally {
      await connection.giveBack()
    }
  }

  async close (): Promise<void> {
    // What it reports is that a connection is gone already, or never came.
    await new Promise<void>(resolve => this.#pool.end(() => resolve()))
  }

  #get (timeLeft: number): Promise<MysqlConnection> {
    return new Promise((resolve, reject) => {
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        reject(new UnreachedError('the pool had no free connection in time'))
      }, Math.max(1, timeLeft))
      this.#pool.getConnection((error, connection) => {
        clearTimeout(timer)
        if (error) reject(new UnreachedError('it cannot be reached', { cause: error }))
        else if (isLate) connection.release()
        else resolve(connection)
      })
    })
  }
}

/** One connection, while it is lent. */
export class Connection {
  readonly #connection: MysqlConnection
  readonly #pool: MysqlCallbackPool
  readonly #deadline: number
  /** Its statements are part of a transaction that will be committed. */
  inTransaction = false
  #isBroken = false
  #killing: Promise<void> | undefined

  constructor (connection: MysqlConnection, pool: MysqlCallbackPool, deadline: number) {
    this.#connection = connection
    this.#pool = pool
    this.#deadline = deadline
  }

  /** Until the deadline, in milliseconds. */
  get timeLeft (): number {
    return this.#deadline - performance.now()
  }

  /**
   * Rows of a prepared statement.
   *
   * @param patience after so many milliseconds the statement is killed, where the server cannot be told to give up by itself
   */
  async rows (sql: string, values: readonly unknown[], patience?: number): Promise<unknown[][]> {
    return await this.#send('execute', sql, values, patience) as unknown[][]
  }

  /** What a prepared statement did. */
  async run (sql: string, values: readonly unknown[], patience?: number): Promise<Done> {
    const done = await this.#send('execute', sql, values, patience) as Done
    if (this.inTransaction || ((done.serverStatus ?? 0) & IN_TRANSACTION) === 0) return done
    // Nobody will commit it, and the server undoes it with the connection.
    this.#isBroken = true
    throw new UnreachedError('a connection of the pool came with a transaction that somebody has left open')
  }

  /** A statement that is not worth preparing. */
  async query (sql: string, values: readonly unknown[]): Promise<unknown[][]> {
    return await this.#send('query', sql, values) as unknown[][]
  }

  /** Back to the pool; or, if its state is not known, away. */
  async giveBack (): Promise<void> {
    await this.#killing
    if (this.#isBroken) this.#connection.destroy()
    else this.#connection.release()
  }

  async #send (method: 'query' | 'execute', sql: string, values: readonly unknown[], patience?: number): Promise<unknown> {
    if (this.#killing !== undefined) {
      await this.#killing
      this.#killing = undefined
      if (this.#isBroken) throw new LostError('it is not known whether the statement before has been killed')
    }
    const { timeLeft } = this
    return await new Promise((resolve, reject) => {
      const timer = setTimeout(() => {
        // The driver cannot take a statement back, so the connection goes with it.
        this.#isBroken = true
        this.#connection.destroy()
        isOver = true
        clearTimeout(killer)
        reject(new LostError('no answer in time'))
      }, Math.max(1, timeLeft))
      let isOver = false
      const killer = patience === undefined || patience >= timeLeft ? undefined : setTimeout(() => { this.#kill(() => isOver, timeLeft) }, patience)
      const statement = { sql, values, rowsAsArray: true, typeCast: true, nestTables: false } as const
      this.#connection[method](statement, (error, result) => {
        isOver = true
        clearTimeout(timer)
        clearTimeout(killer)
        if (!error) {
          resolve(result)
        } else if (errorNumber(error) === 0 || ('fatal' in error && error.fatal === true)) {
          this.#isBroken = true
          reject(new LostError('the connection was lost', { cause: error }))
        } else if (READ_ONLY.includes(errorNumber(error))) {
          this.#isBroken = true
          reject(new UnreachedError('a connection leads to a server that is read-only', { cause: error }))
        } else {
          reject(error)
        }
      })
    })
  }

  /**
   * Ends the statement that is under way. The connection has no other statement, and is not given back, before that is done,
   * or it could hit that one; but the kill never waits for a connection that is not there, as this may be the one that it waits for.
   */
  #kill (isOver: () => boolean, timeLeft: number): void {
    const { threadId } = this.#connection
    this.#pool.getConnection((error, other) => {
      if (error) return
      if (isOver()) {
        other.release()
        return
      }
      this.#killing = new Promise(resolve => {
        const timer = setTimeout(() => { other.destroy(); done(true) }, timeLeft)
        const done = (failed: boolean) => {
          clearTimeout(timer)
          // A kill that is still on its way could hit what comes next.
          this.#isBroken ||= failed
          resolve()
        }
        other.query({ sql: `KILL QUERY ${Number(threadId)}`, values: [], rowsAsArray: true, typeCast: true, nestTables: false }, error => {
          if (error) other.destroy()
          else other.release()
          done(error !== null && errorNumber(error) === 0)
        })
      })
    })
  }
}
