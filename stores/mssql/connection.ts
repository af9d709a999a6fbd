import { inTime } from '../deadline.js'
import { failureOf, OPEN_TRANSACTION, OpenTransactionError } from './errors.js'
import type { DriverRequest, DriverTransaction, OpenedPool } from './pool.js'
import { LostError, UnreachedError } from '../sql/database.js'
import type { Statement } from './statements.js'

/** A pool, or a connection of it with a transaction, while it is lent. */
export class Connection {
  readonly #opened: OpenedPool
  #deadline: number
  readonly #transaction: DriverTransaction | undefined
  #last: Promise<unknown> | undefined

  constructor (opened: OpenedPool, deadline: number, transaction?: DriverTransaction) {
    this.#opened = opened
    this.#deadline = deadline
    this.#transaction = transaction
  }

  /** Sends a statement, and returns the rows of its last result. */
  async rows ({ text, parameters }: Statement): Promise<unknown[][]> {
    const guard = this.#opened.isOwn ? '' : guardFor(this.#transaction === undefined ? 0 : 1)
    return await this.#repeatIfOpen(async () => await this.rowsAsItIs({ text: guard + text, parameters }))
  }

  /** The same on a connection as its last user left it. */
  async rowsAsItIs ({ text, parameters }: Statement): Promise<unknown[][]> {
    const { recordsets } = await this.#send(async request => {
      request.arrayRowMode = true
      for (const { name, type, value } of parameters) request.input(name, type(this.#opened.driver), value)
      return await request.query(text)
    })
    return recordsets.at(-1) ?? []
  }

  /**
   * Takes an application lock until the transaction ends. Returns false if somebody else holds it.
   *
   * @param timeout how long to wait for it, in milliseconds
   */
  async lock (resource: string, timeout: number): Promise<boolean> {
    const { driver } = this.#opened
    const { returnValue = -1 } = await this.#send(async request => {
      request.input('Resource', driver.NVarChar(255), resource)
      request.input('LockMode', driver.NVarChar(32), 'Exclusive')
      request.input('LockOwner', driver.NVarChar(32), 'Transaction')
      request.input('LockTimeout', driver.Int, timeout)
      return await request.execute('sp_getapplock')
    })
    if (returnValue < -1) throw new UnreachedError(`the wait for a lock was ended by the server (${returnValue})`)
    return returnValue >= 0
  }

  /** Its next statement is given up at another deadline, in milliseconds of `performance.now()`. */
  extend (deadline: number): void {
    this.#deadline = deadline
  }

  /** Rolls the transaction back. A deadlock's victim has none any more, nor has a lost connection, so it never rejects. */
  async rollBack (): Promise<void> {
    const undo = async () => {
      // The driver refuses a rollback while a request runs. A cancelled request runs until the server has confirmed the cancel.
      await this.#last?.catch(() => {})
      await this.#transaction?.rollback()
    }
    await inTime(undo(), this.#deadline, noAnswer).catch(() => {})
  }

  /** Repeats a statement that met an open transaction: it did nothing, and rolled that transaction back. */
  async #repeatIfOpen<T> (send: () => Promise<T>): Promise<T> {
    for (;;) {
      try {
        return await send()
      } catch (error) {
        const isRepeatable = error instanceof OpenTransactionError && this.#transaction === undefined && performance.now() < this.#deadline
        if (!isRepeatable) throw error
      }
    }
  }

  async #send<T> (ask: (request: DriverRequest) => Promise<T>): Promise<T> {
    const { driver, pool } = this.#opened
    const request = new driver.Request(this.#transaction ?? pool, { requestTimeout: Math.max(1, Math.ceil(this.#deadline - performance.now())) })
    // A pool may have the option `stream`: then a request would give no rows.
    request.stream = false
    const answer = ask(request)
    this.#last = answer
    try {
      // A request that still waits for a connection must not be sent later.
      return await inTime(answer, this.#deadline + GRACE, () => noAnswer(() => request.cancel()))
    } catch (error) {
      throw failureOf(error)
    }
  }
}

/** The driver's own timeout comes so many milliseconds earlier. It cancels the statement on the server. */
const GRACE = 500

/**
 * What precedes each statement on a pool that the application uses too. The driver hands on a connection as its last user
 * left it. These settings end with the statement: then the connection is again as it was.
 *
 * A transaction that somebody left open would never be committed. THROW rolls it back where XACT_ABORT is ON.
 * https://learn.microsoft.com/sql/t-sql/language-elements/throw-transact-sql
 */
function guardFor (transactions: number): string {
  return 'SET XACT_ABORT ON; SET IMPLICIT_TRANSACTIONS OFF; SET ROWCOUNT 0; SET TEXTSIZE 2147483647; SET LOCK_TIMEOUT -1; ' +
    'SET TRANSACTION ISOLATION LEVEL READ COMMITTED; ' +
    `IF @@TRANCOUNT <> ${transactions} THROW ${OPEN_TRANSACTION}, 'fastify-sql-sessions found an open transaction', 1; `
}

/** What a caller gets after its deadline. @param giveUp ends the work that nobody waits for any more */
export function noAnswer (giveUp?: () => unknown): LostError {
  giveUp?.()
  return new LostError('no answer in time')
}
