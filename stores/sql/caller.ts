import { contextOfCall } from '../diagnostics.js'
import type { Waiting } from '../deadlines.js'
import { ofRead } from '../errors.js'
import { Pending } from '../pending.js'

/** Somebody who waits for the answer to one item. */
export class Caller<Item, Answer> extends Pending<Answer> {
  readonly item: Item
  /** The rows that the item locks or waits for. */
  readonly keys: readonly string[]
  /** When the call was made, in milliseconds of `performance.now()`. */
  readonly since = performance.now()
  /** The asynchronous context of the call, if somebody listens to statements. */
  readonly run = contextOfCall()
  /** The item goes out without others. */
  isIsolated = false
  /** How often the item was sent alone and found its row locked. */
  timesLocked = 0
  /** What it failed with. The caller gets this error if its time is up before it succeeds. */
  lastFailure: unknown
  readonly #isReading: boolean

  /** @param onAnswered is called before the promise settles */
  constructor (item: Item, keys: readonly string[], isReading: boolean, deadline: number, onAnswered: (caller: Waiting) => void) {
    super(deadline, onAnswered)
    this.item = item
    this.keys = keys
    this.#isReading = isReading
  }

  /** Whether more than half of the caller's time is over. */
  isLate (now: number): boolean {
    return now - this.since > this.deadline - now
  }

  override reject (error: unknown): void {
    super.reject(this.#isReading ? ofRead(error) : error)
  }

  protected override get expired (): unknown {
    return this.lastFailure ?? super.expired
  }
}
