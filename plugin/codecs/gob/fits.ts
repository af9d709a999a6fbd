import { types } from 'node:util'
import { isInRange } from './decode.js'
import { noteOf, type Note } from './notes.js'
import { isTime, type GoType, type MapType, type NumberType, type OpaqueType, type StructType } from './types.js'
import { isObject, kindOf } from '../kinds.js'

const LARGEST_FLOAT32 = 3.4028234663852886e38

/**
 * Whether a value can be written as a type of Go. What is in an interface always can, as far as this goes: it has a type of
 * its own.
 */
export function fits (value: unknown, type: GoType, note?: Note): boolean {
  switch (type.kind) {
    case 'interface': return true
    case 'bool': return typeof value === 'boolean'
    case 'string': return typeof value === 'string'
    case 'bytes': return types.isUint8Array(value)
    case 'int':
    case 'uint': return isInteger(value) && isInRange(value, type.kind, type.bits)
    case 'float': return typeof value === 'number' && isFloat(value, type)
    case 'complex': return Array.isArray(value) && value.length === 2 && value.every(part => typeof part === 'number')
    case 'opaque': return isOpaque(value, type, noteOf(value, note))
    case 'slice':
    case 'array': return Array.isArray(value) && (type.kind === 'slice' || value.length === type.length) && isList(value, type.elem, noteOf(value, note))
    case 'map': return isMap(value, type, noteOf(value, note))
    case 'struct': return whyNoStruct(value, type, note) === undefined
  }
}

/** Why a value cannot be written as a struct. A field that is null or missing is left out: in Go it is zero. */
export function whyNoStruct (value: unknown, { fields }: StructType, note?: Note): string | undefined {
  if (!isPlain(value)) return 'it is no plain object'
  const parts = noteOf(value, note)?.parts
  const names = Object.keys(value)
  for (let i = 0; i < names.length; i++) {
    const name = names[i] as string
    // As it is read, the fields are in this order.
    const field = fields[i]?.name === name ? fields[i] : fields.find(field => field.name === name)
    if (field === undefined) return `its Go type has no field ${name}`
    const part = value[name]
    if (part !== null && part !== undefined && !fits(part, field.type, parts?.get(name))) return `its field ${name} is of another type in Go`
  }
  return undefined
}

function isPlain (value: unknown): value is { readonly [name: string]: unknown } {
  return isObject(value) && kindOf(value) === 'plain'
}

function isInteger (value: unknown): value is number | bigint {
  return typeof value === 'bigint' || Number.isSafeInteger(value)
}

/** Go rounds what a float32 cannot hold to the last bit, but refuses what is too large. */
function isFloat (value: number, { bits }: NumberType): boolean {
  return bits === 64 || !Number.isFinite(value) || Math.abs(value) <= LARGEST_FLOAT32
}

/** Of a type that encodes itself only the bytes that were read can be written, and times. */
function isOpaque (value: unknown, type: OpaqueType, note: Note | undefined): boolean {
  if (types.isDate(value)) return isTime(type) && (!Number.isNaN(value.getTime()) || isRawTime(value, note))
  return types.isUint8Array(value) && note?.raw !== undefined && Buffer.from(value).equals(note.raw)
}

/** Whether a date still is the time that was read. */
export function isRawTime (date: Date, note: Note | undefined): note is Note & { readonly raw: Uint8Array } {
  return note?.raw !== undefined && Object.is(note.of, date.getTime())
}

function isList (list: readonly unknown[], elem: GoType, note: Note | undefined): boolean {
  if (elem.kind === 'interface') return true
  for (let i = 0; i < list.length; i++) if (!fits(list[i], elem, note?.parts?.get(i))) return false
  return true
}

function isMap (value: unknown, { key, elem }: MapType, note: Note | undefined): boolean {
  if (key.kind === 'string') return isPlain(value) && isObjectOf(value, elem, note)
  if (!types.isMap(value)) return false
  for (const [one, part] of value) if (!fits(one, key, note?.keys?.get(one)) || !fits(part, elem, note?.parts?.get(one))) return false
  return true
}

function isObjectOf (object: { readonly [name: string]: unknown }, elem: GoType, note: Note | undefined): boolean {
  if (elem.kind === 'interface') return true
  for (const name of Object.keys(object)) {
    const part = object[name]
    if (part !== undefined && !fits(part, elem, note?.parts?.get(name))) return false
  }
  return true
}
