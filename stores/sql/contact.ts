import { MOST_CALLERS, tooManyCallers } from './batch.js'
import { inTime } from '../deadline.js'
import { StoreUnavailableError } from '../errors.js'

/** Reaches the database once for all callers, and again after a failure. `Ready` is what calls need of it. */
export class FirstContact<Ready> {
  readonly #make: () => Promise<Ready>
  readonly #failure: (error: unknown) => unknown
  #ready: Ready | undefined
  #reaching: Promise<Ready> | undefined
  #callers = 0

  /** @param failure the error that a caller gets if `make` rejects, made anew for each */
  constructor (make: () => Promise<Ready>, failure: (error: unknown) => unknown) {
    this.#make = make
    this.#failure = failure
  }

  /** Undefined until the database has been reached. */
  get ready (): Ready | undefined {
    return this.#ready
  }

  /**
   * Waits for the contact, and begins it if nobody has.
   *
   * @param deadline when the caller stops waiting, in milliseconds of `performance.now()`
   */
  async made (deadline: number): Promise<Ready> {
    if (this.#ready !== undefined) return this.#ready
    if (this.#callers >= MOST_CALLERS) throw tooManyCallers(MOST_CALLERS)
    this.#callers++
    try {
      this.#reaching ??= this.#reach()
      return await inTime(this.#reaching, deadline, () => new StoreUnavailableError('it was not reached in time'))
    } catch (error) {
      throw this.#failure(error)
    } finally {
      this.#callers--
    }
  }

  /** The next caller begins the contact anew. */
  forget (): void {
    this.#ready = undefined
  }

  /** Resolves when nobody waits for a contact. */
  async settled (): Promise<void> {
    if (this.#callers > 0) await this.#reaching?.catch(() => {})
  }

  async #reach (): Promise<Ready> {
    try {
      this.#ready = await this.#make()
      return this.#ready
    } finally {
      this.#reaching = undefined
    }
  }
}
