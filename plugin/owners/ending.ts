import type { Damage } from './damage.js'
import { inPages } from './pages.js'
import type { Reader, ReaderSettings } from './reader.js'
import type { Settling } from './settling.js'
import type { SessionReport } from '../diagnostics.js'
import { OwnerBusyError } from '../errors.js'
import type { StoredSession } from '../../stores/store.js'

/** So many rows are read, and then deleted at once. */
const PAGE = 500
/** So many times the sessions of an owner are read and ended. There are new ones each time only if somebody goes on making them. */
const MOST_PASSES = 100
/**
 * So many readings in a row must find none. One is not enough where a statement reads row by row, as SQL Server does by
 * default. It may wait for the old row of a session that is being renewed, and has then passed the place of the new row.
 */
const ENOUGH = 2

export interface EndingSettings extends ReaderSettings {
  readonly report: Pick<SessionReport, 'since' | 'destroy' | 'failed'>
}

/** Ends sessions outside their requests. */
export class Ending {
  readonly #settings: EndingSettings
  readonly #reader: Reader
  readonly #settling: Settling

  constructor (settings: EndingSettings, reader: Reader, settling: Settling) {
    this.#settings = settings
    this.#reader = reader
    this.#settling = settling
  }

  /** Ends the session of a row, and what it has become by a renewal. */
  async end (key: string): Promise<void> {
    const { store, report } = this.#settings
    const since = report.since('destroy')
    try {
      await store.delete(key)
      report.destroy(key, since)
    } catch (error) {
      report.failed('destroy', key, error)
      throw error
    }
  }

  /**
   * Ends the sessions of an owner, but for those that are spared. Reads and ends them again and again until two readings in a row
   * find none: then there was a moment at which the owner had no other session, whatever requests were renewing, merging or
   * changing meanwhile. Throws `FST_SESSION_OWNER_BUSY` if that moment does not come. Returns how many it has ended.
   *
   * @param spared the ids
   */
  async endAll (owner: string, spared: ReadonlySet<string>, damage: Damage): Promise<number> {
    // A reading that counts is one statement, so one page must have room for all that are spared.
    const size = Math.max(PAGE, spared.size + 1)
    let ended = 0
    let quiet = 0
    for (let pass = 0; pass < MOST_PASSES; pass++) {
      await this.#settling.settle(damage)
      let endedNow = 0
      const read = await inPages(this.#settings.store.scan(size, { owner }), size, async page => {
        endedNow += await this.#endPage(page, owner, spared, damage)
      })
      ended += endedNow
      quiet = endedNow === 0 && read < size ? quiet + 1 : 0
      if (quiet === ENOUGH) return ended
    }
    throw new OwnerBusyError(MOST_PASSES)
  }

  async #endPage (page: readonly StoredSession[], owner: string, spared: ReadonlySet<string>, damage: Damage): Promise<number> {
    const doomed = page.filter(({ token }) => !spared.has(this.#settings.idOf(token)))
    let ended = 0
    await Promise.all(doomed.map(async row => {
      const content = this.#reader.contentOf(row, damage)
      // Another program may have made it somebody else's, and left the column.
      if (content !== undefined && this.#reader.ownerOf(content) !== owner) return await this.#settling.write(row, content, damage)
      // What cannot be decoded is ended, too.
      await this.end(row.token)
      ended++
    }))
    return ended
  }
}
