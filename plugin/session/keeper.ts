import { LinkedList, type Linked } from '../../stores/linked-list.js'

/** A session whose request lasts. */
export interface Kept extends Linked<Kept> {
  /** Whether the request has ended. */
  readonly isOver: boolean
  /** Moves the expiry of the session if it is near. */
  keep (): void
}

/** The longest time between two looks, in milliseconds. A request that ended unnoticed stays in memory until the next look. */
const LONGEST_INTERVAL = 10_000

/**
 * Keeps the sessions of requests alive while they last. Most requests are over before there is anything to do: they cost an
 * entry in a linked list. One timer serves all others.
 */
export class Keeper {
  readonly #interval: number
  readonly #kept = new LinkedList<Kept>()
  #timer: NodeJS.Timeout | undefined

  /** @param margin how long before its expiry a session is prolonged, in milliseconds. It is seen at least twice in that time. */
  constructor (margin: number) {
    this.#interval = Math.max(1, Math.min(LONGEST_INTERVAL, Math.floor(margin / 2)))
  }

  add (kept: Kept): void {
    if (this.#kept.has(kept)) return
    this.#kept.add(kept)
    this.#timer ??= setTimeout(() => this.#look(), this.#interval).unref()
  }

  delete (kept: Kept): void {
    if (this.#kept.has(kept)) this.#kept.delete(kept)
  }

  /** Prolongs no session any more. */
  stop (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    this.#kept.forEach(kept => { this.#kept.delete(kept) })
  }

  #look (): void {
    this.#timer = undefined
    this.#kept.forEach(kept => {
      if (kept.isOver) this.delete(kept)
      else kept.keep()
    })
    if (this.#kept.size > 0) this.#timer = setTimeout(() => this.#look(), this.#interval).unref()
  }
}
