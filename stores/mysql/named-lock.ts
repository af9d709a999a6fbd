import { setTimeout as sleep } from 'node:timers/promises'
import type { Abilities } from './abilities.js'
import type { Connection } from './connection.js'
import { kindOf } from './errors.js'
import { IS_READ_ONLY } from './statements.js'
import { StoreMisconfiguredError, withoutTokens } from '../errors.js'
import { UnreachedError, type HeldLock, type LockRequest } from '../sql/database.js'
import { stillOpen } from '../sql/exclusive.js'
import { tookTooLong } from '../turns.js'

/** How long one statement waits for the lock, in seconds. Between two the store can be closed. */
const LONGEST_WAIT = 2
/** How often a lock is asked for when less than a second is left to wait for it, in milliseconds. */
const POLL = 50
/**
 * How long the server keeps the connection of a machine that has vanished, and with it the lock, in seconds. The connection is
 * used more often than that. Otherwise that would be wait_timeout: eight hours.
 */
const IDLE_LIMIT = 60

/** A lock of the server's by its name, GET_LOCK, on one connection. */
export class NamedLock implements HeldLock {
  readonly #connection: Connection
  readonly #name: string
  readonly #readOnly: string
  /** The connection's own wait_timeout, in seconds. */
  #idleLimit = IDLE_LIMIT

  /** @param name without quotes and backslashes */
  constructor (connection: Connection, name: string, { watchesReadOnly }: Pick<Abilities, 'watchesReadOnly'>) {
    this.#connection = connection
    this.#name = name
    this.#readOnly = watchesReadOnly ? IS_READ_ONLY : '0'
  }

  /** Waits until it holds the lock. Throws `FST_SESSION_STORE_UNAVAILABLE` if that is not before the deadline. */
  async take ({ deadline, closing }: Pick<LockRequest, 'deadline' | 'closing'>): Promise<void> {
    for (;;) {
      const seconds = Math.max(0, Math.min(LONGEST_WAIT, Math.floor((deadline - performance.now()) / 1000)))
      const isTaken = await this.tryToTake(seconds)
      const left = deadline - performance.now()
      if (isTaken && left > 0 && !closing.aborted) return await this.#limitIdleness(IDLE_LIMIT)
      if (isTaken) await this.#release()
      stillOpen(closing)
      if (left <= 0) throw tookTooLong()
      if (seconds === 0) await sleep(Math.min(POLL, left))
    }
  }

  /** Whether it could take the lock within so many seconds. */
  async tryToTake (seconds: number): Promise<boolean> {
    const [[got, idleLimit, isReadOnly] = []] = await this.#connection.query(`SELECT GET_LOCK('${this.#name}', ${seconds}), @@SESSION.wait_timeout, ${this.#readOnly}`)
    // After a failover it may be the former primary.
    if (Number(isReadOnly) !== 0) this.#connection.leaveReadOnly()
    this.#idleLimit = Number(idleLimit)
    if (got === null) throw new UnreachedError('the wait for a lock was ended by somebody else')
    return Number(got) === 1
  }

  async isHeld (limit: number): Promise<boolean> {
    this.#connection.extend(limit)
    const [[isOurs, isReadOnly] = []] = await this.#connection.query(`SELECT IS_USED_LOCK('${this.#name}') = CONNECTION_ID(), ${this.#readOnly}`)
    return Number(isOurs) === 1 && Number(isReadOnly) === 0
  }

  async free (limit: number): Promise<void> {
    this.#connection.extend(limit)
    try {
      await this.#release()
      if (this.#idleLimit > IDLE_LIMIT) await this.#connection.command(`SET SESSION wait_timeout = ${this.#idleLimit}`)
    } catch (error) {
      this.close()
      throw error
    }
  }

  close (): void {
    this.#connection.close()
  }

  onLost (listener: () => void): () => void {
    return this.#connection.onLost(listener)
  }

  async #release (): Promise<void> {
    const [[isReleased] = []] = await this.#connection.query(`SELECT RELEASE_LOCK('${this.#name}')`)
    if (Number(isReleased) !== 1) this.#connection.spoil()
  }

  async #limitIdleness (seconds: number): Promise<void> {
    if (this.#idleLimit > seconds) await this.#connection.command(`SET SESSION wait_timeout = ${seconds}`)
  }
}

/**
 * Tests with two connections whether the lock of one keeps the other out. Throws `FST_SESSION_STORE_MISCONFIGURED` if the
 * server is known not to do so, or does not.
 */
export async function checkLocks (first: Connection, second: Connection, name: string, abilities: Abilities, limit: number): Promise<void> {
  const { version, locksAreLocalTo } = abilities
  if (locksAreLocalTo !== undefined) {
    throw new StoreMisconfiguredError(`Exclusive work cannot keep other processes out: the server (${version}) is ${locksAreLocalTo}, and GET_LOCK holds on one of its nodes alone. Do without exclusive work, or keep the sessions on a server with one primary`)
  }
  const [holder, other] = [new NamedLock(first, name, abilities), new NamedLock(second, name, abilities)]
  try {
    // Last it is asked whether it is held: if the holder was lost in between, this rejects.
    const answers = [await holder.tryToTake(0), await other.tryToTake(0), await holder.isHeld(limit)]
    if (answers.join() === 'true,false,true') return await holder.free(limit)
    other.close()
    holder.close()
  } catch (error) {
    holder.close()
    if (kindOf(error) !== 'failed') throw error
    throw new StoreMisconfiguredError(`Exclusive work needs GET_LOCK and IS_USED_LOCK, which the server (${version}) does not carry out: ${withoutTokens(error).message}`)
  }
  throw new StoreMisconfiguredError(`Exclusive work cannot keep other processes out: a lock that one connection has taken with GET_LOCK does not keep another one out (the server is ${version}). Does the pool reach several servers?`)
}
