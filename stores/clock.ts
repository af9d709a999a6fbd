import type { SessionStore } from './store.js'

/** A store that also tells its database's time between two answers. All stores of this package do. */
export interface TimedStore extends SessionStore {
  /** The database's time now, in milliseconds since 1970 UTC; undefined before its first answer. */
  now (): number | undefined
}

export function isTimed (store: SessionStore): store is TimedStore {
  return 'now' in store && typeof store.now === 'function'
}

/**
 * The time of the database, carried on between two of its answers by the process's monotonic clock, so that neither a
 * wrong nor a changing system clock makes a session live longer or shorter.
 */
export class Clock {
  #offset: number | undefined

  /** Notes an answer: the database's time, in milliseconds since 1970 UTC. */
  set (now: number): void {
    this.#offset = now - performance.now()
  }

  /** The database's time now, in milliseconds since 1970 UTC; undefined before its first answer. */
  now (): number | undefined {
    return this.#offset === undefined ? undefined : this.#offset + performance.now()
  }
}
