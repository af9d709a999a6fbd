import mysql from 'mysql2'
import type { Connection, ConnectionOptions, QueryError } from 'mysql2'

export interface MariaDbOptions {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password?: string
  readonly database: string
}

export interface Result {
  /** The values as text (MariaDB's text protocol), as raw bytes in the column's character set. */
  readonly rows: readonly (readonly (Buffer | null)[])[]
  readonly affected: number
}

/**
 * One MariaDB connection for one TDS connection. Its session variables are set to what is closest to SQL Server. Values are
 * not bound: they are written into the statement as typed literals, so that each has the type that T-SQL gives it.
 */
export class MariaDb {
  readonly #connection: Connection
  #busy = 0
  #lost = false

  private constructor (connection: Connection) {
    this.#connection = connection
    // The running query gets the error too. Without a listener the process would end.
    connection.on('error', () => { this.#lost = true })
  }

  static async connect (options: MariaDbOptions): Promise<MariaDb> {
    const config: ConnectionOptions = { ...options, charset: 'utf8mb4', connectTimeout: 60_000, flags: ['-LOCAL_FILES'] }
    const connection = mysql.createConnection(config)
    const db = new MariaDb(connection)
    try {
      await new Promise<void>((resolve, reject) => connection.connect((error) => error === null ? resolve() : reject(error)))
      await db.query(SETTINGS)
    } catch (error) {
      connection.destroy()
      throw error
    }
    return db
  }

  get lost (): boolean { return this.#lost }
  get busy (): boolean { return this.#busy > 0 }
  get threadId (): number { return this.#connection.threadId }

  async query (sql: string): Promise<Result> {
    this.#busy++
    try {
      return await new Promise<Result>((resolve, reject) => {
        this.#connection.query({ sql, values: null, rowsAsArray: true, typeCast: (field) => field.buffer() }, (error, result) => {
          if (error !== null) return reject(error)
          const rows = Array.isArray(result) ? result as unknown as (Buffer | null)[][] : []
          const affected = Array.isArray(result) ? rows.length : result.affectedRows
          resolve({ rows, affected })
        })
      })
    } finally {
      this.#busy--
    }
  }

  close (): void {
    this.#connection.destroy()
  }
}

/** A lock timeout that never passes, in seconds: the default of SQL Server. */
const FOREVER = 100_000_000

const SETTINGS = `SET SESSION time_zone = '+00:00', sql_mode = 'STRICT_ALL_TABLES,NO_ENGINE_SUBSTITUTION,SIMULTANEOUS_ASSIGNMENT,TIME_ROUND_FRACTIONAL',
  character_set_results = NULL, innodb_lock_wait_timeout = ${FOREVER}, lock_wait_timeout = 31536000, group_concat_max_len = 1048576,
  tx_isolation = 'READ-COMMITTED', autocommit = 1, sql_select_limit = DEFAULT, max_statement_time = 0`

export function isQueryError (error: unknown): error is QueryError {
  return error instanceof Error && 'code' in error
}
