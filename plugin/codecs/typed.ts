type Primitive = string | number | bigint | boolean

/** A primitive value, and the type that a codec shall give it: what `goInt64(7)` makes, for example. */
export class TypedValue<T extends Primitive = Primitive> {
  /** The type, in the words of the codec that reads it. */
  readonly type: object
  readonly value: T

  constructor (type: object, value: T) {
    this.type = type
    this.value = value
  }

  valueOf (): T {
    return this.value
  }

  toJSON (): T {
    return this.value
  }
}

/** The value itself, if it was given a type. */
export function untyped (value: unknown): unknown {
  return value instanceof TypedValue ? value.value : value
}

/** What may be put where a value of type `T` is wanted: the value, or a primitive one with a type. */
export type MaybeTyped<T> = T | (T extends Primitive ? TypedValue<T> : never)
