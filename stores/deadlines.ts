import { timerUntil } from './deadline.js'

/** Somebody who waits until a deadline, in milliseconds of `performance.now()`. */
export interface Waiting {
  readonly deadline: number
  /** Its neighbours in {@link Deadlines}, which sets them. */
  before: Waiting | undefined
  after: Waiting | undefined
  /** Called once the deadline has passed. */
  expire (): void
}

/** The least time between two looks at the deadlines, in milliseconds. */
const RESOLUTION = 10

/**
 * The deadlines of all who wait, with one timer for all of them.
 *
 * They are a linked list. A Set would be shorter to write, but V8 keeps the table that a Set has outgrown linked to the next
 * one. Once such a table is in the old generation, all that the later ones held survives with it: then a write costs twice as
 * much, in garbage collection.
 */
export class Deadlines {
  readonly #onExpired: (() => void) | undefined
  #first: Waiting | undefined
  #last: Waiting | undefined
  #size = 0
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires. */
  #next = Infinity

  /** @param onExpired called after deadlines have passed */
  constructor (onExpired?: () => void) {
    this.#onExpired = onExpired
  }

  /** How many wait. */
  get size (): number {
    return this.#size
  }

  add (waiting: Waiting): void {
    if (this.#size++ === 0) this.#timer?.ref()
    waiting.before = this.#last
    if (this.#last === undefined) this.#first = waiting
    else this.#last.after = waiting
    this.#last = waiting
    if (waiting.deadline < this.#next) this.#setTimer(waiting.deadline)
  }

  /** It must be one of those that were added, and is deleted once. */
  delete (waiting: Waiting): void {
    const { before, after } = waiting
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    waiting.before = waiting.after = undefined
    this.#size--
    // Those who come next need a timer too, so it is left. While nobody waits it keeps no process alive.
    if (this.#size === 0) this.#timer?.unref()
  }

  #setTimer (time: number): void {
    clearTimeout(this.#timer)
    this.#next = time
    this.#timer = setTimeout(() => this.#expire(), timerUntil(time))
  }

  #expire (): void {
    this.#timer = undefined
    this.#next = Infinity
    const now = performance.now()
    let next = Infinity
    for (let waiting = this.#first, after; waiting !== undefined; waiting = after) {
      // Who expires leaves the list.
      after = waiting.after
      if (waiting.deadline <= now) waiting.expire()
      else next = Math.min(next, waiting.deadline)
    }
    this.#onExpired?.()
    if (next < Infinity) this.#setTimer(Math.max(next, now + RESOLUTION))
  }
}
