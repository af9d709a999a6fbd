/*
 * Many sessions in one statement.
 *
 * What waits at the same moment goes out together. The moment is one turn of the event loop: `setImmediate` runs when all
 * the sockets that were readable have been read, so requests that arrived together are one statement, and a request that
 * arrived alone waits for nobody. While the statements are under way the next batch gathers, and goes when a lane is free:
 * no timer, no delay where there is no load, and larger batches the more load there is. Every answer is the answer to a
 * statement that was sent after the question.
 *
 * A statement that fails as a whole is taken apart, and its items go out one by one on at most half of the lanes, so that
 * one bad or locked row costs only its own request. The key of such an item stays out of batches while it is under way,
 * and for a while after it has failed.
 */
import { StoreUnavailableError } from './errors.js'

/** One kind of statement, and what must be known of the items that go into it. */
export interface BatchKind<Item, Answer> {
  /** The most items that go into one statement. */
  readonly maxItems: number
  /** The most bytes that go into one statement; a larger item goes alone. */
  readonly maxBytes: number
  bytes (item: Item): number
  /** What the item is about. Two items of one key never go into one statement, unless there is no key. */
  key (item: Item): string | undefined
  /**
   * Sends a statement for these items and gives their answers, in their order. A rejection means that none of them has an
   * answer. `timeLeft` is how long the longest of them can still wait, in milliseconds.
   */
  send (items: readonly Item[], timeLeft: number): Promise<readonly Answer[]>
  /** Whether the items of a failed batch may be sent again one by one, and one of them may be to blame. */
  isWorthApart (error: unknown): boolean
  /** What the caller gets for an error of `send`, made anew for each caller. */
  failure (error: unknown): unknown
}

/** How long an item that failed alone keeps its key out of batches, in milliseconds. */
const SUSPICION = 10_000

/** The statements that may be under way at once, shared fairly by the kinds of batch of one store. */
export class Lanes {
  readonly #limit: number
  readonly #maxWaiting: number
  readonly #timeout: number
  readonly #queues: AnyQueue[] = []
  readonly #whenIdle: Array<() => void> = []
  readonly #suspects = new Map<string, number>()
  readonly #alone: (send: (timeLeft: number) => Promise<unknown>) => Promise<unknown>
  #waiting = 0
  #underWay = 0
  #apart = 0
  #turn = 0
  #scheduled = false

