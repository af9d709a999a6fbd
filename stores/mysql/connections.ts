import { setTimeout as sleep } from 'node:timers/promises'
import { Connection, IN_TRANSACTION, type Origin } from './connection.js'
import { errorNumber, isRefusedForGood, isWrongOption, kindOf, needsEncryption } from './errors.js'
import type { MysqlConnection, OpenedPool } from './pool.js'
import { SharedUse } from './shared-use.js'
import { Trust } from './trust.js'
import { StoreMisconfiguredError, withoutTokens } from '../errors.js'
import { LostError, UnreachedError } from '../sql/database.js'

/** The flag that says that each statement is a transaction of its own. */
const AUTOCOMMIT = 2

/**
 * A statement that does nothing. The answer to it has the flags of the connection, which the driver does not tell with the
 * rows of a SELECT.
 */
const NOTHING = 'DO 0'

/**
 * Connections of a pool, lent for a while.
 *
 * Connections of a pool of the store's own are as the store left them. Those of a shared pool may have an open transaction,
 * whose snapshot every read would see, or autocommit switched off. So a connection that somebody else may have used since
 * is asked for its flags first, which costs one statement that does nothing.
 */
export class MysqlConnections {
  readonly #opened: OpenedPool
  readonly #trust = new Trust()
  readonly #origin: Origin
  readonly #shared: SharedUse | undefined
  readonly #seen = new WeakSet<object>()
  /** The statement that each connection of the store's own is set up with. */
  #setup: string | undefined
  readonly #setUp = new WeakSet<object>()
  readonly #onConnection = (connection: object): void => { this.#opens(connection) }

  constructor (opened: OpenedPool) {
    this.#opened = opened
    this.#shared = opened.isOwn ? undefined : new SharedUse(opened.pool)
    this.#origin = {
      pool: opened.pool,
      trust: this.#trust,
      typeCast: opened.typeCast,
      release: connection => {
        this.#trust.used(connection)
        if (this.#shared !== undefined) return this.#shared.release(connection)
        // While it is idle it keeps no process alive whose application is never closed.
        connection.stream?.unref?.()
        connection.release()
      }
    }
    opened.pool.on?.('connection', this.#onConnection)
  }

  /** From now on every connection is set up with a statement, once. For a pool of the store's own. */
  setUpWith (statement: string | undefined): void {
    this.#setup = statement
  }

  /**
   * Lends a connection to `work`. Rejects with {@link UnreachedError} if there is none.
   *
   * @param deadline when it, or its statement, is given up, in milliseconds of `performance.now()`
   */
  async use<T> (deadline: number, work: (connection: Connection) => Promise<T>): Promise<T> {
    const connection = await this.#usable(deadline)
    try {
      return await work(connection)
    } finally {
      await connection.giveBack()
    }
  }

  /** Closes the pool if the store opened it. */
  async close (): Promise<void> {
    const { pool, isOwn } = this.#opened
    this.#shared?.close()
    pool.removeListener?.('connection', this.#onConnection)
    // Its error says that a connection is gone already, or never came.
    if (isOwn) await new Promise<void>(resolve => pool.end(() => resolve()))
  }

  /** Takes connections until one is as it should be; the others are closed. */
  async #usable (deadline: number): Promise<Connection> {
    let flags = AUTOCOMMIT
    for (let tries = 0; tries <= this.#opened.size; tries++) {
      await this.#pause(deadline)
      const { connection: raw, isClean } = await this.#take(deadline)
      if (!this.#seen.has(raw)) {
        this.#seen.add(raw)
        if (this.#opened.pool.on === undefined) this.#opens(raw)
      }
      if (!this.#trust.isTrusted(raw)) {
        raw.destroy()
        continue
      }
      const connection = new Connection(raw, this.#origin, deadline)
      flags = await this.#prepare(connection, raw, isClean)
      if ((flags & (AUTOCOMMIT | IN_TRANSACTION)) === AUTOCOMMIT) return connection
      connection.spoil()
      await connection.giveBack()
    }
    if ((flags & AUTOCOMMIT) === 0) {
      throw new StoreMisconfiguredError('The connections of the pool have autocommit off, so nothing would be saved. Give the sessions a pool of their own')
    }
    throw new UnreachedError('the pool has no connection without an open transaction')
  }

  /** The connection's flags: somebody may have left it in a state that the store cannot use. */
  async #prepare (connection: Connection, raw: MysqlConnection, isClean: boolean): Promise<number> {
    try {
      if (this.#setup !== undefined && !this.#setUp.has(raw)) {
        await connection.command(this.#setup)
        this.#setUp.add(raw)
      }
      if (this.#shared === undefined || isClean) return AUTOCOMMIT
      return (await connection.command(NOTHING)).serverStatus ?? 0
    } catch (error) {
      connection.spoil()
      await connection.giveBack()
      // The work that the connection was taken for has not begun.
      if (error instanceof LostError) throw new UnreachedError(error.message, { cause: error.cause })
      if (errorNumber(error) === 0) throw error
      // A kill that was meant for the previous statement may be the cause, or a setting that somebody left on a shared connection.
      const passes = this.#shared === undefined ? kindOf(error) !== 'failed' : !isRefusedForGood(error)
      if (passes) throw new UnreachedError(`a connection of the pool cannot be used: ${withoutTokens(error).message}`)
      throw new StoreMisconfiguredError(`The server does not accept "${this.#setup ?? NOTHING}" (${withoutTokens(error).message}). ${this.#shared === undefined ? '' : 'Give the sessions a URL or options in place of a pool, so that they have connections of their own'}`)
    }
  }

  async #pause (deadline: number): Promise<void> {
    const { pause } = this.#trust
    if (pause === 0) return
    if (performance.now() + pause >= deadline) throw new UnreachedError('the server is read-only')
    await sleep(pause)
  }

  #take (deadline: number): Promise<{ connection: MysqlConnection, isClean: boolean }> {
    return new Promise((resolve, reject) => {
      let isLate = false
      const timer = setTimeout(() => {
        isLate = true
        reject(new UnreachedError('the pool had no free connection in time'))
      }, Math.max(1, deadline - performance.now()))
      const taken = (error: Error | null, connection: MysqlConnection, isClean: boolean) => {
        clearTimeout(timer)
        if (error) reject(unreached(error))
        else if (isLate) connection.release()
        else resolve({ connection, isClean })
      }
      try {
        if (this.#shared === undefined) {
          this.#opened.pool.getConnection((error, connection) => {
            if (!error) connection.stream?.ref?.()
            taken(error, connection, true)
          })
        } else {
          this.#shared.take(taken)
        }
      } catch (error) {
        // A wrong option, like the port 99999, is thrown here.
        clearTimeout(timer)
        reject(unreached(error))
      }
    })
  }

  #opens (connection: object): void {
    this.#trust.opened(connection)
  }
}

function unreached (error: unknown): Error {
  if (needsEncryption(error)) return new StoreMisconfiguredError(`${withoutTokens(error).message.replace(/\.$/, '')}. Add ssl: {} to the options, or ?ssl={} to the URL`)
  if (isWrongOption(error)) return new StoreMisconfiguredError(`mysql2 cannot open a connection with these options: ${withoutTokens(error).message}`)
  return new UnreachedError('it cannot be reached', { cause: error })
}
