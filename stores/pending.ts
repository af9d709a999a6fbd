import type { Waiting } from './deadlines.js'
import { StoreUnavailableError } from './errors.js'

/**
 * Somebody who waits for an answer until a deadline. One answer or one error counts; later ones are dropped.
 *
 * A class, not an object literal: while many wait, V8 may allocate the objects of a literal in the old generation, where each keeps
 * alive all that it refers to until the next full garbage collection.
 */
export class Pending<Answer> implements Waiting {
  readonly answer: Promise<Answer>
  /** When it stops waiting, in milliseconds of `performance.now()`. */
  readonly deadline: number
  before: Waiting | undefined
  after: Waiting | undefined
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: unknown) => void
  readonly #onAnswered: (pending: Waiting) => void
  #isAnswered = false

  /** @param onAnswered is called before the promise settles */
  constructor (deadline: number, onAnswered: (pending: Waiting) => void) {
    let resolve!: (answer: Answer) => void
    let reject!: (error: unknown) => void
    this.answer = new Promise((_resolve, _reject) => {
      resolve = _resolve
      reject = _reject
    })
    this.#resolve = resolve
    this.#reject = reject
    this.deadline = deadline
    this.#onAnswered = onAnswered
  }

  get isAnswered (): boolean {
    return this.#isAnswered
  }

  resolve (answer: Answer): void {
    if (this.#end()) this.#resolve(answer)
  }

  reject (error: unknown): void {
    if (this.#end()) this.#reject(error)
  }

  expire (): void {
    this.reject(this.expired)
  }

  /** The error of a deadline that has passed. */
  protected get expired (): unknown {
    return new StoreUnavailableError('no answer in time')
  }

  #end (): boolean {
    if (this.#isAnswered) return false
    this.#isAnswered = true
    this.#onAnswered(this)
    return true
  }
}
