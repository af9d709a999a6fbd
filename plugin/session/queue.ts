import { Outcome } from './outcome.js'
import { errorCode } from '../../stores/errors.js'

/** Runs the operations of a request one after another, and keeps the failure of the last one. */
export class Queue {
  #last: Promise<void> | undefined
  #failure: Failure | undefined

  /** The failure of the last write; if that has succeeded, the first failure of a read since then. Undefined if there is none. */
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
   * Runs a write once the earlier operations are over; at once if there are none.
   *
   * @param snapshot takes the input of the operation: for a commit the changes. It is called now, even if the operation has to
   * wait. If it throws, the operation does not run and is not recorded as failed. The next operation takes the same input.
   * @param work the operation
   * @param onFailure is called after the operation has failed
   */
  run<T, R> (snapshot: () => T, work: (taken: T) => Promise<R>, onFailure: () => void): Promise<R> {
    let taken: T
    try {
      taken = snapshot()
    } catch (error) {
      return new Outcome<R>((_resolve, reject) => reject(error))
    }
    return this.#enqueue(() => work(taken), failure => this.#wrote(failure, onFailure))
  }

  /**
   * Runs an operation that writes nothing, in the same order. The reply reports its failure only if the application does not
   * await it.
   */
  read<R> (work: () => Promise<R>, onFailure: () => void): Promise<R> {
    return this.#enqueue(work, failure => {
      if (failure === undefined || this.#failure !== undefined) return
      this.#failure = failure
      failure.isOfRead = true
      onFailure()
    })
  }

  /**
   * As {@link run}, for the commit that the plugin makes itself before the reply. The caller must await it at once: a rejection that
   * nobody awaits would end the process.
   */
  runOwn<T, R> (snapshot: () => T, work: (taken: T) => Promise<R>, onFailure: () => void): Promise<R> {
    return new Promise((resolve, reject) => {
      const taken = snapshot()
      this.#begin(() => work(taken), value => {
        this.#wrote(undefined, onFailure)
        resolve(value)
      }, error => {
        this.#wrote(new Failure(error, AWAITED), onFailure)
        reject(error)
      })
    })
  }

  /** A write is over. Its outcome takes the place of earlier failures. */
  #wrote (failure: Failure | undefined, onFailure: () => void): void {
    this.#failure = failure
    if (failure !== undefined) onFailure()
  }

  /** @param end is called with the failure, or with undefined, before the promise settles */
  #enqueue<R> (work: () => Promise<R>, end: (failure: Failure | undefined) => void): Promise<R> {
    const outcome = new Outcome<R>((resolve, reject) => {
      this.#begin(work, value => {
        end(undefined)
        resolve(value)
      }, error => {
        end(new Failure(error, outcome))
        reject(error)
      })
    })
    return outcome
  }

  /** Begins an operation once the one before is over; at once if there is none. */
  #begin<R> (work: () => Promise<R>, succeeded: (value: R) => void, failed: (error: unknown) => void): void {
    const running = this.#last === undefined ? begun(work) : this.#last.then(work)
    const leave = (): void => { if (this.#last === last) this.#last = undefined }
    const last = running.then(value => {
      succeeded(value)
      leave()
    }, (error: unknown) => {
      failed(error)
      leave()
    })
    this.#last = last
  }
}

/** Begins an operation. A synchronous throw counts as a rejection. */
function begun<R> (work: () => Promise<R>): Promise<R> {
  try {
    return work()
  } catch (error) {
    return Promise.reject(error)
  }
}

const AWAITED = { isAwaited: true }

/** The failure of an operation. */
export class Failure {
  readonly error: unknown
  /** Whether the request has been answered with the failure, or the log tells it. */
  isReported = false
  /** Whether the operation was a read. */
  isOfRead = false
  readonly #outcome: { readonly isAwaited: boolean }

  constructor (error: unknown, outcome: { readonly isAwaited: boolean }) {
    this.error = error
    this.#outcome = outcome
  }

  /** Whether the application awaits the operation, and so learns of the failure. */
  get isAwaited (): boolean {
    return this.#outcome.isAwaited
  }

  /** Whether the other error has the same code. */
  isLike (error: unknown): boolean {
    const code = errorCode(this.error)
    return code !== undefined && code === errorCode(error)
  }
}
