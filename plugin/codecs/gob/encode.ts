import { types } from 'node:util'
import { isInRange } from './decode.js'
import { fits, isRawTime, whyNoStruct } from './fits.js'
import { isRegistered, noteOf, type Note } from './notes.js'
import { timeBytes, ZERO_TIME } from './time.js'
import { isTime, typeNamed, type ArrayType, type GoType, type MapType, type Registered, type SliceType, type StructType } from './types.js'
import type { GobWriter } from './writer.js'
import type { WrittenDefinitions } from './written.js'
import { NoGoValueError } from '../../errors.js'
import { isObject, kindOf } from '../kinds.js'
import { MOST_LEVELS } from '../limits.js'
import { pathText } from '../path.js'
import { TypedValue } from '../typed.js'

/** The types of values of which nothing else is known. */
const DEFAULTS = {
  bool: named('bool'),
  string: named('string'),
  int: named('int'),
  int64: named('int64'),
  uint64: named('uint64'),
  float: named('float64'),
  bytes: named('[]uint8'),
  time: named('time.Time'),
  list: named('[]interface {}'),
  object: named('map[string]interface {}')
}

/** Writes values. Throws `FST_SESSION_INVALID_VALUE`, naming the place, for what Go has no type for. */
export class ValueWriter {
  readonly #writer: GobWriter
  #definitions: WrittenDefinitions
  #key = ''
  /** The objects that the value which is being written is inside of, from the outermost on, and the place inside each. */
  readonly #inside: object[] = []
  readonly #places: Array<number | string> = []

  /** @param definitions those that are there before any value is written */
  constructor (writer: GobWriter, definitions: WrittenDefinitions) {
    this.#writer = writer
    this.#definitions = definitions
  }

  /** The definitions of the types of all that has been written. */
  get definitions (): WrittenDefinitions {
    return this.#definitions
  }

  /**
   * Writes the value of a key of the session, with its type.
   *
   * @param note what was noted of the key's value when it was read
   */
  entry (key: string, value: unknown, note: Note | undefined): void {
    this.#key = key
    this.#text(key)
    this.#interface(value, note)
  }

  #interface (value: unknown, note: Note | undefined): void {
    if (value === null) {
      this.#writer.unsigned(0)
      return
    }
    const plain = value instanceof TypedValue ? value.value : value
    const { name, type } = this.#registered(value, note)
    const writer = this.#writer
    writer.text(name)
    writer.signed(this.#definitions.id(type) ?? this.#define(type))
    const start = writer.begin()
    if (type.kind !== 'struct') writer.unsigned(0)
    this.#write(plain, type, note)
    writer.finish(start)
  }

