/**
 * Is called once with null, or with the error. What it throws, also later as an async function, becomes the request's error.
 */
// TypeScript checks the parameters of a method less strictly, so a callback may declare any class of error.
export type SessionCallback = { call (error: Error | null): unknown }['call']

/**
 * The promise of an operation. It knows whether the application awaits it. If nobody does, its rejection is not an
 * unhandled one, which would end the process: the reply reports the failure.
 */
export class Outcome<T = void> extends Promise<T> {
  isAwaited = false

  static override get [Symbol.species] (): PromiseConstructor {
    return Promise
  }

  constructor (executor: (resolve: (value: T) => void, reject: (error: unknown) => void) => void) {
    super(executor)
    void super.then(undefined, () => {})
  }

  override then<A = T, B = never> (onFulfilled?: ((value: T) => A | PromiseLike<A>) | null, onRejected?: ((reason: unknown) => B | PromiseLike<B>) | null): Promise<A | B> {
    this.isAwaited = true
    return super.then(onFulfilled, onRejected)
  }
}

/**
 * Calls back once an operation is over, and returns the operation's promise.
 *
 * @param callback what the application has passed, if it has passed anything
 * @param onThrow gets what the callback throws
 */
export function calledBack<T> (outcome: Promise<T>, callback: SessionCallback | undefined, onThrow: (error: unknown) => void): Promise<T> {
  if (callback !== undefined) {
    const call = async (error: Error | null): Promise<void> => { await callback(error) }
    void outcome.then(async () => { await call(null) }, call).catch(onThrow)
  }
  return outcome
}
