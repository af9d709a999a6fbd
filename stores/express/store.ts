import type { ExpressSession, ExpressSource } from './source.js'
import { InvalidOptionError } from '../errors.js'
import { described } from '../validate.js'

/** A store of express-session, such as those of connect-redis, connect-pg-simple, connect-mongo and memorystore. */
export interface ExpressStore {
  get (id: string, callback: (error?: unknown, session?: never) => void): unknown
  set (id: string, session: never, callback: (error?: unknown) => void): unknown
  destroy (id: string, callback: (error?: unknown) => void): unknown
}

export function isExpressStore (value: unknown): value is ExpressStore {
  return typeof value === 'object' && value !== null &&
    ['get', 'set', 'destroy'].every(name => typeof (value as { readonly [name: string]: unknown })[name] === 'function')
}

/** Throws `FST_SESSION_INVALID_OPTION` for anything but a store of express-session. */
export function checkExpressStore (value: unknown, wanted: string): asserts value is ExpressStore {
  if (!isExpressStore(value)) throw new InvalidOptionError(`${wanted}, an object with the methods get, set and destroy, not ${described(value)}`)
}

/** Calls a method of a store that takes a callback. Some stores return a promise as well, and call back or not. */
export async function called<T> (call: (callback: (error?: unknown, result?: T) => void) => unknown): Promise<T | undefined> {
  return await new Promise((resolve, reject) => {
    const returned = call((error, result) => {
      if (isError(error)) reject(error)
      else resolve(result ?? undefined)
    })
    if (returned instanceof Promise) returned.catch(reject)
  })
}

/** Sessions in a store of express-session. */
export class ExpressStoreSource implements ExpressSource {
  readonly #store: ExpressStore

  constructor (store: unknown) {
    checkExpressStore(store, 'store must be a store of express-session')
    this.#store = store
  }

  async read (id: string): Promise<ExpressSession | undefined> {
    const data = await called<object>(callback => this.#store.get(id, callback))
    return data === undefined ? undefined : { data }
  }

  async end (id: string): Promise<void> {
    await called(callback => this.#store.destroy(id, callback))
  }
}

/** A store of files says with ENOENT that there is no such session. */
function isError (error: unknown): boolean {
  return error !== undefined && error !== null && error !== false && !(error instanceof Error && 'code' in error && error.code === 'ENOENT')
}
