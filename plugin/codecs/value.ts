import { types } from 'node:util'
import { InvalidValueError } from '../errors.js'

/*
 * Values as JSON that a person can read, without loss. What JSON has no form for becomes an object of one key that begins
 * with a dollar sign: {"$date":"2026-11-22T18:20:26.000Z"}. An object of the user's that looks so is wrapped as {"$object":…}.
 */

type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

const DEEPEST = 200

/** The JSON of a value. Throws `FST_SESSION_INVALID_VALUE`, naming the place, for what a session cannot keep. */
export function stringify (value: unknown, key: string): string {
  return JSON.stringify(pack(value, key, 0))
}

/** The JSON of all values of a session, an object of its keys. */
export function stringifyAll (values: ReadonlyMap<string, unknown>): string {
  let text = '{'
  for (const [key, value] of values) {
    if (text.length > 1) text += ','
    text += `${JSON.stringify(key)}:${stringify(value, key)}`
  }
  return text + '}'
}

/** Reads what {@link stringifyAll} wrote. Throws a SyntaxError for what it did not write. */
export function parseAll (text: string): Map<string, unknown> {
  const json: Json = JSON.parse(text)
  if (typeof json !== 'object' || json === null || Array.isArray(json)) throw new SyntaxError('the values are no object')
  const values = new Map<string, unknown>()
  // Without a dollar sign at the start of a key there is nothing to revive, and most sessions have none.
  const plain = !text.includes('"$')
  for (const key of Object.keys(json)) values.set(key, plain ? json[key] : unpack(json[key] as Json))
  return values
}

/** Throws `FST_SESSION_INVALID_VALUE` if a session cannot keep this value. */
export function checkValue (value: unknown, key: string): void {
  if (typeof value === 'string' || typeof value === 'boolean') return
  pack(value, key, 0)
}

/** A value of its own, equal to this one. */
export function copy (value: unknown, key: string): unknown {
  return isObject(value) ? unpack(JSON.parse(stringify(value, key)) as Json) : value
}

export function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function pack (value: unknown, path: string, depth: number): Json {
  switch (typeof value) {
    case 'string':
    case 'boolean':
      return value
    case 'number':
      return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) }
    case 'bigint':
      return { $bigint: value.toString() }
    case 'object':
      return value === null ? null : packObject(value, path, depth)
    case 'undefined':
      throw new InvalidValueError(path, 'it is undefined (use remove to take a key away)')
    default:
      throw new InvalidValueError(path, `it is a ${typeof value}`)
  }
}

function packObject (value: object, path: string, depth: number): Json {
  if (depth >= DEEPEST) throw new InvalidValueError(path, `it is nested more than ${DEEPEST} levels deep, or contains itself`)
  if (Array.isArray(value)) return packList(value, path, depth)
  if (isPlain(value)) return packPlain(value, path, depth)
  if (types.isDate(value)) return { $date: Number.isNaN(value.getTime()) ? null : value.toISOString() }
  if (Buffer.isBuffer(value)) return { $buffer: value.toString('base64') }
  if (types.isUint8Array(value)) {
    return { $bytes: Buffer.from(value.buffer, value.byteOffset, value.byteLength).toString('base64') }
  }
  if (types.isMap(value)) {
    return { $map: [...value].map(([k, v], i) => [pack(k, `${path}<key ${i}>`, depth + 2), pack(v, `${path}<${keyName(k, i)}>`, depth + 2)]) }
  }
  if (types.isSet(value)) return { $set: packList([...value], path, depth) }
  throw new InvalidValueError(path, types.isPromise(value) ? 'it is a promise (await it first)' : `it is a ${typeName(value)}`)
}

/** How an error names a place in a Map: by its key, unless that is an object, which may have no text at all. */
function keyName (key: unknown, index: number): string {
  return isObject(key) ? `value ${index}` : String(key)
}

function packList (list: readonly unknown[], path: string, depth: number): Json[] {
  const packed: Json[] = []
  for (let i = 0; i < list.length; i++) packed.push(pack(list[i], `${path}[${i}]`, depth + 1))
  return packed
}

function packPlain (value: object, path: string, depth: number): Json {
  if (Object.getOwnPropertySymbols(value).length > 0) throw new InvalidValueError(path, 'it has a symbol for a key')
  const entries = Object.entries(value)
  const packed: { [key: string]: Json } = {}
  for (const [key, inner] of entries) define(packed, key, pack(inner, `${path}.${key}`, depth + 1))
  return entries.length === 1 && entries[0]?.[0].startsWith('$') ? { $object: packed } : packed
}

function unpack (json: Json): unknown {
  if (typeof json !== 'object' || json === null) return json
  if (Array.isArray(json)) return json.map(unpack)
  const keys = Object.keys(json)
  if (keys.length === 1 && keys[0]?.startsWith('$')) return unpackTagged(keys[0], json[keys[0]] as Json)
  return unpackPlain(json)
}

function unpackTagged (tag: string, json: Json): unknown {
  switch (tag) {
    case '$date': return new Date(json === null ? NaN : String(json))
    case '$bigint': return BigInt(String(json))
    case '$number': return Number(json)
    case '$buffer': return Buffer.from(String(json), 'base64')
    case '$bytes': return new Uint8Array(Buffer.from(String(json), 'base64'))
    case '$map': return new Map((json as [Json, Json][]).map(([k, v]) => [unpack(k), unpack(v)]))
    case '$set': return new Set((json as Json[]).map(unpack))
    case '$object': return unpackPlain(json as { [key: string]: Json })
    default: throw new SyntaxError(`unknown type ${tag}`)
  }
}

function unpackPlain (json: { [key: string]: Json }): object {
  const value: { [key: string]: unknown } = {}
  for (const key of Object.keys(json)) define(value, key, unpack(json[key] as Json))
  return value
}

/** An assignment would take the key `__proto__` for the prototype. */
function define<T> (object: { [key: string]: T }, key: string, value: T): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}

/** Made by a literal, `Object.create(null)`, or one of these in another realm (a test runner's, say). */
function isPlain (value: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(value)
  return prototype === null || prototype === Object.prototype ||
    (Object.getPrototypeOf(prototype) === null && typeName(value) === 'Object')
}

function typeName (value: object): string {
  const made: unknown = value.constructor
  return typeof made === 'function' && made.name !== '' ? made.name : 'object of a class'
}
