/** How long an item that failed alone keeps its row out of batches, in milliseconds. */
const SUSPICION = 10_000
/** Above this number of suspect rows, those that no longer are suspect are removed. */
const MANY = 1000

/** The rows that statements are waiting for or writing, and the rows that should not hold up the rest of a batch. */
export class Keys {
  /** The rows of each statement that is under way: a few. */
  readonly #underWay: Array<ReadonlySet<string>> = []
  /** Until when a row is suspect, in milliseconds of `performance.now()`. */
  readonly #suspects = new Map<string, number>()

  /** Whether a statement for one of these rows is under way. */
  areBusy (keys: readonly string[]): boolean {
    for (const underWay of this.#underWay) for (const key of keys) if (underWay.has(key)) return true
    return false
  }

  /** Whether one of these rows failed a statement lately, or may be failing one at this moment. */
  areSuspect (keys: readonly string[]): boolean {
    return this.#suspects.size > 0 && keys.some(key => this.#isSuspect(key))
  }

  /** A statement for these rows begins. `isIsolated`: it is for one item that may fail. */
  begin (keys: ReadonlySet<string>, isIsolated: boolean): void {
    if (keys.size > 0) this.#underWay.push(keys)
    if (isIsolated) for (const key of keys) this.#suspects.set(key, Infinity)
  }

  /** The statement is over. An item that was isolated clears its rows of suspicion, or confirms it. */
  end (keys: ReadonlySet<string>, isIsolated: boolean, hasSucceeded: boolean): void {
    const place = this.#underWay.indexOf(keys)
    if (place >= 0) this.#underWay.splice(place, 1)
    if (!isIsolated) return
    for (const key of keys) {
      if (hasSucceeded) this.#suspects.delete(key)
      else this.#suspects.set(key, performance.now() + SUSPICION)
    }
    if (this.#suspects.size > MANY) for (const key of this.#suspects.keys()) this.#isSuspect(key)
  }

  #isSuspect (key: string): boolean {
    const until = this.#suspects.get(key)
    if (until === undefined) return false
    if (until > performance.now()) return true
    this.#suspects.delete(key)
    return false
  }
}
