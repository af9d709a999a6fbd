import type { Attempts } from './attempts.js'
import type { SqlDatabase } from './database.js'
import type { Reader } from './reader.js'

/** What the statements of a store share. */
export interface Access<Connection> {
  readonly database: SqlDatabase<Connection>
  readonly attempts: Attempts<Connection>
  readonly reader: Reader<Connection>
  /**
   * How long a statement waits for a row that somebody else has locked, in milliseconds.
   *
   * @param timesLocked how often its item has found the row locked before
   * @param deadline when its caller stops waiting, in milliseconds of `performance.now()`
   */
  lockTimeoutMs (timesLocked: number, deadline: number): number
}
