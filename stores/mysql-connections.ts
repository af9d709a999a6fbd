import { errorCode, StoreUnavailableError } from './errors.js'
import type { MysqlCallbackPool, MysqlConnection } from './mysql-pool.js'

/** The connection was lost, or given up, after a statement had been sent: whether it was carried out is not known. */
export class LostError extends Error {
  constructor (cause: unknown) {
    super('the connection was lost', { cause })
  }
}

/** There is no connection to be had, so nothing was sent. */
export class UnreachedError extends Error {
  constructor (cause: unknown) {
    super('no connection', { cause })
  }
}

/** Errors after which the server has undone the statement, or the transaction, and which need not come again. */
const UNDONE = new Map([
  [1213, 'deadlock'],
  [1020, 'record has changed since it was read (MariaDB, snapshot isolation)']
])

/** A row stayed locked by somebody else for too long: the server's own limit, or a statement that was killed for it. */
const LOCKED = new Set([1205, 1317, 1969, 3572])

export function isUndone (error: unknown): boolean {
  return UNDONE.has(errorNumber(error))
}

export function isLocked (error: unknown): boolean {
  return LOCKED.has(errorNumber(error))
}

/** The number of the server's error; 0 if it is none of the server's. */
export function errorNumber (error: unknown): number {
  return typeof error === 'object' && error !== null && 'errno' in error && typeof error.errno === 'number' && error.errno > 0 ? error.errno : 0
}

/** The answer to a statement that gives no rows. */
export interface Done {
  readonly affectedRows: number
  /** A string beyond 2^53. */
  readonly insertId: number | string
}

/** Connections of a pool, lent for a while. */
export class MysqlConnections {
  readonly #pool: MysqlCallbackPool

  constructor (pool: MysqlCallbackPool) {
    this.#pool = pool
  }

  /**
   * Lends a connection to `work`. Rejects with {@link UnreachedError} if there is none.
   *
   * @param timeLeft how long to wait for one, in milliseconds
   */
  async use<T> (timeLeft: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = new Connection(await this.#get(timeLeft), this.#pool)
    try {
      return await work(connection)
    } finally {
      await connection.giveBack()
    }
  }

  async close (): Promise<void> {
    await new Promise<void>((resolve, reject) => this.#pool.end(error => error === null || error === undefined ? resolve() : reject(error)))
  }

  #get (timeLeft: number): Promise<MysqlConnection> {
    return new Promise((resolve, reject) => {
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        reject(new UnreachedError(new Error('the pool had no free connection in time')))
      }, Math.max(1, timeLeft))
      this.#pool.getConnection((error, connection) => {
        clearTimeout(timer)
        if (error) reject(new UnreachedError(error))
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
  #isBroken = false
  /** The statement that is under way. */
  #current: object | undefined
  #killing: Promise<void> | undefined

  constructor (connection: MysqlConnection, pool: MysqlCallbackPool) {
    this.#connection = connection
    this.#pool = pool
  }

  /** Rows of a prepared statement. */
  async rows (sql: string, values: readonly unknown[], timeLeft: number): Promise<unknown[][]> {
    return await this.#send('execute', sql, values, timeLeft) as unknown[][]
  }

  /**
   * What a prepared statement did.
   *
   * @param patience after so many milliseconds the statement is killed, if the server cannot be told to give up by itself
   */
  async run (sql: string, values: readonly unknown[], timeLeft: number, patience?: number): Promise<Done> {
    return await this.#send('execute', sql, values, timeLeft, patience) as Done
  }

  /** A statement that is not worth preparing. */
  async query (sql: string, values: readonly unknown[], timeLeft: number): Promise<unknown[][]> {
    return await this.#send('query', sql, values, timeLeft) as unknown[][]
  }

  /** Back to the pool; or, if its state is not known, away. */
  async giveBack (): Promise<void> {
    await this.#killing
    if (this.#isBroken) this.#connection.destroy()
    else this.#connection.release()
  }

  #send (method: 'query' | 'execute', sql: string, values: readonly unknown[], timeLeft: number, patience?: number): Promise<unknown> {
    return new Promise((resolve, reject) => {
      const statement = { sql, values, rowsAsArray: true, typeCast: true, nestTables: false } as const
      this.#current = statement
      const timer = setTimeout(() => {
        // The driver cannot take a statement back, so the connection goes with it.
        this.#isBroken = true
        this.#current = undefined
        this.#connection.destroy()
        clearTimeout(killer)
        reject(new LostError(new Error('no answer in time')))
      }, Math.max(1, timeLeft))
      const killer = patience === undefined || patience >= timeLeft ? undefined : setTimeout(() => { this.#kill(statement) }, patience)
      this.#connection[method](statement, (error, result) => {
        clearTimeout(timer)
        clearTimeout(killer)
        this.#current = undefined
        if (!error) {
          resolve(result)
        } else if (errorNumber(error) === 0 || ('fatal' in error && error.fatal === true)) {
          this.#isBroken = true
          reject(new LostError(error))
        } else {
          reject(error)
        }
      })
    })
  }

  /**
   * Ends a statement, if it is still under way when there is a connection to do it on. This connection is not given back
   * before that is done, or it could hit another's.
   */
  #kill (statement: object): void {
    this.#pool.getConnection((error, other) => {
      if (error) return
      if (this.#current !== statement) {
        other.release()
        return
      }
      const { threadId } = this.#connection
      this.#killing = new Promise(resolve => {
        other.query({ sql: `KILL QUERY ${Number(threadId)}`, values: [], rowsAsArray: true, typeCast: true, nestTables: false }, () => {
          other.release()
          resolve()
        })
      })
    })
  }
}

/** What the caller of the store gets for an error of the driver's. */
export function unavailable (error: unknown): StoreUnavailableError {
  const cause = error instanceof LostError || error instanceof UnreachedError ? error.cause : error
  const code = errorCode(cause)
  const why = isLocked(cause) ? 'the session is locked by somebody else' : error instanceof Error && error !== cause ? error.message : 'it answered with an error'
  return new StoreUnavailableError(code === undefined ? why : `${why} (${code})`)
}
