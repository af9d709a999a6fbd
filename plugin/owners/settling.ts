import type { Damage } from './damage.js'
import { inPages } from './pages.js'
import type { Reader, ReaderSettings } from './reader.js'
import type { SessionContent } from '../codecs/codec.js'
import type { StoredSession } from '../../stores/store.js'

/** So many rows are read, and then written at once. */
const PAGE = 200
/** So often a row may be changed by others while its owner is written. The next call tries again. */
const MOST_TRIES = 100

/**
 * Writes the owners of rows whose owner nobody knows: SCS, a version without owners, or an ALTER TABLE has left the column
 * empty. It is done when somebody asks for the sessions of an owner, so that none is missed. Usually there are no such rows.
 * One statement finds that out.
 */
export class Settling {
  readonly #settings: ReaderSettings
  readonly #reader: Reader
  #running: Promise<void> | undefined
  #next: Promise<void> | undefined

  constructor (settings: ReaderSettings, reader: Reader) {
    this.#settings = settings
    this.#reader = reader
  }

  /**
   * Resolves when the rows that were there at the call have their owners. Calls at the same time share the work. A row that
   * cannot be decoded is left alone, and noted.
   */
  async settle (damage: Damage): Promise<void> {
    if (this.#running === undefined) return await this.#run(damage)
    // What is running may have passed a row that has come since.
    this.#next ??= this.#running.catch(() => {}).then(async () => {
      this.#next = undefined
      await this.#run(damage)
    })
    await this.#next
  }

  /** Writes the owner of one row, as its content has it. Does nothing if the session has ended. */
  async write (row: StoredSession, content: SessionContent, damage: Damage): Promise<void> {
    let current = row
    let owner = this.#reader.ownerOf(content)
    for (let tries = 0; owner !== undefined && tries < MOST_TRIES; tries++) {
      const { token, data, ttl } = current
      const outcome = await this.#settings.store.update({ token, data, ttl, owner, seen: this.#reader.seen(current) })
      if (outcome.kind !== 'changed') return
      current = outcome.session
      const newest = this.#reader.contentOf(current, damage)
      owner = newest && this.#reader.ownerOf(newest)
    }
  }

  async #run (damage: Damage): Promise<void> {
    this.#running = this.#settle(damage).finally(() => { this.#running = undefined })
    await this.#running
  }

  async #settle (damage: Damage): Promise<void> {
    const writeAll = async (rows: readonly StoredSession[]): Promise<void> => {
      await Promise.all(rows.map(async row => {
        const content = this.#reader.contentOf(row, damage)
        if (content !== undefined) await this.write(row, content, damage)
      }))
    }
    await inPages(this.#settings.store.scan(PAGE, { owner: null }), PAGE, writeAll)
  }
}