  /**
   * @param limit how many statements may be under way at once
   * @param timeout how long a caller waits for its answer, in milliseconds
   * @param failure what a caller of {@link alone} gets for an error
   * @param maxWaiting how many callers may wait at once; a further one is refused
   */
  constructor (limit: number, timeout: number, failure: (error: unknown) => unknown, maxWaiting = 10_000) {
    this.#limit = limit
    this.#timeout = timeout
    this.#maxWaiting = maxWaiting
    this.#alone = this.batch({
      maxItems: 1,
      maxBytes: Infinity,
      bytes: () => 0,
      key: () => undefined,
      send: async ([send], timeLeft) => [await send?.(timeLeft)],
      isWorthApart: () => false,
      failure
    })
  }

  /** A function that sends items of this kind, in batches. It rejects with `FST_SESSION_STORE_UNAVAILABLE` when time is up. */
  batch<Item, Answer> (kind: BatchKind<Item, Answer>): (item: Item) => Promise<Answer> {
    const queue = new Queue(kind)
    this.#queues.push(queue)
    return item => new Promise<Answer>((resolve, reject) => {
      if (this.#waiting >= this.#maxWaiting) {
        reject(new StoreUnavailableError(`${this.#maxWaiting} requests are waiting for it`))
        return
      }
      this.#waiting++
      const caller = new Caller(item, resolve, reject, this.#timeout, this.#answered)
      queue.add(caller, this.#isSuspect(kind.key(item)))
      this.#schedule()
    })
  }

  /** Sends one statement, or a transaction, on a lane of its own. */
  async alone<Answer> (send: (timeLeft: number) => Promise<Answer>): Promise<Answer> {
    let answer: { readonly value: Answer } | undefined
    await this.#alone(async timeLeft => { answer = { value: await send(timeLeft) } })
    // It has resolved, so the line before has run.
    return (answer as unknown as { readonly value: Answer }).value
  }

  /** Resolves when nothing is waiting or under way. */
  async settled (): Promise<void> {
    if (this.#underWay > 0 || this.#waiting > 0) await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  #answered = (): void => {
    this.#waiting--
    this.#tellIfIdle()
  }

  #tellIfIdle (): void {
    if (this.#underWay === 0 && this.#waiting === 0) this.#whenIdle.splice(0).forEach(resolve => resolve())
  }

  #schedule (): void {
    if (this.#scheduled) return
    this.#scheduled = true
    setImmediate(() => {
      this.#scheduled = false
      this.#start()
    })
  }

  /** Fills the free lanes, each kind in its turn. */
  #start (): void {
    let misses = 0
    while (this.#underWay < this.#limit && misses < this.#queues.length) {
      const queue = this.#queues[this.#turn++ % this.#queues.length] as AnyQueue
      if (this.#startApart(queue)) {
        misses = 0
        continue
      }
      const batch = queue.take()
      if (batch === undefined) {
        misses++
        continue
      }
      misses = 0
      this.#underWay++
      void batch().finally(() => this.#freed())
    }
  }

  #startApart (queue: AnyQueue): boolean {
    if (this.#apart >= Math.max(1, this.#limit >> 1)) return false
    const single = queue.takeApart()
    if (single === undefined) return false
    this.#underWay++
    this.#apart++
    if (single.key !== undefined) this.#suspects.set(single.key, Infinity)
    void single.send().then(succeeded => {
      this.#apart--
      if (single.key !== undefined) this.#judge(single.key, succeeded)
      this.#freed()
    })
    return true
  }

  #freed (): void {
    this.#underWay--
    this.#start()
    this.#tellIfIdle()
  }

  #isSuspect (key: string | undefined): boolean {
    if (key === undefined || this.#suspects.size === 0) return false
    const until = this.#suspects.get(key)
    if (until === undefined) return false
    if (until > performance.now()) return true
    this.#suspects.delete(key)
    return false
  }

  #judge (key: string, succeeded: boolean): void {
    if (succeeded) this.#suspects.delete(key)
    else this.#suspects.set(key, performance.now() + SUSPICION)
    // What is suspect no longer must not stay for want of a question.
    if (this.#suspects.size > 1000) for (const suspect of this.#suspects.keys()) this.#isSuspect(suspect)
  }
}

/** Somebody who waits for an answer, which comes once. */
class Caller<Item, Answer> {
  readonly item: Item
  /** When it stops waiting, in milliseconds of the process's monotonic clock. */
  readonly until: number
  done = false
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: unknown) => void
  readonly #answered: () => void
  readonly #timer: NodeJS.Timeout

  constructor (item: Item, resolve: (answer: Answer) => void, reject: (error: unknown) => void, timeout: number, answered: () => void) {
    this.item = item
    this.until = performance.now() + timeout
    this.#resolve = resolve
    this.#reject = reject
    this.#answered = answered
    this.#timer = setTimeout(() => this.#giveUp(timeout), timeout)
  }

  resolve (answer: Answer): void {
    if (this.#end()) this.#resolve(answer)
  }

  reject (error: unknown): void {
    if (this.#end()) this.#reject(error)
  }

  #giveUp (timeout: number): void {
    this.reject(new StoreUnavailableError(`no answer within ${timeout} ms`))
  }

  #end (): boolean {
    if (this.done) return false
    this.done = true
    clearTimeout(this.#timer)
    this.#answered()
    return true
  }
}

interface AnyQueue {
  /** Takes the next batch out; the function sends it, and never rejects. */
  take (): (() => Promise<void>) | undefined
  /** Takes the next item that goes alone out; `send` says whether it succeeded, and never rejects. */
  takeApart (): { readonly key: string | undefined, readonly send: () => Promise<boolean> } | undefined
}

/** The callers of one kind, in the order in which they came. */
class Queue<Item, Answer> implements AnyQueue {
  readonly #kind: BatchKind<Item, Answer>
  #waiting: Array<Caller<Item, Answer>> = []
  readonly #apart: Array<Caller<Item, Answer>> = []

  constructor (kind: BatchKind<Item, Answer>) {
    this.#kind = kind
  }

  add (caller: Caller<Item, Answer>, isSuspect: boolean): void {
    (isSuspect ? this.#apart : this.#waiting).push(caller)
  }

  take (): (() => Promise<void>) | undefined {
    const batch = this.#nextBatch()
    return batch.length === 0 ? undefined : async () => { await this.#send(batch) }
  }

  takeApart (): { readonly key: string | undefined, readonly send: () => Promise<boolean> } | undefined {
    let caller = this.#apart.shift()
    while (caller?.done) caller = this.#apart.shift()
    if (caller === undefined) return undefined
    const single = caller
    return { key: this.#kind.key(single.item), send: async () => await this.#send([single]) }
  }

  #nextBatch (): Array<Caller<Item, Answer>> {
    const { maxItems, maxBytes } = this.#kind
    const batch: Array<Caller<Item, Answer>> = []
    const later: Array<Caller<Item, Answer>> = []
    const keys = new Set<string>()
    let bytes = 0
    let i = 0
    for (; i < this.#waiting.length && batch.length < maxItems && bytes < maxBytes; i++) {
      const caller = this.#waiting[i] as Caller<Item, Answer>
      if (caller.done) continue
      const size = this.#kind.bytes(caller.item)
      const key = this.#kind.key(caller.item)
      if ((batch.length > 0 && bytes + size > maxBytes) || (key !== undefined && keys.has(key))) {
        later.push(caller)
        continue
      }
      if (key !== undefined) keys.add(key)
      bytes += size
      batch.push(caller)
    }
    this.#waiting = i === this.#waiting.length ? later : later.concat(this.#waiting.slice(i))
    return batch
  }

  async #send (batch: ReadonlyArray<Caller<Item, Answer>>): Promise<boolean> {
    const until = batch.reduce((latest, caller) => Math.max(latest, caller.until), 0)
    try {
      const answers = await this.#kind.send(batch.map(caller => caller.item), until - performance.now())
      batch.forEach((caller, i) => caller.resolve(answers[i] as Answer))
      return true
    } catch (error) {
      if (batch.length > 1 && this.#kind.isWorthApart(error)) this.#apart.push(...batch)
      else for (const caller of batch) caller.reject(this.#kind.failure(error))
      return false
    }
  }
}
