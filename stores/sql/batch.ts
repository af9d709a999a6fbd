import { Caller } from './caller.js'
import { Deadlines, type Waiting } from '../deadlines.js'
import { Keys } from './keys.js'
import { Queue, type Batch } from './queue.js'
import type { Operation, StoreReport } from '../diagnostics.js'
import { ofRead, StoreUnavailableError } from '../errors.js'

/** One kind of statement, and what must be known of the items that go into it. */
export interface BatchKind<Item, Answer> {
  /** The name of the operation in the event of the statement. Default 'other'. */
  readonly operation?: Operation
  /** For its event: how many bytes of sessions' data an item has sent or got. Default 0. */
  dataBytes? (item: Item, answer: Answer): number
  /** The most items in one statement. */
  readonly maxItems: number
  /** The most bytes in one statement. A larger item goes alone. */
  readonly maxBytes: number
  bytes (item: Item): number
  /** The rows that the item locks or waits for. */
  keys (item: Item): readonly string[]
  /** The statement only reads. Default false. */
  readonly isReading?: boolean
  /** Each item is a transaction, which may hold its lane for long: it counts as isolated from the beginning. Default false. */
  readonly isTransaction?: boolean
  /**
   * Sends a statement for these items and returns their answers, in their order. A rejection means that none of them has an
   * answer.
   *
   * @param deadline when the last of their callers stops waiting, in milliseconds of `performance.now()`
   * @param timesLocked how often the item was sent alone and found its row locked
   */
  send (items: readonly Item[], deadline: number, timesLocked: number): Promise<readonly Answer[]>
  /** Whether nothing was done, and one item may be to blame. The items of a batch are then sent one by one. */
  canRetryIndividually (error: unknown): boolean
  /** Whether somebody else held the lock of a row for too long. An item that was alone is then sent again until its deadline. */
  isLocked (error: unknown): boolean
  /** What a caller gets for an error of `send`, made anew for each caller. */
  failure (error: unknown): unknown
}

/** The options of {@link Lanes}. */
export interface LaneOptions extends Pick<BatchKind<never, never>, 'isLocked' | 'failure'> {
  /** How many statements may be under way at a time. */
  readonly limit: number
  /** How many callers may wait at a time. The next one is refused at once. Default {@link MOST_CALLERS}. */
  readonly mostCallers?: number
  /** Is told of every statement. */
  readonly report?: StoreReport
}

/** One statement, or a transaction, that shares nothing with others. */
export interface Alone {
  /** The rows that it locks. Default none. */
  readonly keys?: readonly string[]
  /** It only reads. Default false. */
  readonly isReading?: boolean
  /** When the caller stops waiting, in milliseconds of `performance.now()`. */
  readonly deadline: number
}

export const MOST_CALLERS = 10_000

/** What a caller gets that is one too many. */
export function tooManyCallers (most: number): StoreUnavailableError {
  return new StoreUnavailableError(`${most} requests are waiting for it`)
}

/**
 * Sends many sessions in one statement, and only a few statements at a time. A lane is the place of one statement.
 *
 * Items that are added in one turn of the event loop go out together. `setImmediate` runs after every readable socket has
 * been read, so requests that arrived together share a statement, and a request that arrived alone is sent at once. While
 * all lanes are taken items wait, and go out one turn after a lane is free, so that callers who were just answered can join.
 * There is no delay without load, and batches grow with the load. Each answer is that of a statement that was sent after
 * the question.
 *
 * A statement that fails as a whole may have been failed by one bad or locked row. Its items are isolated: each goes out in
 * a statement of its own. For a while the row of an item that failed alone stays out of batches too.
 *
 * A locked row must not stop the requests for other rows:
 * - one row is in one writing statement at a time, so a locked row holds one lane, however many requests it has;
 * - isolated items and transactions take at most half of the lanes;
 * - one lane of three or more is kept for statements that only read.
 */
export class Lanes {
  readonly #options: LaneOptions
  readonly #mostCallers: number
  readonly #queues: Array<Pick<Queue<never, never>, 'isReading' | 'take' | 'purge'>> = []
  readonly #keys = new Keys()
  readonly #deadlines = new Deadlines(() => this.#purge())
  readonly #whenIdle: Array<() => void> = []
  readonly #readAlone: (item: AloneItem, deadline: number) => Promise<unknown>
  readonly #writeAlone: (item: AloneItem, deadline: number) => Promise<unknown>
  #underWay = 0
  #isolated = 0
  #writing = 0
  #turn = 0
  #isScheduled = false

  constructor (options: LaneOptions) {
    this.#options = options
    this.#mostCallers = options.mostCallers ?? MOST_CALLERS
    this.#readAlone = this.#aloneBatch(true)
    this.#writeAlone = this.#aloneBatch(false)
  }

