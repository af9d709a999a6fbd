import type { Connection } from './connection.js'
import type { MssqlPool } from './pool.js'
import { selectTransactions } from './statements.js'
import type { HeldLock, LockRequest } from '../sql/database.js'
import { stillOpen } from '../sql/exclusive.js'
import { tookTooLong } from '../turns.js'

/** How long one request waits for the lock, in milliseconds. Between two the store can be closed. */
const LONGEST_WAIT = 2000

/** Waits for a lock of sp_getapplock, which the connection's transaction then holds. Throws `FST_SESSION_STORE_UNAVAILABLE` if that is not before the deadline. */
export async function takeLock (connection: Connection, resource: string, { deadline, closing }: Pick<LockRequest, 'deadline' | 'closing'>): Promise<void> {
  for (;;) {
    const left = Math.max(0, Math.floor(deadline - performance.now()))
    const isTaken = await connection.lock(resource, Math.min(LONGEST_WAIT, left))
    stillOpen(closing)
    if (performance.now() >= deadline) throw tookTooLong()
    if (isTaken) return
  }
}

/** A connection with a transaction. What the transaction has locked is held as long as it is open. */
export class Pinned implements HeldLock {
  readonly connection: Connection
  readonly #pool: MssqlPool

  constructor (connection: Connection, pool: MssqlPool) {
    this.connection = connection
    this.#pool = pool
  }

  async isHeld (limit: number): Promise<boolean> {
    this.connection.extend(limit)
    const [[transactions] = []] = await this.connection.rows(selectTransactions())
    return Number(transactions) > 0
  }

  /** The lock is free when the transaction has been rolled back, which is the end of a {@link MssqlConnections.pin}. */
  async free (limit: number): Promise<void> {
    this.connection.extend(limit)
    await this.connection.rollBack()
  }

  close (): void {
    void this.connection.rollBack()
  }

  /** The pool reports a lost connection, but not which one. */
  onLost (listener: () => void): () => void {
    this.#pool.on('error', listener)
    return () => { this.#pool.removeListener?.('error', listener) }
  }
}
