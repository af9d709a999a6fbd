import { inTime } from './deadline.js'
import { ofRead, StoreUnavailableError } from './errors.js'

/** How many callers may wait for their turn. The next one is refused at once. */
const MOST_WAITING = 10_000

interface Waiter {
  readonly start: () => void
  readonly refuse: (error: Error) => void
}

/** Gives callers of this process their turn: one at a time for each name, in the order in which they came. */
export class Turns {
  readonly #most: number
  /** The names that are taken or waited for, and who waits for them. */
  readonly #waiting = new Map<string, Set<Waiter>>()
  /** The names that are free and waited for, in the order in which they became so. */
  readonly #ready = new Set<string>()
  readonly #whenIdle: Array<() => void> = []
  #waitingInAll = 0
  #taken = 0
  #closed: (() => Error) | undefined

  /** @param most how many names may be taken at a time */
  constructor (most = Infinity) {
    this.#most = most
  }

  /**
   * Runs `work` when it is its turn, and resolves or rejects as `work` does. Rejects with `FST_SESSION_STORE_UNAVAILABLE` if
   * its turn does not come before the deadline, which is in milliseconds of `performance.now()`.
   */
  async run<T> (name: string, deadline: number, work: () => Promise<T>): Promise<T> {
    await this.#turn(name, deadline)
    try {
      return await work()
    } finally {
      this.#end(name)
    }
  }

  /** Refuses whoever waits, and whoever comes from now on. What runs goes on. */
  close (refusal: () => Error): void {
    this.#closed = refusal
    for (const waiters of this.#waiting.values()) for (const waiter of [...waiters]) waiter.refuse(refusal())
  }

  /** Resolves when no work is running. */
  async settled (): Promise<void> {
    if (this.#taken > 0) await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  async #turn (name: string, deadline: number): Promise<void> {
    if (this.#closed !== undefined) throw this.#closed()
    if (this.#waitingInAll >= MOST_WAITING) throw ofRead(new StoreUnavailableError(`${MOST_WAITING} calls are waiting for it`))
    let waiters = this.#waiting.get(name)
    if (waiters === undefined) {
      waiters = new Set()
      this.#waiting.set(name, waiters)
      this.#ready.add(name)
    }
    await this.#wait(name, waiters, deadline)
  }

  async #wait (name: string, waiters: Set<Waiter>, deadline: number): Promise<void> {
    let leave = (): void => {}
    const turn = new Promise<void>((resolve, reject) => {
      const waiter = { start: () => { leave(); resolve() }, refuse: (error: Error) => { leave(); reject(error) } }
      waiters.add(waiter)
      this.#waitingInAll++
      leave = () => {
        if (!waiters.delete(waiter)) return
        this.#waitingInAll--
        if (waiters.size === 0 && this.#ready.delete(name)) this.#waiting.delete(name)
      }
    })
    this.#start()
    await inTime(turn, deadline, () => { leave(); return tookTooLong() })
  }

  #start (): void {
    for (const name of this.#ready) {
      if (this.#taken >= this.#most) return
      const [first] = this.#waiting.get(name) ?? []
      this.#ready.delete(name)
      this.#taken++
      first?.start()
    }
  }

  #end (name: string): void {
    this.#taken--
    if ((this.#waiting.get(name)?.size ?? 0) > 0) this.#ready.add(name)
    else this.#waiting.delete(name)
    this.#start()
    if (this.#taken === 0) this.#whenIdle.splice(0).forEach(resolve => resolve())
  }
}

/** What a caller gets whose turn did not come in time. */
export function tookTooLong (): unknown {
  return ofRead(new StoreUnavailableError('somebody else\'s exclusive work took longer than this call waits'))
}