  #define (type: GoType): number {
    this.#definitions = this.#definitions.with(type)
    return this.#definitions.id(type) as number
  }

  /** The type of a value: the one that it was given or was read with, else that of the value in its place before, else the usual one. */
  #registered (value: unknown, before: Note | undefined): Registered {
    // It was checked when it was given its type.
    if (value instanceof TypedValue) return value.type as Registered
    const own = noteOf(value)
    if (isRegistered(own)) {
      if (fits(value, own.type, own)) return own
      if (own.type.kind === 'struct') this.#refuse(`${whyNoStruct(value, own.type, own)} (${own.name})`)
    }
    return isRegistered(before) && fits(value, before.type, before) ? before : this.#usual(value)
  }

  #usual (value: unknown): Registered {
    switch (typeof value) {
      case 'string': return DEFAULTS.string
      case 'boolean': return DEFAULTS.bool
      case 'number': return Number.isSafeInteger(value) && !Object.is(value, -0) ? DEFAULTS.int : DEFAULTS.float
      case 'bigint':
        if (isInRange(value, 'int', 64)) return DEFAULTS.int64
        if (isInRange(value, 'uint', 64)) return DEFAULTS.uint64
        return this.#refuse('it has more than 64 bits')
      default: return this.#usualObject(value)
    }
  }

  #usualObject (value: unknown): Registered {
    switch (isObject(value) ? kindOf(value) : undefined) {
      case 'plain': return DEFAULTS.object
      case 'array': return DEFAULTS.list
      case 'buffer':
      case 'bytes': return DEFAULTS.bytes
      case 'date': return Number.isNaN((value as Date).getTime()) ? this.#refuse('it is an invalid Date') : DEFAULTS.time
      case 'map': return this.#refuse('it is a Map whose type in Go is not known (give it one by goValue)')
      case 'set': return this.#refuse('it is a Set')
      default: return this.#refuse(isObject(value) ? 'it is an object of a class' : `it is ${value === undefined ? '' : 'a '}${typeof value}`)
    }
  }

  /** Writes a value that fits its type. */
  #write (value: unknown, type: GoType, before: Note | undefined): void {
    switch (type.kind) {
      case 'bool': this.#writer.unsigned(value === true ? 1 : 0); break
      // The casts: that the value fits its type has been seen.
      case 'int': this.#writer.signed(value as number | bigint); break
      case 'uint': this.#writer.unsigned(value as number | bigint); break
      case 'float': this.#writer.float(value as number); break
      case 'complex': for (const part of value as number[]) this.#writer.float(part); break
      case 'string': this.#string(value as string, before); break
      case 'bytes': this.#writer.bytes(value as Uint8Array); break
      case 'opaque': this.#writer.bytes(this.#raw(value as Date | Uint8Array, noteOf(value, before))); break
      case 'interface': this.#interface(value ?? null, before); break
      default: this.#composite(value as object, type, noteOf(value, before))
    }
  }

  #composite (value: object, type: SliceType | ArrayType | MapType | StructType, note: Note | undefined): void {
    if (this.#inside.length === MOST_LEVELS) {
      this.#inside.length = this.#places.length = 0
      this.#refuse(`it is nested more than ${MOST_LEVELS} levels deep, or contains itself`)
    }
    this.#inside.push(value)
    this.#places.push(0)
    if (type.kind === 'struct') this.#struct(value as Properties, type, note)
    else if (type.kind === 'map') this.#map(value, type, note)
    else this.#list(value as unknown[], type.elem, note)
    this.#inside.pop()
    this.#places.pop()
  }

  #list (list: readonly unknown[], elem: GoType, note: Note | undefined): void {
    this.#writer.unsigned(list.length)
    for (let i = 0; i < list.length; i++) this.#part(i, list[i], elem, note?.parts?.get(i))
  }

  #map (value: object, type: MapType, note: Note | undefined): void {
    if (types.isMap(value)) this.#entries(value, type, note)
    else this.#properties(value as Properties, type, note)
  }

  #properties (object: Properties, { elem }: MapType, note: Note | undefined): void {
    const names = Object.keys(object)
    let count = 0
    for (let i = 0; i < names.length; i++) if (object[names[i] as string] !== undefined) count++
    this.#writer.unsigned(count)
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string
      const part = object[name]
      if (part === undefined) continue
      this.#places[this.#places.length - 1] = i
      this.#text(name)
      this.#part(i, part, elem, note?.parts?.get(name))
    }
  }

  #entries (map: ReadonlyMap<unknown, unknown>, { key: keyType, elem }: MapType, note: Note | undefined): void {
    this.#writer.unsigned(map.size)
    let i = 0
    for (const [key, value] of map) {
      this.#part(i++, key, keyType, note?.keys?.get(key))
      this.#part(i++, value, elem, note?.parts?.get(key))
    }
  }

  #struct (value: Properties, { fields }: StructType, note: Note | undefined): void {
    let last = -1
    for (let i = 0; i < fields.length; i++) {
      const { name, type } = fields[i] as StructType['fields'][number]
      const part = Object.hasOwn(value, name) ? value[name] : undefined
      const partNote = note?.parts?.get(name)
      if (isZero(part, type, noteOf(part, partNote))) continue
      this.#writer.unsigned(i - last)
      last = i
      this.#part(name, part, type, partNote)
    }
    this.#writer.unsigned(0)
  }

  #part (place: number | string, value: unknown, type: GoType, note: Note | undefined): void {
    this.#places[this.#places.length - 1] = place
    this.#write(value, type, note)
  }

  #string (text: string, note: Note | undefined): void {
    if (note?.raw !== undefined && note.of === text) this.#writer.bytes(note.raw)
    else this.#text(text)
  }

  #text (text: string): void {
    if (!this.#writer.text(text)) this.#refuse('it has a text with half a surrogate pair, for which UTF-8 has no form')
  }

  #raw (value: Date | Uint8Array, note: Note | undefined): Uint8Array {
    if (types.isUint8Array(value)) return value
    return isRawTime(value, note) ? note.raw : timeBytes(value.getTime())
  }

  #refuse (why: string): never {
    const places = this.#places.map((place, i) => typeof place === 'number' ? place : Object.keys(this.#inside[i] as object).indexOf(place))
    throw new NoGoValueError(pathText(this.#key, this.#inside, places), why)
  }
}

interface Properties { readonly [name: string]: unknown }

function named (name: string): Registered {
  return typeNamed(name) as Registered
}

/** Whether Go leaves a field out. */
function isZero (value: unknown, type: GoType, note: Note | undefined): boolean {
  if (value === null || value === undefined) return true
  switch (type.kind) {
    case 'bool':
    case 'int':
    case 'uint':
    case 'float': return Number(value) === 0
    case 'complex': return (value as number[]).every(part => part === 0)
    case 'string':
    case 'bytes':
    case 'slice': return (value as string | Uint8Array | unknown[]).length === 0
    case 'map': return note?.isNil === true && (types.isMap(value) ? value.size : Object.keys(value).length) === 0
    case 'opaque': return isTime(type) && types.isDate(value) && value.getTime() === ZERO_TIME && note?.raw === undefined
    default: return false
  }
}
