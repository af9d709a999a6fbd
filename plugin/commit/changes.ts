import { InvalidValueError } from '../errors.js'
import { checkValue } from '../codecs/value.js'

/** Computes the new value of a key from the newest one. */
export type UpdateFunction = (value: unknown) => unknown

type Change =
  | { readonly kind: 'put', readonly key: string, readonly value: unknown }
  | { readonly kind: 'remove', readonly key: string }
  | { readonly kind: 'update', readonly key: string, readonly fn: UpdateFunction }
  | { readonly kind: 'clear', readonly keep: readonly string[] }
  | { readonly kind: 'merge', readonly token: string }

/**
 * What a request did to its session, in order. A commit applies these changes to the newest values there are, which need
 * not be the ones that the request had loaded.
 */
export class Changes {
  #list: Change[] = []

  get isEmpty (): boolean {
    return this.#list.length === 0
  }

  /** The stored tokens of the sessions that are merged in. */
  get merged (): string[] {
    return this.#list.flatMap(change => change.kind === 'merge' ? [change.token] : [])
  }

  put (key: string, value: unknown): void {
    this.#forget(key)
    this.#list.push({ kind: 'put', key, value })
  }

  remove (key: string): void {
    this.#forget(key)
    this.#list.push({ kind: 'remove', key })
  }

  update (key: string, fn: UpdateFunction): void {
    this.#list.push({ kind: 'update', key, fn })
  }

  /** Removes all keys but these. */
  clear (keep: readonly string[] = []): void {
    // A merge still has to take the other session's row away.
    if (keep.length === 0) this.#list = this.#list.filter(change => change.kind === 'merge')
    this.#list.push({ kind: 'clear', keep })
  }

  merge (token: string): void {
    this.#list.push({ kind: 'merge', token })
  }

  /** Whether the last that was done to the key was to put a value there. */
  hasPut (key: string): boolean {
    return this.#list.findLast(change => !('key' in change) || change.key === key)?.kind === 'put'
  }

  /** Puts the changes of another log, which came first, before these. */
  prepend (earlier: Changes): void {
    this.#list.unshift(...earlier.#list)
  }

  /**
   * Applies the changes to `values`. What an update's function throws is thrown on, and leaves `values` half changed.
   *
   * @param merged the values of the sessions that are merged in, by their stored tokens
   */
  apply (values: Map<string, unknown>, merged: ReadonlyMap<string, ReadonlyMap<string, unknown>> = new Map()): void {
    for (const change of this.#list) {
      switch (change.kind) {
        case 'put': values.set(change.key, change.value); break
        case 'remove': values.delete(change.key); break
        case 'update': values.set(change.key, computed(change.key, change.fn, values.get(change.key))); break
        case 'clear': for (const key of [...values.keys()]) if (!change.keep.includes(key)) values.delete(key); break
        case 'merge': for (const [key, value] of merged.get(change.token) ?? []) values.set(key, value); break
      }
    }
  }

  /** A put or a remove makes what was done to its key before of no account, back to the last change of all keys. */
  #forget (key: string): void {
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const change = this.#list[i] as Change
      if (change.kind === 'clear' || change.kind === 'merge') return
      if (change.key === key) this.#list.splice(i, 1)
    }
  }
}

/** What an update's function makes of a value. Throws `FST_SESSION_INVALID_VALUE` if a session cannot keep it. */
export function computed (key: string, fn: UpdateFunction, value: unknown): unknown {
  const result = fn(value)
  if (result === undefined) throw new InvalidValueError(key, 'the function given to update returned undefined')
  checkValue(result, key)
  return result
}
