/**
 * How long a request still waits for the store. All its calls share `storeTimeout`, retries and the wait for other requests of
 * the session included. Time in which the request does not wait is given back, so that one that lasts (an import, a
 * websocket) may call the store as often as it likes.
 */
export class Patience {
  readonly #most: number
  /** How much is used up at the moment {@link #until}, in milliseconds. */
  #used = 0
  #until = 0

  /** @param most how long a request waits, in milliseconds */
  constructor (most: number) {
    this.#most = most
  }

  /** How much is left now, in milliseconds. */
  get left (): number {
    return Math.max(0, this.#most - this.#usedAt(performance.now()))
  }

  /** Notes a wait, from and to a time of `performance.now()`. Of waits side by side the time counts once. */
  waited (from: number, to: number): void {
    const begin = Math.max(from, this.#until)
    if (to <= begin) return
    this.#used = this.#usedAt(begin) + to - begin
    this.#until = to
  }

  /** Runs `work`, which waits until a deadline at most, in milliseconds of `performance.now()`. */
  spend<T> (work: (deadline: number) => Promise<T>): Promise<T> {
    const from = performance.now()
    const working = work(from + this.#most - this.#usedAt(from))
    const end = (): void => { this.waited(from, performance.now()) }
    working.then(end, end)
    return working
  }

  #usedAt (time: number): number {
    return Math.max(0, this.#used - Math.max(0, time - this.#until))
  }
}
