import type { SessionStore } from './store.js'

/** A store that also tells its database's time between two answers. All stores of this package do. */
export interface TimedStore extends SessionStore {
  /** The database's time now, in milliseconds since 1970 UTC; undefined before its first answer. */
  now (): number | undefined
  /** The option of that name, if the store was made with one: how long a request waits for it, in milliseconds. */
  readonly storeTimeout?: number
  /**
   * Says whether the keys of rows are hashes of tokens. Then the store's events name sessions as the plugin does; until it is
   * called they have ids that find no row.
   */
  keysAreHashes? (areHashes: boolean): void
}

export function isTimed (store: SessionStore): store is TimedStore {
  return 'now' in store && typeof store.now === 'function'
}

/**
 * The database's time, carried on from its last answer by the process's monotonic clock. A wrong or changing system clock
 * thus makes no session live longer or shorter.
 *
 * The monotonic clock stands still while a machine or its virtual machine is suspended, and the system clock does not. When
 * the two have parted, the carried time is not trusted.
 */
export class Clock {
  /** How far the database's time is ahead of the monotonic clock, in milliseconds. */
  #offset: number | undefined
  /** How far the system clock was ahead of the monotonic clock at that moment, in milliseconds. */
  #systemOffset = 0

  /** Notes an answer: the database's time, in milliseconds since 1970 UTC. */
  set (now: number): void {
    this.#offset = now - performance.now()
    this.#systemOffset = systemOffset()
  }

  /**
   * The database's time now, in milliseconds since 1970 UTC. Undefined before its first answer, and after the machine was
   * suspended or its system clock was set: ask the database.
   */
  now (): number | undefined {
    if (this.#offset === undefined || Math.abs(systemOffset() - this.#systemOffset) > TOLERANCE) return undefined
    return this.#offset + performance.now()
  }
}

/** What the two clocks may drift apart between two answers of the database, in milliseconds. */
const TOLERANCE = 1000

function systemOffset (): number {
  return Date.now() - performance.now()
}
