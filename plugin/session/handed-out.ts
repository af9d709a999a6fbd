import type { Holds } from '../codecs/holds.js'
import { checkValue } from '../codecs/value.js'

/** An object that the request has been handed, and those that it was handed before for the same key. */
interface Held {
  readonly value: object
  readonly isAsBefore: () => boolean
  readonly earlier: Held | undefined
}

/**
 * The objects that a request has been handed and may change in place. A commit compares only these, so a request that
 * reads a string pays nothing.
 */
export class HandedOut {
  readonly #held = new Map<string, Held>()

  /** @param isAsBefore whether the object is still as it is now */
  hold (key: string, value: object, isAsBefore: () => boolean): void {
    this.#held.set(key, { value, isAsBefore, earlier: without(this.#held.get(key), value) })
  }

  holds (key: string, value: object): boolean {
    for (let held = this.#held.get(key); held !== undefined; held = held.earlier) if (held.value === value) return true
    return false
  }

  /** The application has set or removed the key: its objects are no part of the session any more. */
  forget (key: string): void {
    this.#held.delete(key)
  }

  /**
   * Returns the objects that were changed since they were noted, with their keys, and no longer notes them. Of two objects
   * of one key the one that was handed out later comes later. Throws `FST_SESSION_INVALID_VALUE`, and notes all objects as
   * before, if one has become something that a session cannot keep.
   */
  takeChanged (): Array<[key: string, value: object]> {
    const changed: Array<[string, object]> = []
    for (const [key, held] of this.#held) addChanged(key, held, changed)
    for (const [key, value] of changed) this.#set(key, without(this.#held.get(key), value))
    return changed
  }

  /**
   * Puts the very objects that the application has into the values of a row, where these are the same.
   *
   * @param row compares values with that row
   */
  putInto (values: Map<string, unknown>, row: Holds): void {
    for (const [key, newest] of this.#held) {
      let held: Held | undefined = newest
      while (held !== undefined && !row(key, held.value)) held = held.earlier
      if (held !== undefined) values.set(key, held.value)
    }
  }

  #set (key: string, held: Held | undefined): void {
    if (held === undefined) this.#held.delete(key)
    else this.#held.set(key, held)
  }
}

/** Adds the objects that were changed, the earliest first. */
function addChanged (key: string, { value, isAsBefore, earlier }: Held, changed: Array<[string, object]>): void {
  if (earlier !== undefined) addChanged(key, earlier, changed)
  if (isAsBefore()) return
  checkValue(value, key)
  changed.push([key, value])
}

/** The same objects but this one. */
function without (held: Held | undefined, value: object): Held | undefined {
  if (held === undefined) return undefined
  const earlier = without(held.earlier, value)
  if (held.value === value) return earlier
  return earlier === held.earlier ? held : { ...held, earlier }
}
