import { hash } from 'node:crypto'
import type { Stored } from './stored.js'
import { StoreMisconfiguredError } from '../errors.js'
import type { SessionStore } from '../../stores/store.js'

/** The locks of sessions, across processes. */
export class Locks {
  readonly #store: SessionStore

  constructor (store: SessionStore) {
    this.#store = store
  }

  /** The name of a session's lock. It is no secret: databases show the names of locks. */
  nameOf ({ row: { key } }: Stored): string {
    return `session ${hash('sha256', `lock:${key}`, 'base64url')}`
  }

  /** Throws `FST_SESSION_STORE_MISCONFIGURED` for a store that cannot keep others out. */
  check (): void {
    if (this.#store.exclusively === undefined) throw new StoreMisconfiguredError('session.exclusive needs a store with the method exclusively, and this store has none. The stores of this package have it')
  }

  /** Runs work while nobody else holds the lock. Waits for it up to `timeout` milliseconds. */
  async hold<T> (name: string, work: (lost: AbortSignal) => Promise<T>, timeout: number): Promise<T> {
    this.check()
    return await (this.#store as Required<SessionStore>).exclusively(name, work, timeout)
  }
}
