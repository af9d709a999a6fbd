import { setTimeout as sleep } from 'node:timers/promises'
import { LostError, UnreachedError, type SqlDatabase } from './database.js'
import type { StoreReport } from '../diagnostics.js'
import { StoreUnavailableError } from '../errors.js'

/** How long a statement may take at least, in milliseconds, unless the store's timeout is shorter. */
const SHORTEST_LIMIT = 1500
/** How often work is tried at most. What the database has undone for one caller alone is tried until the deadline. */
const TRIES = 3
/** The pauses after failures of the connection double, from the shortest to the longest, in milliseconds. */
const SHORTEST_PAUSE = 20
const LONGEST_PAUSE = 500

/**
 * Runs work on a connection, and again after an error that passes.
 *
 * No attempt begins after the deadline of the caller. A statement that was sent shortly before gets a little more time, though
 * nobody waits for its answer: to give it up costs the connection, and a database that is merely slow would lose one
 * connection after another.
 */
export class Attempts<Connection> {
  readonly #database: SqlDatabase<Connection>
  readonly #shortestLimit: number
  readonly #report: StoreReport | undefined
  /** Failures of connections in a row, whoever had them. */
  #failures = 0

  /** @param timeout how long a call may take, in milliseconds */
  constructor (database: SqlDatabase<Connection>, timeout: number, report?: StoreReport) {
    this.#database = database
    this.#report = report
    this.#shortestLimit = Math.min(timeout, SHORTEST_LIMIT)
  }

  /** Runs `work` on a connection, see {@link repeat}. */
  async use<T> (deadline: number, isRepeatable: boolean, work: (connection: Connection) => Promise<T>, items = 1): Promise<T> {
    return await this.repeat(deadline, isRepeatable, async limit => await this.#database.use(limit, async connection => {
      if (performance.now() > deadline) throw new StoreUnavailableError('the pool had no free connection in time')
      return await work(connection)
    }), items)
  }

  /**
   * Runs `work`, and again if it was never begun, three times at most, or if it was undone: a deadlock on a row that many
   * processes write comes again and again, and there is no other way to save a single item.
   *
   * @param deadline when the caller stops waiting, in milliseconds of `performance.now()`
   * @param isRepeatable run it again, too, if its answer was lost
   * @param work gets the deadline of its statements
   * @param items how many it is for. What was undone for several is tried three times, and then by their callers one by one.
   */
  async repeat<T> (deadline: number, isRepeatable: boolean, work: (limit: number) => Promise<T>, items = 1): Promise<T> {
    for (let tries = 1; ; tries++) {
      try {
        const result = await work(Math.max(deadline, performance.now() + this.#shortestLimit))
        this.#failures = 0
        return result
      } catch (error) {
        const pause = this.#pauseAfter(error, tries, isRepeatable)
        const isLast = tries >= TRIES && (items > 1 || this.#database.kindOf(error) !== 'undone')
        if (pause === undefined || isLast || performance.now() + pause >= deadline) throw error
        this.#report?.retry(tries, pause, error)
        await sleep(pause)
      }
    }
  }

  /** How long to wait for the next try, in milliseconds; undefined if the error will not pass soon. */
  #pauseAfter (error: unknown, tries: number, isRepeatable: boolean): number | undefined {
    if (this.#database.kindOf(error) === 'undone') return Math.min(LONGEST_PAUSE, tries * (10 + Math.random() * 40))
    if (error instanceof UnreachedError || error instanceof LostError) this.#failures++
    if (!(error instanceof UnreachedError || (isRepeatable && error instanceof LostError))) return undefined
    // Some servers lock an account after a few wrong passwords.
    if (this.#database.kindOf(error.cause) === 'refused') return undefined
    return Math.min(LONGEST_PAUSE, SHORTEST_PAUSE * 2 ** this.#failures) * (0.5 + Math.random() / 2)
  }
}
