import { isDeepStrictEqual, types } from 'node:util'

/** The kinds of object that a session keeps: what is loaded has the kind of what was put. */
export type Kind = 'plain' | 'array' | 'date' | 'buffer' | 'bytes' | 'map' | 'set'

export function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

/** The kind of an object, or undefined if a session cannot keep it. An object of a subclass would come back as another kind, so it has none. */
export function kindOf (value: object): Kind | undefined {
  const prototype = Object.getPrototypeOf(value) as object | null
  // Nearly every object is one of these two.
  if (prototype === Object.prototype && !Array.isArray(value)) return 'plain'
  if (prototype === Array.prototype && Array.isArray(value)) return 'array'
  const kind = KINDS.get(prototype) ?? foreignKind(prototype)
  // A prototype alone makes no Date: Object.create(Date.prototype) is none.
  return kind !== undefined && IS_MADE_AS[kind](value) ? kind : undefined
}

/** Whether an object of this kind has nothing but what its kind tells: no properties that would be lost. */
export function isNothingElse (value: object, kind: Kind): boolean {
  if (Object.getOwnPropertySymbols(value).length > 0) return false
  switch (kind) {
    case 'plain': return Object.getOwnPropertyNames(value).length === Object.keys(value).length
    // Its length is a property too.
    case 'array': return Object.getOwnPropertyNames(value).length === (value as unknown[]).length + 1
    // The names of all its bytes would be a list of as many texts. A comparison with the same memory looks at the other names alone.
    case 'buffer':
    case 'bytes': return isDeepStrictEqual(value, sameBytes(value as Uint8Array, kind))
    default: return Object.getOwnPropertyNames(value).length === 0
  }
}

/** The name of the class of an object that a session cannot keep, for messages. */
export function className (value: object): string {
  const name = nameOf(Object.getPrototypeOf(value) as object | null)
  return name === '' || name === 'Object' ? ANONYMOUS : name
}

export const ANONYMOUS = 'a class without a name'

/** The kind whose subclass an object is of, if it is one that a session keeps. */
export function inheritedKind (value: object): Exclude<Kind, 'plain'> | undefined {
  return INHERITED.find(kind => IS_MADE_AS[kind](value))
}

/** A Buffer is a Uint8Array too. */
const INHERITED = ['array', 'date', 'map', 'set', 'buffer', 'bytes'] as const

const KINDS: ReadonlyMap<object | null, Kind> = new Map<object | null, Kind>([
  [null, 'plain'], [Date.prototype, 'date'], [Buffer.prototype, 'buffer'], [Uint8Array.prototype, 'bytes'], [Map.prototype, 'map'], [Set.prototype, 'set']
])

const IS_MADE_AS: { readonly [K in Kind]: (value: object) => boolean } = {
  plain: value => !Array.isArray(value),
  array: value => Array.isArray(value),
  date: value => types.isDate(value),
  buffer: value => Buffer.isBuffer(value),
  bytes: value => types.isUint8Array(value),
  map: value => types.isMap(value),
  set: value => types.isSet(value)
}

/** The classes of another realm (a test runner's, a vm context's) have the names of ours, and as many ancestors. */
const FOREIGN: ReadonlyMap<string, readonly [kind: Kind, ancestors: number]> = new Map([
  ['Object', ['plain', 0]], ['Array', ['array', 1]], ['Date', ['date', 1]], ['Map', ['map', 1]], ['Set', ['set', 1]], ['Uint8Array', ['bytes', 2]]
])

function foreignKind (prototype: object | null): Kind | undefined {
  if (prototype === null) return undefined
  const ancestors = countAncestors(prototype)
  // What parsers of queries and cookies make in place of Object.create(null): a prototype with nothing in it.
  if (ancestors === 0 && Reflect.ownKeys(prototype).length === 0) return 'plain'
  const [kind, expected] = FOREIGN.get(nameOf(prototype)) ?? []
  return ancestors === expected ? kind : undefined
}

function countAncestors (prototype: object): number {
  let count = 0
  for (let at = Object.getPrototypeOf(prototype) as object | null; at !== null; at = Object.getPrototypeOf(at) as object | null) count++
  return count
}

function nameOf (prototype: object | null): string {
  const made: unknown = prototype?.constructor
  return typeof made === 'function' && typeof made.name === 'string' ? made.name : ''
}

function sameBytes (bytes: Uint8Array, kind: Kind): Uint8Array {
  const { buffer, byteOffset, byteLength } = bytes
  if (kind === 'buffer') return Buffer.from(buffer, byteOffset, byteLength)
  // A class of another realm has another prototype, and the two would not be equal.
  const { constructor } = Object.getPrototypeOf(bytes) as { readonly constructor: Uint8ArrayConstructor }
  return Reflect.construct(constructor, [buffer, byteOffset, byteLength]) as Uint8Array
}
