import type { MysqlCallbackPool, MysqlConnection } from './mysql-pool.js'
import { LostError, UnreachedError } from './sql-database.js'

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
  #isBroken = false
  #killing: Promise<void> | undefined

  constructor (connection: MysqlConnection, pool: MysqlCallbackPool) {
    this.#connection = connection
    this.#pool = pool
  }

  /**
   * Rows of a prepared statement.
   *
   * @param patience after so many milliseconds the statement is killed, where the server cannot be told to give up by itself
   */
  async rows (sql: string, values: readonly unknown[], timeLeft: number, patience?: number): Promise<unknown[][]> {
    return await this.#send('execute', sql, values, timeLeft, patience) as unknown[][]
  }

  /** What a prepared statement did. */
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
      const timer = setTimeout(() => {
        // The driver cannot take a statement back, so the connection goes with it.
        this.#isBroken = true
        this.#connection.destroy()
        clearTimeout(killer)
        reject(new LostError('no answer in time'))
      }, Math.max(1, timeLeft))
      const killer = patience === undefined || patience >= timeLeft ? undefined : setTimeout(() => { this.#kill() }, patience)
      const statement = { sql, values, rowsAsArray: true, typeCast: true, nestTables: false } as const
      this.#connection[method](statement, (error, result) => {
        clearTimeout(timer)
        clearTimeout(killer)
        if (!error) {
          resolve(result)
        } else if (errorNumber(error) === 0 || ('fatal' in error && error.fatal === true)) {
          this.#isBroken = true
          reject(new LostError('the connection was lost', { cause: error }))
        } else {
          reject(error)
        }
      })
    })
  }

  /** Ends the statement that is under way. The connection is not given back before that is done, or it could hit another's. */
  #kill (): void {
    const { threadId } = this.#connection
    this.#killing = new Promise(resolve => {
      this.#pool.getConnection((error, other) => {
        if (error) {
          resolve()
          return
        }
        other.query({ sql: `KILL QUERY ${Number(threadId)}`, values: [], rowsAsArray: true, typeCast: true, nestTables: false }, () => {
          other.release()
          resolve()
        })
      })
    })
  }
}
