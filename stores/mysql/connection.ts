import { errorNumber, isFromReadOnlyServer, isUnderTableLock, isWrongOption } from './errors.js'
import { kill } from './kill.js'
import type { MysqlCallbackPool, MysqlConnection, MysqlStatement } from './pool.js'
import type { Statement } from './statements.js'
import type { Trust } from './trust.js'
import { StoreMisconfiguredError, withoutTokens } from '../errors.js'
import { LostError, UnreachedError } from '../sql/database.js'

/** The answer to a statement that returns no rows. */
export interface Done {
  readonly affectedRows: number
  /** A string beyond 2^53. */
  readonly insertId: number | string
  /** Flags of the connection after the statement. */
  readonly serverStatus?: number
}

/** The flag of {@link Done.serverStatus} that says that a transaction is open. */
export const IN_TRANSACTION = 1

/** What a connection needs of the pool that it comes from. */
export interface Origin {
  readonly pool: MysqlCallbackPool
  readonly trust: Trust
  /** How the driver converts values: `true`, or a function if the pool has one of its own. */
  readonly typeCast: MysqlStatement['typeCast']
  release (connection: MysqlConnection): void
}

/** One connection, while it is lent. */
export class Connection {
  readonly #connection: MysqlConnection
  readonly #origin: Origin
  #deadline: number
  /** Its statements are part of the store's own transaction. */
  inTransaction = false
  /** Its state is not known, or is not as it should be. */
  #isSpoilt = false
  #killing: Promise<boolean> | undefined

  /** @param deadline when its statements are given up, in milliseconds of `performance.now()` */
  constructor (connection: MysqlConnection, origin: Origin, deadline: number) {
    this.#connection = connection
    this.#origin = origin
    this.#deadline = deadline
  }

  /** Until the deadline, in milliseconds. */
  get timeLeft (): number {
    return this.#deadline - performance.now()
  }

  /**
   * Rows of a prepared statement.
   *
   * @param killAfter after how many milliseconds the statement is killed; default never
   */
  async rows (statement: Statement, killAfter?: number): Promise<unknown[][]> {
    // The driver's answer to a SELECT.
    return await this.#send('execute', statement, killAfter) as unknown[][]
  }

  /** What a prepared statement did. Rejects with {@link UnreachedError} if somebody else's transaction is open on the connection. */
  async run (statement: Statement, killAfter?: number): Promise<Done> {
    // The driver's answer to a write.
    const done = await this.#send('execute', statement, killAfter) as Done
    if (this.inTransaction || !isInTransaction(done)) return done
    // Nobody will commit it. The server rolls it back with the connection.
    this.#isSpoilt = true
    throw new UnreachedError('a connection of the pool has a transaction open that somebody else began')
  }

  /** Rows of a statement that is not worth preparing and has no values. */
  async query (sql: string): Promise<unknown[][]> {
    return await this.#send('query', { sql, values: [] }) as unknown[][]
  }

  /** What a statement did that is not worth preparing and has no values. */
  async command (sql: string): Promise<Done> {
    return await this.#send('query', { sql, values: [] }) as Done
  }

  /** The connection is closed rather than given back. */
  spoil (): void {
    this.#isSpoilt = true
  }

  /** A read found that the server is read-only. Rejects with {@link UnreachedError} unless there is nothing better. */
  noteReadOnly (): void {
    if (this.#origin.trust.readFromReadOnly(this.#connection)) return
    this.#isSpoilt = true
    throw new UnreachedError('a connection leads to a server that is read-only')
  }

  /** Its next statement is given up at another deadline, in milliseconds of `performance.now()`. */
  extend (deadline: number): void {
    this.#deadline = deadline
  }

  /** Closes the connection at once. */
  close (): void {
    this.#isSpoilt = true
    this.#connection.destroy()
  }

  /** Calls back when the connection is lost, also while no statement is under way. Returns a function that ends this. */
  onLost (listener: () => void): () => void {
    const events = ['end', 'error']
    for (const event of events) this.#connection.on?.(event, listener)
    return () => { for (const event of events) this.#connection.removeListener?.(event, listener) }
  }

  /** It leads to a server that is read-only, where nothing can be done. Rejects with {@link UnreachedError}. */
  leaveReadOnly (): never {
    this.#isSpoilt = true
    this.#origin.trust.refusedWrite(this.#connection)
    throw new UnreachedError('a connection leads to a server that is read-only')
  }

  /** Returns the connection to the pool, or closes it. */
  async giveBack (): Promise<void> {
    await this.#killed()
    if (this.#isSpoilt) this.#connection.destroy()
    else this.#origin.release(this.#connection)
  }

  async #send (method: 'query' | 'execute', { sql, values }: Statement, killAfter?: number): Promise<unknown> {
    if (this.#killing !== undefined) {
      await this.#killed()
      if (this.#isSpoilt) throw new LostError('a statement before may still be killed')
    }
    const { timeLeft } = this
    let killer: NodeJS.Timeout | undefined
    let timer: NodeJS.Timeout | undefined
    try {
      return await new Promise((resolve, reject) => {
        let isOver = false
        timer = setTimeout(() => {
          isOver = true
          reject(new LostError('no answer in time'))
        }, Math.max(1, timeLeft))
        if (killAfter !== undefined && killAfter < timeLeft) killer = setTimeout(() => { this.#kill(sql, () => isOver) }, killAfter)
        const statement: MysqlStatement = { sql, values, rowsAsArray: true, typeCast: this.#origin.typeCast, nestTables: false }
        this.#connection[method](statement, (error, result) => {
          isOver = true
          if (error) reject(error)
          else resolve(result)
        })
      })
    } catch (error) {
      throw this.#meaning(error)
    } finally {
      clearTimeout(timer)
      clearTimeout(killer)
    }
  }

  /** What an error of a statement says, about the connection too. */
  #meaning (error: unknown): unknown {
    const isOfServer = errorNumber(error) > 0 && !(error instanceof Error && 'fatal' in error && error.fatal === true)
    if (isFromReadOnlyServer(error)) {
      this.#isSpoilt = true
      this.#origin.trust.refusedWrite(this.#connection)
      return new UnreachedError('a connection leads to a server that is read-only', { cause: error })
    }
    if (isUnderTableLock(error)) {
      this.#isSpoilt = true
      return new UnreachedError('a connection of the pool has tables locked that somebody else locked', { cause: error })
    }
    if (isOfServer) return error
    this.#isSpoilt = true
    if (isWrongOption(error)) return new StoreMisconfiguredError(`mysql2 cannot send a statement: ${withoutTokens(error).message}`)
    this.#origin.trust.lost(this.#connection)
    // The driver cannot take a statement back, so the connection is closed with it.
    this.#connection.destroy()
    return error instanceof LostError ? error : new LostError('the connection was lost', { cause: error })
  }

  #kill (sql: string, isOver: () => boolean): void {
    const { threadId } = this.#connection
    if (threadId === null) return
    kill(this.#origin.pool, threadId, sql, isOver, Math.max(1, this.timeLeft), killing => { this.#killing = killing })
  }

  /** A kill that is still on its way could hit the next statement. */
  async #killed (): Promise<void> {
    if (this.#killing === undefined) return
    this.#isSpoilt ||= !await this.#killing
    this.#killing = undefined
  }
}

export function isInTransaction ({ serverStatus = 0 }: Done): boolean {
  return (serverStatus & IN_TRANSACTION) !== 0
}
