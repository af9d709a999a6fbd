import { isObject, kindOf } from './kinds.js'
import { MOST_BIGINT_BITS, MOST_VALUES } from './limits.js'

/*
 * Values as JSON that a person can read, without loss. What JSON has no form for becomes an object of one key that begins
 * with a dollar sign: {"$date":"2026-11-22T18:20:26.000Z"}. An object of the user's that looks so is wrapped as {"$object":…}.
 */

export type Json = string | number | boolean | null | Json[] | { [key: string]: Json }

/** The JSON form of a value that a session can keep. */
export function pack (value: unknown): Json {
  switch (typeof value) {
    case 'number': return Number.isFinite(value) && !Object.is(value, -0) ? value : { $number: Object.is(value, -0) ? '-0' : String(value) }
    case 'bigint': return { $bigint: value.toString() }
    case 'object': return value === null ? null : packObject(value)
    default: return value as string | boolean
  }
}

function packObject (value: object): Json {
  switch (kindOf(value)) {
    case 'array': return (value as unknown[]).map(pack)
    case 'date': return { $date: Number.isNaN((value as Date).getTime()) ? null : (value as Date).toISOString() }
    case 'buffer': return { $buffer: base64(value as Buffer) }
    case 'bytes': return { $bytes: base64(value as Uint8Array) }
    case 'map': return { $map: Array.from(value as Map<unknown, unknown>, ([key, inner]) => [pack(key), pack(inner)]) }
    case 'set': return { $set: Array.from(value as Set<unknown>, pack) }
    default: return packPlain(value as { readonly [key: string]: unknown })
  }
}

function packPlain (value: { readonly [key: string]: unknown }): Json {
  const packed: { [key: string]: Json } = {}
  let names = 0
  let last = ''
  for (const name of Object.keys(value)) {
    if (value[name] === undefined) continue
    define(packed, name, pack(value[name]))
    names++
    last = name
  }
  return names === 1 && last.startsWith('$') ? { $object: packed } : packed
}

function base64 ({ buffer, byteOffset, byteLength }: Uint8Array): string {
  return Buffer.from(buffer, byteOffset, byteLength).toString('base64')
}

/** Makes values from their JSON form: those of one session, which are not more than a session has. */
export class Unpacking {
  #left = MOST_VALUES

  /** The value whose JSON form this is. Throws for what {@link pack} did not make. */
  unpack (json: Json): unknown {
    if (--this.#left < 0) throw damaged()
    if (!isObject(json)) return json
    if (Array.isArray(json)) return this.#list(json)
    const names = Object.keys(json)
    const [name] = names
    return names.length === 1 && name !== undefined && name.startsWith('$') ? this.#tagged(name, json[name] as Json) : this.#plain(json)
  }

  #tagged (tag: string, json: Json): unknown {
    switch (tag) {
      case '$date': return date(json)
      case '$bigint': return bigint(text(json))
      case '$number': return number(json)
      case '$buffer': return Buffer.from(text(json), 'base64')
      case '$bytes': return new Uint8Array(Buffer.from(text(json), 'base64'))
      case '$map': return this.#map(list(json))
      case '$set': return new Set(this.#list(list(json)))
      case '$object': return this.#plain(object(json))
      default: throw damaged()
    }
  }

  #list (json: readonly Json[]): unknown[] {
    return json.map(inner => this.unpack(inner))
  }

  #map (json: readonly Json[]): Map<unknown, unknown> {
    const map = new Map<unknown, unknown>()
    for (const entry of json) {
      const [key, value] = list(entry)
      if (key === undefined || value === undefined) throw damaged()
      map.set(this.unpack(key), this.unpack(value))
    }
    return map
  }

  #plain (json: { readonly [key: string]: Json }): object {
    const value: { [key: string]: unknown } = {}
    for (const key of Object.keys(json)) define(value, key, this.unpack(json[key] as Json))
    return value
  }
}

/** No message of a parser is better: it would quote the session's data. */
function damaged (): SyntaxError {
  return new SyntaxError('the text is damaged')
}

function text (json: Json): string {
  if (typeof json !== 'string') throw damaged()
  return json
}

function list (json: Json): Json[] {
  if (!Array.isArray(json)) throw damaged()
  return json
}

function object (json: Json): { [key: string]: Json } {
  if (!isObject(json) || Array.isArray(json)) throw damaged()
  return json
}

function date (json: Json): Date {
  if (json === null) return new Date(NaN)
  const value = new Date(text(json))
  if (Number.isNaN(value.getTime())) throw damaged()
  return value
}

function number (json: Json): number {
  if (json !== 'NaN' && json !== 'Infinity' && json !== '-Infinity' && json !== '-0') throw damaged()
  return Number(json)
}

/** A decimal digit has more than three bits. One character is for the sign. */
const LONGEST_BIGINT = Math.ceil(MOST_BIGINT_BITS / 3) + 1

function bigint (digits: string): bigint {
  if (digits.length > LONGEST_BIGINT || !/^-?\d+$/.test(digits)) throw damaged()
  return BigInt(digits)
}

/** An assignment would take the key `__proto__` for the prototype. */
export function define<T> (object: { [key: string]: T }, key: string, value: T): void {
  if (key === '__proto__') Object.defineProperty(object, key, { value, enumerable: true, configurable: true, writable: true })
  else object[key] = value
}
