import { definitionsAfter, noDefinitions } from './known.js'
import { note, type Note } from './notes.js'
import { damaged, type GobReader } from './reader.js'
import { isWholeTime, readTime, ZERO_TIME } from './time.js'
import { isSame, isTime, typeNamed, typeNamedAt, type ArrayType, type GoType, type MapType, type NumberType, type OpaqueType, type Registered, type SliceType, type StructType } from './types.js'
import { MOST_LEVELS } from '../limits.js'
import { define } from '../packed.js'

/** Go's own limit. */
const LONGEST_NAME = 1024
/** How many omitted fields may be filled in: this many for each byte of the data, plus a fixed number. */
const FILLED_PER_BYTE = 16
const FILLED_AT_LEAST = 65_536

/** Reads values. What JavaScript cannot tell of a value, its type above all, is noted: see notes.ts. */
export class ValueReader {
  /** The note of the value that was read last. */
  note: Note | undefined
  readonly #reader: GobReader
  #definitions = noDefinitions()
  #depth = 0
  #fillable: number

  constructor (reader: GobReader) {
    this.#reader = reader
    this.#fillable = reader.bytes.length * FILLED_PER_BYTE + FILLED_AT_LEAST
  }

  /**
   * Reads definitions until a value follows. Returns the type of that value.
   *
   * @param isInside whether it is the value of an interface
   */
  type (isInside: boolean): GoType {
    const id = this.#reader.valueId()
    if (id !== undefined) return this.#definitions.type(id)
    this.#definitions = definitionsAfter(this.#definitions, this.#reader, isInside)
    return this.type(isInside)
  }

  /** Reads a value of a type. */
  read (type: GoType): unknown {
    this.note = undefined
    switch (type.kind) {
      case 'bool': return this.#reader.unsigned() !== 0
      case 'int':
      case 'uint': return this.#integer(type)
      case 'float': return this.#reader.float()
      case 'complex': return [this.#reader.float(), this.#reader.float()]
      case 'string': return this.#string()
      case 'bytes': return new Uint8Array(this.#reader.view())
      case 'opaque': return this.#opaque(type)
    }
    if (type.kind === 'interface') return this.interface()
    if (++this.#depth > MOST_LEVELS) throw damaged('its values are nested too deep')
    const value = this.#composite(type)
    this.#depth--
    return value
  }

  #composite (type: SliceType | ArrayType | MapType | StructType): object {
    switch (type.kind) {
      case 'struct': return this.#struct(type)
      case 'map': return type.key.kind === 'string' ? this.#object(type) : this.#map(type)
      default: return this.#list(type)
    }
  }

  /** Reads a value that comes with its type. */
  interface (): unknown {
    const registered = this.#name()
    this.note = undefined
    if (registered === null) return null
    const type = this.type(true)
    const isKnown = typeof registered === 'object'
    if (type.kind === 'interface' || (isKnown && !isSame(registered.type, type))) throw damaged('a value is not of the type that it names')
    const of = isKnown ? registered : { name: registered, type }
    // Its size, of which Go takes no notice either.
    this.#reader.unsigned()
    // A value that is not a struct is written like a field: a 0 stands before it.
    if (type.kind !== 'struct' && this.#reader.unsigned() !== 0) throw damaged('a value does not begin where it should')
    const value = this.read(of.type)
    if (isKnown && registered.isUsual === true) return value
    this.note = this.note === undefined ? of : { ...this.note as Note, name: of.name, type: of.type }
    return typeof value === 'object' && value !== null ? note(value, this.note) : value
  }

  /** The name of an interface's type, as far as possible with the type; null for nil. */
  #name (): Registered | string | null {
    const reader = this.#reader
    const before = reader.position
    const length = reader.length()
    if (length === 0) return null
    if (length > LONGEST_NAME) throw damaged('the name of a type is too long')
    const start = reader.position
    const usual = typeNamedAt(reader.bytes, start, length)
    reader.position = usual === undefined ? before : start + length
    if (usual !== undefined) return usual
    const name = reader.name() ?? reader.view().toString()
    return typeNamed(name) ?? name
  }

  #integer ({ kind, bits }: NumberType): number | bigint {
    const value = kind === 'int' ? this.#reader.signed() : this.#reader.unsigned()
    if (bits < 64 && !isInRange(value, kind, bits)) throw damaged('a number is too large for its type')
    return value
  }

  #string (): string {
    const text = this.#reader.text()
    if (text !== undefined) return text
    const raw = this.#reader.view()
    const of = raw.toString()
    this.note = { raw, of }
    return of
  }

