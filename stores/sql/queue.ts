import type { BatchKind } from './batch.js'
import type { Caller } from './caller.js'
import type { Keys } from './keys.js'
import type { StoreReport } from '../diagnostics.js'

/** The callers whose items go out in one statement. */
export interface Batch {
  /** The rows for which nothing else may be sent meanwhile. */
  readonly keys: ReadonlySet<string>
  /** The statement is for one item, which may fail or find its row locked. */
  readonly isIsolated: boolean
  /** Sends the statement and answers the callers. Says whether the statement succeeded; never rejects. */
  send (): Promise<boolean>
}

/** How long an item rests after it found its row locked, in milliseconds, so that others have the lane in between. */
const REST = 250

/** The callers of one kind of statement that are waiting to be sent, in the order in which they came. */
export class Queue<Item, Answer> {
  readonly #kind: BatchKind<Item, Answer>
  readonly #keys: Keys
  readonly #onAdded: () => void
  readonly #report: StoreReport | undefined
  #waiting: Array<Caller<Item, Answer>> = []

  /** @param onAdded called when there is something new to choose from */
  constructor (kind: BatchKind<Item, Answer>, keys: Keys, onAdded: () => void, report?: StoreReport) {
    this.#kind = kind
    this.#keys = keys
    this.#onAdded = onAdded
    this.#report = report
  }

  get isReading (): boolean {
    return this.#kind.isReading === true
  }

  add (caller: Caller<Item, Answer>): void {
    this.#waiting.push(caller)
    this.#onAdded()
  }

  /** Drops the callers that wait no longer. */
  purge (): void {
    this.#waiting = this.#waiting.filter(({ isAnswered }) => !isAnswered)
  }

  /**
   * Chooses what goes out next, alone or together, and takes it out of the queue.
   *
   * The oldest go first. When the oldest has waited for more than half of its time, more is asked than can be answered, and
   * the newest go first: in the old order each would be answered just before or after its deadline.
   *
   * @param mayIsolate whether an item may go that is isolated
   */
  take (mayIsolate: boolean): Batch | undefined {
    if (this.#waiting.length === 0) return undefined
    const isNewestFirst = this.#isOverloaded()
    if (isNewestFirst) this.#waiting.reverse()
    const batch = this.#choose(mayIsolate)
    if (isNewestFirst) this.#waiting.reverse()
    return batch
  }

  #isOverloaded (): boolean {
    const oldest = this.#waiting.find(caller => !caller.isAnswered && caller.timesLocked === 0 && !this.#keys.areBusy(caller.keys))
    return oldest?.isLate(performance.now()) ?? false
  }

  #choose (mayIsolate: boolean): Batch | undefined {
    const together = new Together(this.#kind, this.#keys)
    const passedOver: Array<Caller<Item, Answer>> = []
    let isolated: Caller<Item, Answer> | undefined
    let next = 0
    while (next < this.#waiting.length && isolated === undefined && !together.isFull) {
      const caller = this.#waiting[next++] as Caller<Item, Answer>
      if (caller.isAnswered) continue
      const isAlone = caller.isIsolated || this.#keys.areSuspect(caller.keys)
      if (isAlone && mayIsolate && together.callers.length === 0 && !this.#keys.areBusy(caller.keys)) isolated = caller
      else if (isAlone || !together.add(caller)) passedOver.push(caller)
    }
    this.#waiting = passedOver.concat(this.#waiting.slice(next))
    if (isolated !== undefined) return this.#batch([isolated], new Set(isolated.keys), true)
    return together.callers.length === 0 ? undefined : this.#batch(together.callers, together.keys, false)
  }

  #batch (callers: ReadonlyArray<Caller<Item, Answer>>, keys: ReadonlySet<string>, isIsolated: boolean): Batch {
    return { keys, isIsolated, send: async () => await this.#send(callers) }
  }

  async #send (callers: ReadonlyArray<Caller<Item, Answer>>): Promise<boolean> {
    const deadline = callers.reduce((latest, { deadline }) => Math.max(latest, deadline), 0)
    const { operation = 'other', dataBytes } = this.#kind
    const tell = this.#report?.begin(operation, callers, this.#waiting.length)
    try {
      const answers = await this.#kind.send(callers.map(({ item }) => item), deadline, callers[0]?.timesLocked ?? 0)
      tell?.(callers.reduce((sum, { item }, i) => sum + (dataBytes?.(item, answers[i] as Answer) ?? 0), 0))
      callers.forEach((caller, i) => caller.resolve(answers[i] as Answer))
      return true
    } catch (error) {
      tell?.(0, error)
      if (callers.length > 1 && this.#kind.canRetryIndividually(error)) this.#isolate(callers)
      else for (const caller of callers) this.#failed(caller, error)
      return false
    }
  }

  /** They have waited longest, so they go to the front. */
  #isolate (callers: ReadonlyArray<Caller<Item, Answer>>): void {
    for (const caller of callers) caller.isIsolated = true
    this.#waiting = callers.concat(this.#waiting)
    this.#onAdded()
  }

  /** Rejects, unless the row was locked and there is time for another attempt. */
  #failed (caller: Caller<Item, Answer>, error: unknown): void {
    const failure = this.#kind.failure(error)
    if (caller.keys.length === 0 || !this.#kind.isLocked(error) || performance.now() + REST >= caller.deadline) {
      caller.reject(failure)
      return
    }
    caller.isIsolated = true
    caller.timesLocked++
    caller.lastFailure = failure
    setTimeout(() => { if (!caller.isAnswered) this.add(caller) }, REST)
  }
}

/** The items of a statement that is being filled. */
class Together<Item, Answer> {
  readonly callers: Array<Caller<Item, Answer>> = []
  /** The rows for which nothing else may be sent meanwhile. Readers do not get into each other's way. */
  readonly keys = new Set<string>()
  readonly #kind: BatchKind<Item, Answer>
  readonly #underWay: Keys
  #bytes = 0

  constructor (kind: BatchKind<Item, Answer>, underWay: Keys) {
    this.#kind = kind
    this.#underWay = underWay
  }

  get isFull (): boolean {
    return this.callers.length >= this.#kind.maxItems || this.#bytes >= this.#kind.maxBytes
  }

  /** False if the item cannot join this statement. */
  add (caller: Caller<Item, Answer>): boolean {
    const bytes = this.#kind.bytes(caller.item)
    if (this.callers.length > 0 && this.#bytes + bytes > this.#kind.maxBytes) return false
    if (this.#kind.isReading !== true) {
      if (this.#underWay.areBusy(caller.keys) || caller.keys.some(key => this.keys.has(key))) return false
      for (const key of caller.keys) this.keys.add(key)
    }
    this.#bytes += bytes
    this.callers.push(caller)
    return true
  }
}
