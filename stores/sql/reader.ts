import type { SqlDatabase } from './database.js'
import { partitionRows, type PartitionedRows } from './rows.js'
import type { Clock } from '../clock.js'

/** Rows by what they are, and the database's time when they were read, in milliseconds since 1970 UTC. */
export interface ReadRows extends PartitionedRows {
  readonly now: number
}

/** Reads rows, and sets the clock by the time that comes with them. */
export class Reader<Connection> {
  readonly #database: SqlDatabase<Connection>
  readonly #clock: Clock

  constructor (database: SqlDatabase<Connection>, clock: Clock) {
    this.#database = database
    this.#clock = clock
  }

  /** The rows of any number of tokens. */
  async find (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<ReadRows> {
    const { maxRows } = this.#database
    const rows = partitionRows([])
    for (let i = 0; i < tokens.length; i += maxRows) {
      const { now, sessions } = await this.#database.find(connection, tokens.slice(i, i + maxRows), lockTimeoutMs)
      if (now !== undefined) this.#clock.set(now)
      partitionRows(sessions, rows)
    }
    return { ...rows, now: await this.#now(connection) }
  }

  /** In a transaction: locks the rows in the order of their tokens, so that two transactions do not wait for each other. */
  async findAndLock (connection: Connection, tokens: readonly string[], lockTimeoutMs: number): Promise<ReadRows> {
    if (tokens.length === 0) return { ...partitionRows([]), now: await this.#now(connection) }
    const { now, sessions } = await this.#database.findAndLock(connection, [...tokens].sort(), lockTimeoutMs)
    if (now !== undefined) this.#clock.set(now)
    return { ...partitionRows(sessions), now: await this.#now(connection) }
  }

  /** Rows bring the time. Without rows it is carried on from the last answer, or asked for where that cannot be trusted. */
  async #now (connection: Connection): Promise<number> {
    const known = this.#clock.now()
    if (known !== undefined) return known
    const now = await this.#database.now(connection)
    this.#clock.set(now)
    return now
  }
}