  #opaque (type: OpaqueType): object {
    const { bytes } = this.#reader
    const start = this.#reader.skip()
    const end = this.#reader.position
    const time = isTime(type) ? readTime(bytes, start, end - start) : undefined
    if (time === undefined) {
      const raw = bytes.subarray(start, end)
      return this.#noted(new Uint8Array(raw), { raw })
    }
    const date = new Date(time)
    const isExact = isWholeTime(bytes, start) && !Number.isNaN(date.getTime())
    return this.#noted(date, isExact ? undefined : { raw: bytes.subarray(start, end), of: date.getTime() })
  }

  #list (type: SliceType | ArrayType): unknown[] {
    const count = this.#count()
    if (type.kind === 'array' && count !== type.length) throw damaged('an array has another length than its type')
    const parts = new Parts()
    const list: unknown[] = []
    for (let i = 0; i < count; i++) {
      list.push(this.read(type.elem))
      parts.add(i, this.note)
    }
    return this.#noted(list, parts.note)
  }

  #object ({ elem }: MapType): object {
    const parts = new Parts()
    const object = {}
    for (let count = this.#count(); count > 0; count--) {
      const key = this.#reader.name()
      if (key === undefined) throw damaged('a key is not UTF-8')
      define(object, key, this.read(elem))
      parts.add(key, this.note)
    }
    return this.#noted(object, parts.note)
  }

  #map ({ key: keyType, elem }: MapType): Map<unknown, unknown> {
    const keys = new Parts()
    const parts = new Parts()
    const map = new Map<unknown, unknown>()
    for (let count = this.#count(); count > 0; count--) {
      const key = this.read(keyType)
      keys.add(key, this.note)
      // Two keys of different types in Go, an int and an int64 for example.
      if (keyType.kind === 'interface' && map.has(key)) throw damaged('two keys of a map are the same in JavaScript')
      map.set(key, this.read(elem))
      parts.add(key, this.note)
    }
    return this.#noted(map, keys.all === undefined ? parts.note : { ...parts.note, keys: keys.all })
  }

  /** Fields that are zero are left out on the wire, and are filled in here. */
  #struct ({ fields }: StructType): object {
    const parts = new Parts()
    const object = {}
    let next = 0
    for (let delta; (delta = this.#reader.count()) !== 0;) {
      const index = next + delta - 1
      const field = fields[index]
      if (field === undefined) throw damaged('a value has a field that its type has not')
      this.#fillIn(object, fields, next, index, parts)
      define(object, field.name, this.read(field.type))
      parts.add(field.name, this.note)
      next = index + 1
    }
    this.#fillIn(object, fields, next, fields.length, parts)
    return this.#noted(object, parts.note)
  }

  /** Puts zeros into the fields from one to before another. */
  #fillIn (object: { [name: string]: unknown }, fields: StructType['fields'], from: number, to: number, parts: Parts): void {
    for (let i = from; i < to; i++) {
      const { name, type } = fields[i] as StructType['fields'][number]
      define(object, name, this.#zero(type))
      parts.add(name, this.note)
    }
  }

  /** What Go has in a field that was left out. Null where that is nil, or where its bytes are not known. */
  #zero (type: GoType): unknown {
    if (--this.#fillable < 0) throw damaged('it has too many fields')
    this.note = undefined
    switch (type.kind) {
      case 'bool': return false
      case 'int':
      case 'uint':
      case 'float': return 0
      case 'complex': return [0, 0]
      case 'string': return ''
      case 'bytes': return new Uint8Array()
      case 'slice': return []
      case 'map': return this.#noted(type.key.kind === 'string' ? {} : new Map(), { isNil: true })
      case 'opaque': return isTime(type) ? new Date(ZERO_TIME) : null
      default: return null
    }
  }

  /** A count of parts, each of which has at least a byte. */
  #count (): number {
    const count = this.#reader.count()
    if (count > this.#reader.leftInAll) throw damaged('a count exceeds the data')
    return count
  }

  #noted<T extends object> (value: T, of: Note | undefined): T {
    this.note = of
    return of === undefined ? value : note(value, of)
  }
}

/** Collects the notes of the parts of a value, if there are any. */
class Parts {
  all: Map<unknown, Note> | undefined

  get note (): Note | undefined {
    return this.all === undefined ? undefined : { parts: this.all }
  }

  add (key: unknown, note: Note | undefined): void {
    if (note !== undefined) (this.all ??= new Map()).set(key, note)
    else this.all?.delete(key)
  }
}

/** Whether an integer fits so many bits. */
export function isInRange (value: number | bigint, kind: 'int' | 'uint' | 'float', bits: number): boolean {
  return kind === 'uint' ? value >= 0 && value < 2 ** bits : value >= -(2 ** (bits - 1)) && value < 2 ** (bits - 1)
}
