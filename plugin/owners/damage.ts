import { advice } from '../codecs/advice.js'
import type { Codec } from '../codecs/codec.js'
import { withoutTokens } from '../../stores/errors.js'
import type { StoredSession, StoreLog } from '../../stores/store.js'

/** So many damaged sessions are named in the log. */
const MOST_NAMED = 10

/** The sessions that one call could not decode: it leaves them out, and says so in one line of the log. */
export class Damage {
  readonly #keys = new Set<string>()
  readonly #ids: string[] = []
  #first: { readonly error: unknown, readonly data: Uint8Array } | undefined
  #count = 0

  /** @param id names the session */
  note ({ token, data }: StoredSession, id: string, error: unknown): void {
    if (this.#keys.has(token)) return
    // A call over millions of them stays in constant memory.
    if (this.#keys.size < 1000) this.#keys.add(token)
    this.#count++
    this.#first ??= { error, data }
    if (this.#ids.length < MOST_NAMED) this.#ids.push(id)
  }

  report (log: StoreLog, codec: Codec): void {
    if (this.#first === undefined) return
    const { error, data } = this.#first
    log.warn({ err: withoutTokens(error), sessions: this.#count, ids: this.#ids }, `Sessions that cannot be decoded were left out, and their rows left alone${advice(data, codec)}`)
  }
}