  /**
   * A function that sends items of this kind, in batches. It rejects with `FST_SESSION_STORE_UNAVAILABLE` after `deadline`, in
   * milliseconds of `performance.now()`, and when too many callers wait.
   */
  batch<Item, Answer> (kind: BatchKind<Item, Answer>): (item: Item, deadline: number) => Promise<Answer> {
    const queue = new Queue(kind, this.#keys, () => this.#schedule(), this.#options.report)
    this.#queues.push(queue)
    return (item, deadline) => {
      if (this.#deadlines.size >= this.#mostCallers) {
        const error = tooManyCallers(this.#mostCallers)
        return Promise.reject(queue.isReading ? ofRead(error) : error)
      }
      const keys = kind.keys(item)
      const caller = new Caller<Item, Answer>(item, keys, queue.isReading, deadline, this.#answered)
      caller.isIsolated = kind.isTransaction === true && keys.length > 0
      this.#deadlines.add(caller)
      queue.add(caller)
      return caller.answer
    }
  }

  /** Sends one statement, or a transaction, on a lane of its own. `send` may be called again if its rows were locked. */
  async alone<Answer> (send: AloneItem<Answer>['send'], { keys = [], isReading = false, deadline }: Alone): Promise<Answer> {
    let answer: { readonly value: Answer } | undefined
    const item: AloneItem = { keys, send: async (deadline, timesLocked) => { answer = { value: await send(deadline, timesLocked) } } }
    await (isReading ? this.#readAlone(item, deadline) : this.#writeAlone(item, deadline))
    // It has resolved, so the line before has run.
    return (answer as unknown as { readonly value: Answer }).value
  }

  /** How many statements are under way, and how many callers are not answered. */
  get load (): { readonly underWay: number, readonly waiting: number } {
    return { underWay: this.#underWay, waiting: this.#deadlines.size }
  }

  /** Resolves when no caller waits and no statement is under way. */
  async settled (): Promise<void> {
    if (!this.#isIdle) await new Promise<void>(resolve => this.#whenIdle.push(resolve))
  }

  #aloneBatch (isReading: boolean): (item: AloneItem, deadline: number) => Promise<unknown> {
    return this.batch<AloneItem, unknown>({
      operation: isReading ? 'other' : 'transaction',
      maxItems: 1,
      maxBytes: Infinity,
      isReading,
      isTransaction: !isReading,
      bytes: () => 0,
      keys: ({ keys }) => keys,
      send: async ([item], deadline, timesLocked) => [await item?.send(deadline, timesLocked)],
      canRetryIndividually: () => false,
      isLocked: this.#options.isLocked,
      failure: this.#options.failure
    })
  }

  #schedule (): void {
    if (this.#isScheduled) return
    this.#isScheduled = true
    setImmediate(() => {
      this.#isScheduled = false
      this.#start()
    })
  }

  /** Fills the free lanes, each kind in its turn. */
  #start (): void {
    let misses = 0
    while (this.#underWay < this.#options.limit && misses < this.#queues.length) {
      const queue = this.#queues[this.#turn++ % this.#queues.length]
      const batch = queue !== undefined && (queue.isReading || this.#mayWrite) ? queue.take(this.#mayIsolate) : undefined
      if (batch === undefined) {
        misses++
      } else {
        misses = 0
        void this.#send(batch, queue?.isReading === true)
      }
    }
  }

  async #send (batch: Batch, isReading: boolean): Promise<void> {
    const { keys, isIsolated } = batch
    this.#underWay++
    if (isIsolated) this.#isolated++
    if (!isReading) this.#writing++
    this.#keys.begin(keys, isIsolated)

    const hasSucceeded = await batch.send()

    this.#underWay--
    if (isIsolated) this.#isolated--
    if (!isReading) this.#writing--
    this.#keys.end(keys, isIsolated, hasSucceeded)
    this.#schedule()
    this.#tellIfIdle()
  }

  get #mayWrite (): boolean {
    const { limit } = this.#options
    return this.#writing < (limit < 3 ? limit : limit - 1)
  }

  get #mayIsolate (): boolean {
    return this.#isolated < Math.max(1, this.#options.limit >> 1)
  }

  get #isIdle (): boolean {
    return this.#underWay === 0 && this.#deadlines.size === 0
  }

  readonly #answered = (caller: Waiting): void => {
    this.#deadlines.delete(caller)
    this.#tellIfIdle()
  }

  #tellIfIdle (): void {
    if (this.#isIdle) this.#whenIdle.splice(0).forEach(resolve => resolve())
  }

  #purge (): void {
    for (const queue of this.#queues) queue.purge()
  }
}

/** What {@link Lanes.alone} sends. */
interface AloneItem<Answer = unknown> {
  readonly keys: readonly string[]
  /** The parameters are those of {@link BatchKind.send}. */
  readonly send: (deadline: number, timesLocked: number) => Promise<Answer>
}
