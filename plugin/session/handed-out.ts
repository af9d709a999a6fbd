import { stringify } from '../codecs/value.js'

/**
 * The values that a request has been handed and can change in place. Only these are compared at its commit, so a request
 * that reads a string pays nothing.
 */
export class HandedOut {
  readonly #values = new Map<string, { readonly value: object, readonly text: string }>()

  /** Notes a value as it is now. */
  hold (key: string, value: object): void {
    this.#values.set(key, { value, text: stringify(value, key) })
  }

  holds (key: string, value: object): boolean {
    return this.#values.get(key)?.value === value
  }

  /** The key has a value of its own now, or none. */
  forget (key: string): void {
    this.#values.delete(key)
  }

  /**
   * Those that have been changed since they were noted, by their keys; they are noted no longer. Throws
   * `FST_SESSION_INVALID_VALUE`, and forgets none, if one has become what a session cannot keep.
   */
  takeChanged (): Array<[key: string, value: object]> {
    const changed: Array<[string, object]> = []
    for (const [key, { value, text }] of this.#values) {
      if (stringify(value, key) !== text) changed.push([key, value])
    }
    for (const [key] of changed) this.#values.delete(key)
    return changed
  }

  /** Puts the very objects that the application has into `values` where these hold the same; forgets the others. */
  putInto (values: Map<string, unknown>): void {
    for (const [key, { value, text }] of this.#values) {
      if (values.has(key) && stringify(values.get(key), key) === text) values.set(key, value)
      else this.#values.delete(key)
    }
  }
}
