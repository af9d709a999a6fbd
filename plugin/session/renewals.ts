import { sealed, unsealed } from './sealed-token.js'
import type { SessionValues } from './session-values.js'
import type { Candidate } from './storage.js'
import type { Rows } from '../commit/rows.js'
import type { Settings } from '../options.js'
import { timeLeft } from '../../stores/deadline.js'
import type { StoredSession, Successor } from '../../stores/store.js'
import { MOST_SUCCESSORS } from '../../stores/successor.js'

/** What the store has under a key. */
export interface FoundRow {
  readonly row: StoredSession | undefined
  /** Where the session has gone that was there. */
  readonly successor: Successor | undefined
}

/** Finds sessions that other requests have renewed. A deadline is when a request stops waiting, in milliseconds of `performance.now()`. */
export class Renewals {
  readonly #settings: Pick<Settings, 'store' | 'report'>
  readonly #rows: Rows
  readonly #keyOf: (token: string) => string

  constructor (settings: Pick<Settings, 'store' | 'report'>, rows: Rows, keyOf: (token: string) => string) {
    this.#settings = settings
    this.#rows = rows
    this.#keyOf = keyOf
  }

  /** Asks for one row in the middle of a request. */
  async find (key: string, deadline: number): Promise<FoundRow> {
    const { report, store } = this.#settings
    try {
      const { sessions, successors } = await store.find([key], timeLeft(deadline))
      return { row: sessions.find(({ token }) => token === key), successor: successors?.find(({ token }) => token === key) }
    } catch (error) {
      report.failed('load', key, error)
      throw error
    }
  }

  /** The note for a renewal: requests with the old token find the new one in it for `keepFor` milliseconds. */
  noteOf (oldToken: string, newToken: string, keepFor: number): string {
    return sealed(newToken, keepFor, { oldToken, from: this.#keyOf(oldToken), to: this.#keyOf(newToken) })
  }

  /** The live session that an old token still leads to. */
  async follow (oldToken: string, successor: Successor | undefined, deadline: number): Promise<Candidate | undefined> {
    let token = oldToken
    let next = successor
    for (let i = 0; next?.note !== undefined && i < MOST_SUCCESSORS; i++) {
      const newer = unsealed(next.note, next.age, { oldToken: token, from: next.token, to: next.to })
      if (newer === undefined || this.#keyOf(newer) !== next.to) return undefined
      token = newer
      const found = await this.find(next.to, deadline)
      if (found.row !== undefined) return { token, row: found.row, isFollowed: true }
      next = found.successor
    }
    return undefined
  }

  /**
   * Whether a session has ended. A session that another request has renewed has not ended. To follow its renewals, ask at
   * least once a minute.
   */
  async isEnded ({ stored, where }: SessionValues, deadline: number): Promise<boolean> {
    const known = stored?.row.key ?? where.predecessor?.key
    if (known === undefined) return false
    let key = where.lastSeen?.key === known ? where.lastSeen.as : known
    for (let i = 0; i < MOST_SUCCESSORS; i++) {
      const { row, successor } = await this.find(key, deadline)
      if (row !== undefined) {
        where.lastSeen = { key: known, as: key }
        return this.#rows.liveContent(key, row.data, this.#rows.now()) === undefined
      }
      if (successor === undefined) break
      key = successor.to
    }
    return true
  }
}
