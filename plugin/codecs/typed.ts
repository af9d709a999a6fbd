/** A primitive value, and the type that a codec shall give it: what `goInt64(7)` makes, for example. */
export class TypedValue<T extends string | number | bigint | boolean = string | number | bigint | boolean> {
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
