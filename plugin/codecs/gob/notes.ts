import type { GoType, Registered } from './types.js'
import { isObject } from '../kinds.js'

/**
 * What is remembered of a value that was read, so that it is written as it was. A type for what was in an interface: its
 * name and the type itself. A {@link Registered} is such a note.
 */
export interface Note extends Partial<Registered> {
  /** The value on the wire, of what JavaScript cannot hold to the last bit: a time, a string that is not UTF-8, a type that encodes itself. */
  readonly raw?: Uint8Array
  /** The string, or the milliseconds of the time, that `raw` stands for. */
  readonly of?: string | number
  /** The notes of the value's parts, by index, field or key. */
  readonly parts?: ReadonlyMap<unknown, Note>
  /** The notes of a map's keys. */
  readonly keys?: ReadonlyMap<unknown, Note>
  /** The value was nil, and is shown as an empty object. */
  readonly isNil?: boolean
}

/** The notes of objects. An object keeps its note wherever the application puts it. */
const notes = new WeakMap<object, Note>()

/** Notes what a value is. Returns the value. */
export function note<T extends object> (value: T, note: Note): T {
  notes.set(value, note)
  return value
}

/** The note of an object; of any other value, or of an object without one, `otherwise`. */
export function noteOf (value: unknown, otherwise?: Note): Note | undefined {
  return isObject(value) ? notes.get(value) ?? otherwise : otherwise
}

/** A type that a note tells. */
export function isRegistered (note: Note | undefined): note is Note & { readonly name: string, readonly type: GoType } {
  return note?.type !== undefined
}
