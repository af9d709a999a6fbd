import { inTime } from '../deadline.js'
import { Connection, noAnswer } from './connection.js'
import { failureOf } from './errors.js'
import { Pinned } from './app-lock.js'
import type { DriverTransaction, MssqlPool, OpenedPool } from './pool.js'
import { CommitLostError, LostError, UnreachedError } from '../sql/database.js'

/** Connections of a pool, lent until a deadline. Deadlines are milliseconds of `performance.now()`. */
export class MssqlConnections {
  readonly #opened: OpenedPool
  #wasConnected = false
  #connecting: Promise<unknown> | undefined

  constructor (opened: OpenedPool) {
    this.#opened = opened
  }

  /** Lends the pool: each statement takes a connection of its own. Rejects with {@link UnreachedError} if there is none. */
  async use<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    await this.#connect(deadline)
    return await work(new Connection(this.#opened, deadline))
  }

  /** Lends a connection with a transaction. Commits after `work`; rolls back if it rejects. Rejects with {@link CommitLostError} too. */
  async transact<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const transaction = await this.#begin(deadline)
    const result = await this.#orRollBack(transaction, deadline, work)
    try {
      await inTime(transaction.commit(), deadline, noAnswer)
    } catch (error) {
      const failure = failureOf(error)
      throw failure instanceof LostError ? new CommitLostError(failure.message, { cause: failure.cause }) : failure
    }
    return result
  }

  /**
   * Lends a connection with a transaction that is rolled back at the end: the driver lends the same connection for several
   * requests only in a transaction, and all that the transaction has locked is free with it, however it ends.
   */
  async pin (deadline: number, work: (pinned: Pinned) => Promise<void>): Promise<void> {
    const transaction = await this.#begin(deadline)
    const pinned = new Pinned(new Connection(this.#opened, deadline, transaction), this.#opened.pool)
    try {
      await work(pinned)
    } finally {
      await pinned.connection.rollBack()
    }
  }

  /** Closes the pool. The driver does not close a pool that is connecting, so this waits for it. */
  async close (): Promise<void> {
    await this.#connecting?.catch(() => {})
    await this.#opened.pool.close()
  }

  /** Connects the pool before its first request, and again after a failure: the driver does neither by itself. */
  async #connect (deadline: number): Promise<void> {
    const { pool } = this.#opened
    if (!isConnected(pool)) {
      if (this.#wasConnected) throw new UnreachedError('its pool was closed by the application')
      this.#connecting = pool.connect()
      try {
        await inTime(this.#connecting, deadline, noAnswer)
      } catch (error) {
        throw new UnreachedError('it cannot be reached', { cause: error })
      }
    }
    this.#wasConnected = true
  }

  async #begin (deadline: number): Promise<DriverTransaction> {
    await this.#connect(deadline)
    const { driver, pool } = this.#opened
    const transaction = new driver.Transaction(pool)
    const begun = transaction.begin(driver.ISOLATION_LEVEL.READ_COMMITTED)
    // A transaction that begins after the deadline must not keep its connection.
    const giveUp = () => { begun.then(async () => await transaction.rollback()).catch(() => {}) }
    try {
      await inTime(begun, deadline, () => noAnswer(giveUp))
    } catch (error) {
      throw new UnreachedError('it cannot be reached', { cause: error })
    }
    return transaction
  }

  async #orRollBack<T> (transaction: DriverTransaction, deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = new Connection(this.#opened, deadline, transaction)
    try {
      return await work(connection)
    } catch (error) {
      await connection.rollBack()
      // Without a COMMIT the server undoes what a lost connection has begun.
      throw error instanceof LostError ? new UnreachedError(error.message, { cause: error.cause }) : error
    }
  }
}

function isConnected (pool: MssqlPool): boolean {
  return 'connected' in pool && pool.connected === true
}
