import { contextOfCall } from '../diagnostics.js'
import { StoreUnavailableError } from '../errors.js'
import type { Waiting } from '../deadlines.js'

/** What a caller does with its answer. */
export interface Settle<Answer> {
  resolve (answer: Answer): void
  reject (error: unknown): void
  /** Called before either. */
  answered (caller: Waiting): void
}

/** Somebody who waits for the answer to one item. One answer or one error reaches it; later ones are dropped. */
export class Caller<Item, Answer> implements Waiting {
  readonly item: Item
  /** The rows that the item locks or waits for. */
  readonly keys: readonly string[]
  /** When the call was made, in milliseconds of `performance.now()`. */
  readonly since = performance.now()
  /** When the caller stops waiting, on the same clock. */
  readonly deadline: number
  /** The asynchronous context of the call, if somebody listens to statements. */
  readonly run = contextOfCall()
  /** The item goes out without others. */
  isIsolated: boolean
  /** How often the item was sent alone and found its row locked. */
  timesLocked = 0
  /** What it failed with. The caller gets this error if its time is up before it succeeds. */
  lastFailure: unknown
  before: Waiting | undefined
  after: Waiting | undefined
  readonly #settle: Settle<Answer>
  #isAnswered = false

  constructor (item: Item, keys: readonly string[], deadline: number, isIsolated: boolean, settle: Settle<Answer>) {
    this.item = item
    this.keys = keys
    this.deadline = deadline
    this.isIsolated = isIsolated
    this.#settle = settle
  }

  get isAnswered (): boolean {
    return this.#isAnswered
  }

  /** Whether more than half of the caller's time is over. */
  isLate (now: number): boolean {
    return now - this.since > this.deadline - now
  }

  resolve (answer: Answer): void {
    if (this.#end()) this.#settle.resolve(answer)
  }

  reject (error: unknown): void {
    if (this.#end()) this.#settle.reject(error)
  }

  expire (): void {
    this.reject(this.lastFailure ?? new StoreUnavailableError('no answer in time'))
  }

  #end (): boolean {
    if (this.#isAnswered) return false
    this.#isAnswered = true
    this.#settle.answered(this)
    return true
  }
}
