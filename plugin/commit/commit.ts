import { Changes } from './changes.js'
import { Exchange, type RenewOptions } from './exchange.js'
import { Lines, type LineSettings } from './line.js'
import { Rows, type Row, type RowSettings } from './rows.js'
import type { SessionContent } from '../codecs/codec.js'
import { endingAt } from '../codecs/content.js'
import { endsSession } from '../errors.js'
import type { TimedStore } from '../../stores/clock.js'
import { timeLeft } from '../../stores/deadline.js'

/** What a {@link Committer} must know. Times are in milliseconds. */
export interface CommitSettings extends RowSettings, LineSettings {
  readonly store: TimedStore
}

/**
 * Writes sessions. It merges the changes of requests that use one session at the same time. A deadline is when the request
 * stops waiting, in milliseconds of `performance.now()`.
 */
export class Committer {
  readonly rows: Rows
  readonly #store: TimedStore
  readonly #exchange: Exchange
  readonly #lines: Lines

  constructor (settings: CommitSettings) {
    this.rows = new Rows(settings)
    this.#store = settings.store
    this.#exchange = new Exchange(settings.store, this.rows)
    this.#lines = new Lines(settings, this.rows, this.#exchange)
  }

  /**
   * Writes a new session. Its lifetime begins now, unless the changes set a deadline. Returns undefined if the store has
   * a row of that key.
   */
  async insert (key: string, content: SessionContent, changes: Changes, deadline: number): Promise<Row | undefined> {
    // The deadline is a time of the database's clock, which the first answer tells.
    if (this.#store.now() === undefined) await this.#store.find([], timeLeft(deadline))
    const now = this.rows.now()
    const begun = endingAt(changes.deadline ?? this.rows.newDeadline(now), content)
    const session = this.rows.encode(key, begun, now, undefined, [changes])
    return await this.#store.insert(session, timeLeft(deadline)) ? this.rows.written(session, begun, content.values) : undefined
  }

  /**
   * Replaces a session in its row. Rejects with `FST_SESSION_GONE` if the session has ended.
   *
   * @param row the row as it was loaded or last written
   * @param content the row's content with the changes applied, if the caller has it. It is encoded at once or not used.
   */
  update (row: Row, changes: Changes, deadline: number, content?: SessionContent): Promise<Row> {
    return changes.merges ? this.#exchange.merge(row, changes, deadline) : this.#lines.update(row, changes, deadline, content)
  }

  /** {@link Exchange.renew} */
  async renew (row: Row | undefined, newKey: string, changes: Changes, deadline: number, options: RenewOptions): Promise<Row | undefined> {
    return await this.#exchange.renew(row, newKey, changes, deadline, options)
  }

  /** Moves the row's expiry, if a touch is due and would move it, and notes the use, if that is tracked. Returns the row as it is then. */
  async touch (row: Row, deadline: number): Promise<Row> {
    if (this.rows.isUseDue(row.tracked)) return await this.#noteUse(row, deadline)
    const touch = this.rows.dueTouch(row)
    if (touch === undefined) return row
    await this.#store.touch(touch, timeLeft(deadline))
    return row.expiringAt(performance.now() + touch.ttl)
  }

  /** Writes when the session was used, which moves its expiry, too. Other requests' changes may be in the row afterwards. */
  async #noteUse (row: Row, deadline: number): Promise<Row> {
    const changes = new Changes()
    changes.use()
    changes.origin = {}
    try {
      return await this.#lines.update(row, changes, deadline)
    } catch (error) {
      if (endsSession(error)) return row
      throw error
    }
  }
}
