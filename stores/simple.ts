import { isSeen } from './successor.js'
import type { ChangedSession, Found, NewSession, Outcome, SessionStore, StoredSession, TouchedSession, Write } from './store.js'

/**
 * A store with no more than what SCS asks of one. It is accepted, but it cannot check and write in one step: of two
 * requests that change one session at once the last write wins, and a session that ends while a request is changing it
 * can come back. Implement {@link SessionStore} for a store that keeps the plugin's promises.
 */
export interface SimpleStore {
  /** The data of a live session, or null. */
  find (token: string): Promise<Uint8Array | null>
  /** Writes a session, new or not, that shall live until `expiry`. */
  commit (token: string, data: Uint8Array, expiry: Date): Promise<void>
  /** Deletes a session. An unknown token is no error. */
  delete (token: string): Promise<void>
}

export function isStore (value: unknown): value is SessionStore {
  return hasMethods(value, ['open', 'find', 'insert', 'update', 'touch', 'delete', 'rewrite', 'scan', 'deleteExpired', 'stopCleanup', 'close'])
}

export function isSimpleStore (value: unknown): value is SimpleStore {
  return !isStore(value) && hasMethods(value, ['find', 'commit', 'delete'])
}

/** A {@link SessionStore} on a {@link SimpleStore}: last write wins. */
export function simpleStore (store: SimpleStore): SessionStore {
  return new LastWriteWins(store)
}

/** A store of this kind does not say when a session expires. What this process has not written itself, it touches soon. */
const UNKNOWN_TTL = 0
/** Of so many sessions this process remembers when they expire. */
const MOST_EXPIRIES = 10_000

class LastWriteWins implements SessionStore {
  readonly #store: SimpleStore
  /** When the sessions expire that this process has written lately, by `performance.now()`. The latest written come last. */
  readonly #expiries = new Map<string, number>()

  constructor (store: SimpleStore) {
    this.#store = store
  }

  async open (): Promise<number> {
    return Date.now()
  }

  async find (tokens: readonly string[]): Promise<Found> {
    const found = await Promise.all(tokens.map(token => this.#store.find(token)))
    const sessions = tokens.flatMap((token, i): StoredSession[] => {
      const data = found[i]
      return data ? [{ token, data, ttl: this.#ttl(token) }] : []
    })
    return { now: Date.now(), sessions }
  }

  async insert ({ token, data, ttl }: NewSession): Promise<boolean> {
    await this.#store.commit(token, data, new Date(Date.now() + ttl))
    this.#noteExpiry(token, performance.now() + ttl)
    return true
  }

  async update (session: ChangedSession): Promise<Outcome> {
    const { now, sessions: [newest] } = await this.find([session.token])
    if (newest === undefined) return { kind: 'gone' }
    if (!isSeen(newest.data, session.seen)) return { kind: 'changed', now, session: newest }
    await this.insert(session)
    return { kind: 'saved' }
  }

  async touch ({ token, seen, ttl }: TouchedSession): Promise<void> {
    const { sessions: [newest] } = await this.find([token])
    if (newest !== undefined && isSeen(newest.data, seen)) await this.insert({ token, data: newest.data, ttl })
  }

  async delete (token: string): Promise<void> {
    await this.#store.delete(token)
  }

  async rewrite (tokens: readonly string[], decide: (found: Found) => readonly Write[]): Promise<void> {
    const writes = decide(await this.find(tokens))
    // Write first and delete last, so that a failure in between loses nothing.
    for (const write of writes) if (write.kind === 'insert' || write.kind === 'update') await this.insert(write.session)
    for (const write of writes) if (write.kind === 'move' || write.kind === 'delete') await this.#store.delete(write.token)
  }

  async * scan (): AsyncIterable<StoredSession> {
    throw new Error('This store has no more than find, commit and delete, and cannot list its sessions')
  }

  async deleteExpired (): Promise<number> {
    return 0
  }

  stopCleanup (): void {}

  async close (): Promise<void> {}

  #ttl (token: string): number {
    const expiry = this.#expiries.get(token)
    return expiry === undefined ? UNKNOWN_TTL : Math.max(UNKNOWN_TTL, expiry - performance.now())
  }

  #noteExpiry (token: string, expiry: number): void {
    this.#expiries.delete(token)
    this.#expiries.set(token, expiry)
    if (this.#expiries.size <= MOST_EXPIRIES) return
    const [oldest] = this.#expiries.keys()
    if (oldest !== undefined) this.#expiries.delete(oldest)
  }
}

function hasMethods (value: unknown, names: readonly string[]): boolean {
  if (typeof value !== 'object' || value === null) return false
  return names.every(name => typeof (value as { [key: string]: unknown })[name] === 'function')
}
