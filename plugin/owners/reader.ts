import { Damage } from './damage.js'
import { recordOf, type RecordSettings, type SessionRecord } from './record.js'
import type { Codec, SessionContent } from '../codecs/codec.js'
import type { Rows } from '../commit/rows.js'
import type { TimedStore } from '../../stores/clock.js'
import type { StoredSession, StoreLog } from '../../stores/store.js'

/** What everything that works on the sessions of others must know. */
export interface ReaderSettings extends RecordSettings {
  readonly store: TimedStore
  readonly codec: Codec
}

/** Reads sessions outside a request: decodes rows one by one, and reports those that cannot be decoded once a call. */
export class Reader {
  readonly #settings: ReaderSettings
  readonly #rows: Rows
  readonly #log: StoreLog

  constructor (settings: ReaderSettings, rows: Rows, log: StoreLog) {
    this.#settings = settings
    this.#rows = rows
    this.#log = log
  }

  /** Whose session a row's content makes it. */
  ownerOf (content: SessionContent): string | undefined {
    return this.#rows.ownerOf(content)
  }

  /** What a row holds. Undefined, and noted, if it cannot be decoded. */
  contentOf (row: StoredSession, damage: Damage): SessionContent | undefined {
    try {
      return this.#rows.decode(row.token, row.data)
    } catch (error) {
      damage.note(row, this.#settings.idOf(row.token), error)
      return undefined
    }
  }

  /** The record of a live session; undefined if its deadline has passed. */
  recordOf (row: StoredSession, content: SessionContent): SessionRecord | undefined {
    return content.deadline > this.#rows.now() ? recordOf(row, content, this.#rows, this.#settings) : undefined
  }

  /** Whether a row holds this header, or all of these bytes: what an update must see there. */
  seen (row: StoredSession): { readonly bytes: Uint8Array, readonly whole: boolean, readonly ttl: number } {
    const version = this.#rows.version(row.data)
    return version === undefined ? { bytes: row.data, whole: true, ttl: row.ttl } : { bytes: version, whole: false, ttl: row.ttl }
  }

  /** Runs a call, and reports the damage that it has met. */
  async reporting<T> (call: (damage: Damage) => Promise<T>): Promise<T> {
    const damage = new Damage()
    try {
      return await call(damage)
    } finally {
      this.report(damage)
    }
  }

  report (damage: Damage): void {
    damage.report(this.#log, this.#settings.codec)
  }
}
