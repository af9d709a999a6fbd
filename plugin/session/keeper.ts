/** A session whose request lasts. */
export interface Kept {
  /** Its neighbours in the {@link Keeper}, which sets them. Undefined: it is not there. */
  before: Kept | undefined
  after: Kept | undefined
  /** Whether the request has ended. */
  readonly isOver: boolean
  /** Moves the expiry of the session if it is near. */
  keep (): void
}

/** The longest that requests which have ended without a sign are kept in memory, in milliseconds. */
const LONGEST_INTERVAL = 10_000

/**
 * Keeps the sessions of requests alive while they last. Most requests are over before there is anything to do: they cost an
 * entry in a linked list. One timer serves all others.
 *
 * A Set would be shorter to write, but V8 keeps the tables that it has outgrown linked to each other. Once one is in the old
 * generation, all that the later ones held survives with it.
 */
export class Keeper {
  readonly #interval: number
  #first: Kept | undefined
  #last: Kept | undefined
  #timer: NodeJS.Timeout | undefined

  /** @param margin how long before its expiry a session is prolonged, in milliseconds. It is seen at least twice in that time. */
  constructor (margin: number) {
    this.#interval = Math.max(1, Math.min(LONGEST_INTERVAL, Math.floor(margin / 2)))
  }

  add (kept: Kept): void {
    if (this.#has(kept)) return
    kept.before = this.#last
    if (this.#last === undefined) this.#first = kept
    else this.#last.after = kept
    this.#last = kept
    this.#timer ??= setTimeout(() => this.#look(), this.#interval).unref()
  }

  delete (kept: Kept): void {
    if (!this.#has(kept)) return
    const { before, after } = kept
    if (before === undefined) this.#first = after
    else before.after = after
    if (after === undefined) this.#last = before
    else after.before = before
    kept.before = kept.after = undefined
  }

  /** Prolongs no session any more. */
  stop (): void {
    clearTimeout(this.#timer)
    this.#timer = undefined
    while (this.#first !== undefined) this.delete(this.#first)
  }

  #has (kept: Kept): boolean {
    return kept.before !== undefined || kept === this.#first
  }

  #look (): void {
    this.#timer = undefined
    for (let kept = this.#first, after; kept !== undefined; kept = after) {
      after = kept.after
      if (kept.isOver) this.delete(kept)
      else kept.keep()
    }
    if (this.#first !== undefined) this.#timer = setTimeout(() => this.#look(), this.#interval).unref()
  }
}
