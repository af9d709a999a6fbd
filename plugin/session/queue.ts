import { errorCode } from '../../stores/errors.js'

/** Runs the operations of a request one after another, and keeps the failure of the last one. */
export class Queue {
  #last: Promise<void> | undefined
  #failure: Failure | undefined

  /** What the last operation has failed with. Undefined if it has succeeded. */
  get failure (): Failure | undefined {
    return this.#failure
  }

  /** Whether an operation is running. */
  get isBusy (): boolean {
    return this.#last !== undefined
  }

  /** Resolves when no operation is running. */
  async settled (): Promise<void> {
    while (this.#last !== undefined) await this.#last
  }

  /**
   * Runs an operation once the earlier ones are over; at once if there are none.
   *
   * @param snapshot takes what the operation is about. It is called now, even if the operation has to wait. If it throws,
   * there is no operation: nothing was taken, so the next operation can take it.
   * @param work the operation
   * @param onFailure is called after the operation has failed
   */
  run<T> (snapshot: () => T, work: (taken: T) => Promise<void>, onFailure: () => void): Promise<void> {
    let taken: T
    try {
      taken = snapshot()
    } catch (error) {
      return new Outcome((_resolve, reject) => reject(error))
    }
    const running = this.#last === undefined ? work(taken) : this.#last.then(async () => { await work(taken) })
    let last: Promise<void> | undefined
    const outcome = new Outcome((resolve, reject) => {
      const end = (failure: Failure | undefined): void => {
        this.#failure = failure
        if (this.#last === last) this.#last = undefined
      }
      last = running.then(() => {
        end(undefined)
        resolve()
      }, (error: unknown) => {
        end(new Failure(error, outcome))
        onFailure()
        reject(error)
      })
    })
    this.#last = last
    return outcome
  }
}

/** The failure of an operation. */
export class Failure {
  readonly error: unknown
  /** Whether the request has been answered with the failure, or the log tells it. */
  isReported = false
  readonly #outcome: Outcome

  constructor (error: unknown, outcome: Outcome) {
    this.error = error
    this.#outcome = outcome
  }

  /** Whether the application awaits the operation, and so learns of the failure. */
  get isAwaited (): boolean {
    return this.#outcome.isAwaited
  }

  /** Whether another error says the same. */
  isLike (error: unknown): boolean {
    const code = errorCode(this.error)
    return code !== undefined && code === errorCode(error)
  }
}

/**
 * The promise of an operation. It knows whether the application awaits it. If nobody does, its rejection is not an
 * unhandled one, which would end the process: the reply reports the failure.
 */
class Outcome extends Promise<void> {
  isAwaited = false

  static override get [Symbol.species] (): PromiseConstructor {
    return Promise
  }

  constructor (executor: (resolve: () => void, reject: (error: unknown) => void) => void) {
    super(executor)
    void super.then(undefined, () => {})
  }

  override then<A = void, B = never> (onFulfilled?: ((value: void) => A | PromiseLike<A>) | null, onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<A | B> {
    this.isAwaited = true
    return super.then(onFulfilled, onRejected)
  }
}
