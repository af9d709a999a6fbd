/*
 * Many sessions in one statement.
 *
 * What waits at the same moment goes out together. The moment is one turn of the event loop: `setImmediate` runs when all
 * the sockets that were readable have been read, so requests that arrived together are one statement, and a request that
 * arrived alone waits for nobody. While the statements are under way the next batch gathers, and goes one turn after a lane
 * has become free, so that whoever has just been answered, and asks again, travels with it: no timer, no delay where there
 * is no load, and larger batches the more load there is. Every answer is the answer to a statement that was sent after the
 * question.
 *
 * A statement that fails as a whole is taken apart, and its items go out one by one on at most half of the lanes, so that
 * one bad or locked row costs only its own request. The key of such an item stays out of batches while it is under way,
 * and for a while after it has failed. Transactions, which wait for their rows as long as they may, use that half too. And
 * a key is in one writing statement at a time: a locked row holds one lane, however many requests it has. Readers do not get
 * into each other's way, so for them that holds only once their statement has failed.
 */
import { StoreUnavailableError } from '../errors.js'

/** One kind of statement, and what must be known of the items that go into it. */
export interface BatchKind<Item, Answer> {
  /** The most items that go into one statement. */
  readonly maxItems: number
  /** The most bytes that go into one statement; a larger item goes alone. */
  readonly maxBytes: number
  bytes (item: Item): number
  /** The rows that the item locks or waits for. Two items that have one in common are never under way at the same time. */
  keys (item: Item): readonly string[]
  /** The items only read: while nothing is amiss any number of them may be under way for one row. Default false. */
  readonly isReading?: boolean
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
  /** The keys of all that is under way. */
  readonly #busy = new Set<string>()
  readonly #alone: (item: Alone) => Promise<unknown>
  #waiting = 0
  #arrivals: Arrivals | undefined
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
      keys: ({ keys }) => keys,
      send: async ([item], timeLeft) => [await item?.send(timeLeft)],
      isWorthApart: () => false,
      failure
    })
  }

  /** A function that sends items of this kind, in batches. It rejects with `FST_SESSION_STORE_UNAVAILABLE` when time is up. */
  batch<Item, Answer> (kind: BatchKind<Item, Answer>): (item: Item) => Promise<Answer> {
    const queue = new Queue(kind, this.#busy, key => this.#isSuspect(key))
    this.#queues.push(queue)
    return item => new Promise<Answer>((resolve, reject) => {
      if (this.#waiting >= this.#maxWaiting) {
        reject(new StoreUnavailableError(`${this.#maxWaiting} requests are waiting for it`))
        return
      }
      this.#waiting++
      this.#arrivals ??= new Arrivals(this.#timeout)
      queue.add(new Caller(item, kind.keys(item), resolve, reject, this.#arrivals, this.#answered))
      this.#schedule()
    })
  }

  /** Sends one statement, or a transaction that locks the rows of `keys`, on a lane of its own. */
  async alone<Answer> (send: (timeLeft: number) => Promise<Answer>, keys: readonly string[] = []): Promise<Answer> {
    let answer: { readonly value: Answer } | undefined
    await this.#alone({ keys, send: async timeLeft => { answer = { value: await send(timeLeft) } } })
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
      this.#arrivals = undefined
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
      this.#begin(batch.keys)
      void batch.send().then(() => this.#freed(batch.keys))
    }
  }

  #startApart (queue: AnyQueue): boolean {
    if (this.#apart >= Math.max(1, this.#limit >> 1)) return false
    const single = queue.takeApart()
    if (single === undefined) return false
    this.#begin(single.keys)
    this.#apart++
    for (const key of single.keys) this.#suspects.set(key, Infinity)
    void single.send().then(succeeded => {
      this.#apart--
      for (const key of single.keys) this.#judge(key, succeeded)
      this.#freed(single.keys)
    })
    return true
  }

  #begin (keys: readonly string[]): void {
    this.#underWay++
    for (const key of keys) this.#busy.add(key)
  }

  #freed (keys: readonly string[]): void {
    for (const key of keys) this.#busy.delete(key)
    this.#underWay--
    this.#schedule()
    this.#tellIfIdle()
  }

  #isSuspect (key: string): boolean {
    if (this.#suspects.size === 0) return false
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

/** Those who came in one turn of the event loop. They stop waiting together, so that one timer serves them all. */
class Arrivals {
  /** When they stop waiting, in milliseconds of the process's monotonic clock. */
  readonly until: number
  readonly #waiting: Array<{ reject (error: unknown): void }> = []
  readonly #timer: NodeJS.Timeout
  #left = 0

  constructor (timeout: number) {
    this.until = performance.now() + timeout
    this.#timer = setTimeout(() => {
      for (const caller of this.#waiting) caller.reject(new StoreUnavailableError(`no answer within ${timeout} ms`))
    }, timeout)
  }

  add (caller: { reject (error: unknown): void }): void {
    this.#waiting.push(caller)
    this.#left++
  }

  answered (): void {
    if (--this.#left === 0) clearTimeout(this.#timer)
  }
}

/** Somebody who waits for an answer, which comes once. */
class Caller<Item, Answer> {
  readonly item: Item
  readonly keys: readonly string[]
  done = false
  readonly #resolve: (answer: Answer) => void
  readonly #reject: (error: unknown) => void
  readonly #arrivals: Arrivals
  readonly #answered: () => void

  constructor (item: Item, keys: readonly string[], resolve: (answer: Answer) => void, reject: (error: unknown) => void, arrivals: Arrivals, answered: () => void) {
    this.item = item
    this.keys = keys
    this.#resolve = resolve
    this.#reject = reject
    this.#arrivals = arrivals
    this.#answered = answered
    arrivals.add(this)
  }

  /** When it stops waiting, in milliseconds of the process's monotonic clock. */
  get until (): number {
    return this.#arrivals.until
  }

  resolve (answer: Answer): void {
    if (this.#end()) this.#resolve(answer)
  }

  reject (error: unknown): void {
    if (this.#end()) this.#reject(error)
  }

  #end (): boolean {
    if (this.done) return false
    this.done = true
    this.#arrivals.answered()
    this.#answered()
    return true
  }
}

/** What {@link Lanes.alone} sends. */
interface Alone {
  readonly keys: readonly string[]
  readonly send: (timeLeft: number) => Promise<unknown>
}

const NONE: readonly never[] = []

/** One statement, ready to go. */
interface Sending {
  /** The rows that nothing else may be sent for meanwhile. */
  readonly keys: readonly string[]
  /** Says whether it succeeded, and never rejects. */
  readonly send: () => Promise<boolean>
}

interface AnyQueue {
  /** Takes the next batch out. */
  take (): Sending | undefined
  /** Takes the next item that goes alone out. */
  takeApart (): Sending | undefined
}

/** The callers of one kind, in the order in which they came. */
class Queue<Item, Answer> implements AnyQueue {
  readonly #kind: BatchKind<Item, Answer>
  readonly #busy: ReadonlySet<string>
  readonly #isSuspect: (key: string) => boolean
  #waiting: Array<Caller<Item, Answer>> = []
  readonly #apart: Array<Caller<Item, Answer>> = []

  /**
   * @param busy the keys of what is under way
   * @param isSuspect whether items of a key must go alone
   */
  constructor (kind: BatchKind<Item, Answer>, busy: ReadonlySet<string>, isSuspect: (key: string) => boolean) {
    this.#kind = kind
    this.#busy = busy
    this.#isSuspect = isSuspect
  }

  add (caller: Caller<Item, Answer>): void {
    // One that locks rows and goes alone anyway may wait long for them.
    const isApart = caller.keys.length > 0 && (this.#kind.maxItems === 1 || caller.keys.some(this.#isSuspect))
    if (isApart) this.#apart.push(caller)
    else this.#waiting.push(caller)
  }

  take (): Sending | undefined {
    const batch = this.#nextBatch()
    return batch.length === 0 ? undefined : this.#sending(batch, this.#kind.isReading === true ? NONE : batch.flatMap(({ keys }) => keys))
  }

  takeApart (): Sending | undefined {
    while (this.#apart[0]?.done) this.#apart.shift()
    const next = this.#apart.findIndex(caller => !caller.done && !this.#isBusy(caller))
    if (next === -1) return undefined
    const single = this.#apart.splice(next, 1)
    return this.#sending(single, single[0]?.keys ?? NONE)
  }

  #isBusy ({ keys }: Caller<Item, Answer>): boolean {
    return keys.some(key => this.#busy.has(key))
  }

  #sending (batch: ReadonlyArray<Caller<Item, Answer>>, keys: readonly string[]): Sending {
    return { keys, send: async () => await this.#send(batch) }
  }

  #nextBatch (): Array<Caller<Item, Answer>> {
    const { maxItems, maxBytes, isReading = false } = this.#kind
    const batch: Array<Caller<Item, Answer>> = []
    const later: Array<Caller<Item, Answer>> = []
    const keys = new Set<string>()
    let bytes = 0
    let i = 0
    for (; i < this.#waiting.length && batch.length < maxItems && bytes < maxBytes; i++) {
      const caller = this.#waiting[i] as Caller<Item, Answer>
      if (caller.done) continue
      if (caller.keys.some(this.#isSuspect)) {
        this.#apart.push(caller)
        continue
      }
      const size = this.#kind.bytes(caller.item)
      const isTaken = !isReading && (this.#isBusy(caller) || caller.keys.some(key => keys.has(key)))
      if (isTaken || (batch.length > 0 && bytes + size > maxBytes)) {
        later.push(caller)
        continue
      }
      if (!isReading) for (const key of caller.keys) keys.add(key)
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
