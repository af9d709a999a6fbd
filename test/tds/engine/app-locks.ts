import { createHash } from 'node:crypto'
import type { Result } from './mariadb.js'

export type Owner = 'session' | 'transaction'

/** Implements sp_getapplock and sp_releaseapplock with MariaDB's GET_LOCK, which counts repeated locks too. */
export class AppLocks {
  readonly #query: (sql: string) => Promise<Result>
  readonly #release: (sql: string) => Promise<void>
  readonly #held = new Map<string, Record<Owner, number>>()

  /** @param release runs a statement even if the request was cancelled */
  constructor (query: (sql: string) => Promise<Result>, release: (sql: string) => Promise<void>) {
    this.#query = query
    this.#release = release
  }

  /** Returns 0 if the lock was granted, -1 if it timed out. A timeout below zero never passes. */
  async get (resource: string, owner: Owner, timeoutMs: number): Promise<number> {
    const seconds = timeoutMs < 0 ? 100_000 : timeoutMs / 1000
    const { rows } = await this.#query(`SELECT GET_LOCK('${key(resource)}', ${seconds})`)
    if (rows[0]?.[0]?.toString() !== '1') return -1
    const held = this.#held.get(resource) ?? { session: 0, transaction: 0 }
    held[owner]++
    this.#held.set(resource, held)
    return 0
  }

  /** Returns false if the lock was not held. */
  async release (resource: string, owner: Owner): Promise<boolean> {
    const held = this.#held.get(resource)
    if (held === undefined || held[owner] === 0) return false
    held[owner]--
    await this.#release(`SELECT RELEASE_LOCK('${key(resource)}')`)
    return true
  }

  async releaseAll (owner: Owner): Promise<void> {
    for (const [resource, held] of this.#held) {
      while (held[owner] > 0) await this.release(resource, owner)
    }
  }
}

/** A lock name for MariaDB, whose names are short and ignore case. */
function key (resource: string): string {
  return `app:${createHash('sha1').update(resource.slice(0, 255)).digest('hex')}`
}
