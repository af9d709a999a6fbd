import type { HeldLock, SqlDatabase } from './database.js'
import { closed } from './closed.js'
import type { Attempts } from './attempts.js'
import { ofRead, StoreMisconfiguredError, StoreUnavailableError } from '../errors.js'
import { beginInTime } from '../exclusive.js'
import { tookTooLong, Turns } from '../turns.js'

/** How often the database is asked whether it still holds a lock, in milliseconds. */
const BEAT = 2000

/** What {@link ExclusiveWork} needs of its store. */
export interface ExclusiveOptions {
  /** The most connections of the pool. Half of them may hold a lock, so that the work can reach the database too. */
  readonly poolSize: number
  /** How long the database may take to answer whether it still holds a lock, in milliseconds. */
  readonly timeout: number
  /** What a caller gets for an error of the database. */
  readonly failure: (error: unknown) => unknown
}

/** Runs work while a connection of its own holds a lock in the database. */
export class ExclusiveWork<Connection> {
  readonly #database: SqlDatabase<Connection>
  readonly #attempts: Attempts<Connection>
  readonly #options: ExclusiveOptions
  /** In this process calls of one name wait here, where they hold no connection. */
  readonly #turns: Turns
  readonly #closing = new AbortController()
  readonly #ending = new AbortController()

  constructor (database: SqlDatabase<Connection>, attempts: Attempts<Connection>, options: ExclusiveOptions) {
    this.#database = database
    this.#attempts = attempts
    this.#options = options
    this.#turns = new Turns(options.poolSize >> 1)
  }

  /** Runs `work` when nobody else runs work of this name, see {@link SessionStore.exclusively}. */
  async run<T> (name: string, work: (lost: AbortSignal) => Promise<T>, deadline: number): Promise<T> {
    const { poolSize, failure } = this.#options
    if (poolSize < 2) {
      throw new StoreMisconfiguredError('Exclusive work holds a connection while it runs, and needs another to reach its session: give the pool of the sessions 2 connections or more, not 1')
    }
    const take = async (run: (lost: AbortSignal) => Promise<void>): Promise<void> => {
      await this.#turns.run(name, deadline, async () => { await this.#lock(name, deadline, run) }).catch((error: unknown) => { throw ofRead(failure(error)) })
    }
    const begun = await beginInTime(take, work, deadline, tookTooLong)
    if (begun === undefined) throw tookTooLong()
    await begun.isOver
    return await begun.result
  }

  /** Refuses whoever waits, and whoever comes from now on. What runs goes on until {@link end}. */
  close (): void {
    this.#closing.abort()
    this.#turns.close(() => ofRead(closed()) as Error)
  }

  /** Resolves when no work is running. */
  async settled (): Promise<void> {
    await this.#turns.settled()
  }

  /** Gives up the locks that are still held. */
  end (): void {
    this.#ending.abort()
  }

  async #lock (name: string, deadline: number, run: (lost: AbortSignal) => Promise<void>): Promise<void> {
    let hasBegun = false
    await this.#attempts.repeat(deadline, true, async limit => {
      try {
        await this.#database.lock(name, { deadline, limit, closing: this.#closing.signal }, async lock => {
          hasBegun = true
          await this.#whileHeld(lock, run)
        })
      } catch (error) {
        // Only freeing the lock can fail here. Closing the connection frees it anyway.
        if (!hasBegun) throw error
      }
    })
  }

  /** Runs `run`, and watches meanwhile that the lock is held. */
  async #whileHeld (lock: HeldLock, run: (lost: AbortSignal) => Promise<void>): Promise<void> {
    const lost = new AbortController()
    const lose = (why: string): void => {
      if (lost.signal.aborted) return
      lock.close()
      lost.abort(ofRead(new StoreUnavailableError(why)))
    }
    const onEnding = (): void => { lose('it was closed with the application before the exclusive work ended') }
    this.#ending.signal.addEventListener('abort', onEnding)
    const ask = async (): Promise<void> => {
      try {
        if (!await lock.isHeld(performance.now() + this.#options.timeout)) lose('the database no longer keeps others out')
      } catch {
        lose('the connection that kept others out was lost')
      }
    }
    let asking: Promise<void> | undefined
    const check = (): void => { asking ??= ask().finally(() => { asking = undefined }) }
    const timer = setInterval(check, BEAT).unref()
    const stopListening = lock.onLost(check)
    try {
      await run(lost.signal)
    } finally {
      clearInterval(timer)
      stopListening()
      this.#ending.signal.removeEventListener('abort', onEnding)
      await asking
      if (!lost.signal.aborted) await lock.free(performance.now() + this.#options.timeout)
    }
  }
}

/** Throws if the store closes, which ends the wait for a lock. */
export function stillOpen (closing: AbortSignal): void {
  if (closing.aborted) throw closed()
}
