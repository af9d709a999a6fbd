import { timerUntil } from './deadline.js'
import { LinkedList, type Linked } from './linked-list.js'

/** Somebody who waits until a deadline, in milliseconds of `performance.now()`. */
export interface Waiting extends Linked<Waiting> {
  readonly deadline: number
  /** Called once the deadline has passed. */
  expire (): void
}

/** The least time between two looks at the deadlines, in milliseconds. */
const RESOLUTION = 10

/** The deadlines of all who wait, with one timer for all of them. */
export class Deadlines {
  readonly #onExpired: (() => void) | undefined
  readonly #waiting = new LinkedList<Waiting>()
  #timer: NodeJS.Timeout | undefined
  /** When the timer fires. */
  #next = Infinity

  /** @param onExpired called after deadlines have passed */
  constructor (onExpired?: () => void) {
    this.#onExpired = onExpired
  }

  /** How many wait. */
  get size (): number {
    return this.#waiting.size
  }

  add (waiting: Waiting): void {
    if (this.size === 0) this.#timer?.ref()
    this.#waiting.add(waiting)
    if (waiting.deadline < this.#next) this.#setTimer(waiting.deadline)
  }

  /** It must be one of those that were added, and is deleted once. */
  delete (waiting: Waiting): void {
    this.#waiting.delete(waiting)
    // Those who come next need a timer too, so it is left. While nobody waits it keeps no process alive.
    if (this.size === 0) this.#timer?.unref()
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
    this.#waiting.forEach(waiting => {
      // Who expires leaves the list.
      if (waiting.deadline <= now) waiting.expire()
      else next = Math.min(next, waiting.deadline)
    })
    this.#onExpired?.()
    if (next < Infinity) this.#setTimer(Math.max(next, now + RESOLUTION))
  }
}
