import { hash } from 'node:crypto'
import type { Damage } from './damage.js'
import type { Ending } from './ending.js'
import type { Reader, ReaderSettings } from './reader.js'
import type { Settling } from './settling.js'
import { StoreMisconfiguredError } from '../errors.js'
import { inTime } from '../../stores/deadline.js'
import { withoutTokens } from '../../stores/errors.js'
import type { StoreLog } from '../../stores/store.js'
import { Turns } from '../../stores/turns.js'

/** What {@link OwnerLimit} must know. */
export interface LimitSettings extends ReaderSettings {
  /** How many sessions an owner has at most. */
  readonly maxPerOwner: number
  readonly track: boolean
  /** How long it waits for its turn, in milliseconds. */
  readonly storeTimeout: number
}

interface Aged {
  readonly key: string
  /** Later for a younger session. */
  readonly age: number
}

/**
 * Ends the oldest sessions of an owner who has signed in once more than is allowed. Sign-ins at the same time
 * do this one after the other. Otherwise two of them could end each other's session.
 */
export class OwnerLimit {
  readonly #settings: LimitSettings
  readonly #reader: Reader
  readonly #settling: Settling
  readonly #ending: Ending
  readonly #log: StoreLog
  readonly #turns = new Turns()

  constructor (settings: LimitSettings, reader: Reader, settling: Settling, ending: Ending, log: StoreLog) {
    this.#settings = settings
    this.#reader = reader
    this.#settling = settling
    this.#ending = ending
    this.#log = log
  }

  /**
   * Resolves when the owner has no more sessions than allowed, or at the deadline, in milliseconds of `performance.now()`; then
   * the work goes on. Never rejects: a failure is logged, and the next sign-in tries again.
   *
   * @param key the row of the session that was signed in to. It stays.
   */
  async keep (owner: string, key: string, deadline: number): Promise<void> {
    const work = this.#reader.reporting(async damage => { await this.#keep(owner, key, damage) }).catch((error: unknown) => {
      this.#log.warn({ err: withoutTokens(error) }, 'The sessions that an owner has beyond maxPerOwner could not be ended; the next sign-in will try again')
    })
    await inTime(work, deadline, () => undefined).catch(() => {})
  }

  async #keep (owner: string, key: string, damage: Damage): Promise<void> {
    if ((await this.#excess(owner, key, damage)).length === 0) return
    await this.#inTurn(owner, async () => {
      const excess = await this.#excess(owner, key, damage)
      await Promise.all(excess.map(async key => { await this.#ending.end(key) }))
    })
  }

  /** The keys of the oldest sessions, which are too many. */
  async #excess (owner: string, own: string, damage: Damage): Promise<string[]> {
    const { store, maxPerOwner } = this.#settings
    await this.#settling.settle(damage)
    const others: Aged[] = []
    let places = maxPerOwner
    for await (const row of store.scan(undefined, { owner })) {
      const content = this.#reader.contentOf(row, damage)
      if (content === undefined || this.#reader.ownerOf(content) !== owner) continue
      if (row.token === own) places--
      else others.push({ key: row.token, age: this.#settings.track ? content.tracked?.began ?? 0 : content.deadline })
    }
    others.sort((a, b) => b.age - a.age || (a.key < b.key ? -1 : 1))
    return others.slice(places).map(({ key }) => key)
  }

  /** Runs the work for an owner one at a time: always within this process, and across processes if the store can do that. */
  async #inTurn (owner: string, work: () => Promise<void>): Promise<void> {
    const { store, storeTimeout } = this.#settings
    const name = `maxPerOwner ${hash('sha256', owner, 'base64url')}`
    if (store.exclusively !== undefined) {
      try {
        return await store.exclusively(name, work, storeTimeout)
      } catch (error) {
        // Clusters, and a pool of one connection.
        if (!(error instanceof StoreMisconfiguredError)) throw error
      }
    }
    await this.#turns.run(name, performance.now() + storeTimeout, work)
  }
}
