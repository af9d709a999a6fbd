import { HandedOut } from './handed-out.js'
import type { Holds } from '../codecs/holds.js'
import { isEqual } from '../codecs/equal.js'
import { snapshot } from '../codecs/snapshot.js'
import { isObject, stringify } from '../codecs/value.js'
import type { Row, Rows } from '../commit/rows.js'

/** What a request has been handed and may change in place, compared with the row that it comes from. */
export class InPlace {
  readonly #rows: Rows
  #handedOut: HandedOut | undefined
  /** The row that {@link #holds} compares with. */
  #row: Row | undefined
  #holds: Holds | undefined

  constructor (rows: Rows) {
    this.#rows = rows
  }

  isNoted (key: string, value: object): boolean {
    return this.#handedOut?.holds(key, value) === true
  }

  /**
   * Notes an object that is handed out. Throws `FST_SESSION_INVALID_VALUE` for one that a session cannot keep.
   *
   * @param row the row that holds the object as it is now, if one does
   */
  note (key: string, value: object, row: Row | undefined): void {
    this.#handedOut ??= new HandedOut()
    this.#handedOut.hold(key, value, row === undefined ? sameText(key, value) : this.#sameAs(snapshot(value), key, value, row))
  }

  /** The application has set or removed the key. */
  forget (key: string): void {
    this.#handedOut?.forget(key)
  }

  /** {@link HandedOut.takeChanged} */
  takeChanged (): ReadonlyArray<readonly [key: string, value: object]> {
    return this.#handedOut?.takeChanged() ?? NONE
  }

  /** Puts the very objects that the application has into the values of a row, where these are the same. */
  putInto (values: Map<string, unknown>, row: Row): void {
    this.#handedOut?.putInto(values, this.#holdsOf(row))
  }

  /** Whether a row holds this value. `decoded` is what was decoded from the row; the application may have changed it since. */
  isIn (row: Row, key: string, value: unknown, decoded: unknown): boolean {
    if (!isObject(value) || !isObject(decoded)) return Object.is(value, decoded)
    // Most values that differ do so early, and no text is made for them.
    if (!this.isNoted(key, decoded) && !isEqual(value, decoded)) return false
    try {
      return this.#holdsOf(row)(key, value)
    } catch {
      // It is too large for a row: the commit tells that.
      return false
    }
  }

  drop (): void {
    this.#handedOut = undefined
  }

  /** The application's own codec may keep objects that equal no snapshot. The codec compares those itself. */
  #sameAs (before: object, key: string, value: object, row: Row): () => boolean {
    return () => isEqual(value, before) || this.#holdsOf(row)(key, value)
  }

  #holdsOf (row: Row): Holds {
    if (this.#holds === undefined || this.#row !== row) this.#holds = this.#rows.holdsOf(row)
    this.#row = row
    return this.#holds
  }
}

/** Making the text finds what a session cannot keep, such as an object that contains itself. */
function sameText (key: string, value: object): () => boolean {
  const before = stringify(value, key)
  return () => stringify(value, key) === before
}

const NONE: readonly never[] = []
