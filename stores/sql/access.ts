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

/** How long a batch waits at most for a row that somebody else has locked, in milliseconds. Some servers count in seconds. */
const LOCK_TIMEOUT = 1000

/** How long a statement waits. An item alone may wait longer after its first failure: some servers cannot tell a statement that waits from one that is slow. */
export function lockTimeoutMs (timeout: number, timesLocked: number, deadline: number): number {
  const first = Math.ceil(Math.min(LOCK_TIMEOUT, timeout / 3))
  const mayWaitLonger = timesLocked > 0 && deadline - performance.now() > 3 * first
  return mayWaitLonger ? 2 * first : first
}
