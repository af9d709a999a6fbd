import { types } from 'node:util'
import { InvalidValueError } from '../errors.js'
import { ANONYMOUS, className, inheritedKind, isNothingElse, kindOf, type Kind } from './kinds.js'
import { MOST_BIGINT_BITS, MOST_LEVELS, MOST_VALUES } from './limits.js'
import { pathText } from './path.js'

/** A walk through the values of a session, which finds what the session cannot keep. */
export class Inspection {
  readonly #isThorough: boolean
  #left = MOST_VALUES
  #length = 0
  #key = ''
  /** The objects that the walk is inside of, from the outermost on, and the place of each inside the one before. */
  readonly #inside: object[] = []
  readonly #places: number[] = []

  /** @param isThorough whether it looks for what is lost without a trace too: getters, hidden properties, further ones of a Map */
  constructor (isThorough: boolean) {
    this.#isThorough = isThorough
  }

  /** How many characters and bytes there are so far in texts, names and Buffers: the encoded values have more. */
  get length (): number {
    return this.#length
  }

  /**
   * Whether the value's own JSON is enough to make it anew. Throws `FST_SESSION_INVALID_VALUE`, naming the place, for what a
   * session cannot keep.
   */
  isJson (value: unknown, key: string): boolean {
    this.#key = key
    // A walk that has thrown an error leaves entries behind.
    if (this.#inside.length > 0) this.#inside.length = this.#places.length = 0
    return this.#visit(value, 0)
  }

  #visit (value: unknown, place: number): boolean {
    if (--this.#left < 0) this.#refuse(place, `with it the session has more than ${MOST_VALUES} values`)
    switch (typeof value) {
      case 'string':
        this.#length += value.length
        return true
      case 'boolean':
        return true
      case 'number':
        return Number.isFinite(value) && !Object.is(value, -0)
      case 'bigint':
        if (BigInt.asIntN(MOST_BIGINT_BITS, value) !== value) this.#refuse(place, `it is a bigint of more than ${MOST_BIGINT_BITS} bits`)
        return false
      case 'object':
        return value === null || this.#visitObject(value, place)
      case 'undefined':
        return this.#refuse(place, this.#inside.length === 0 ? 'it is undefined (use remove to take a key away)' : 'it is undefined (put null in its place)')
      default:
        return this.#refuse(place, `it is a ${typeof value}`)
    }
  }

  #visitObject (value: object, place: number): boolean {
    const kind = kindOf(value) ?? this.#refuse(place, whyNot(value))
    const again = this.#inside.indexOf(value)
    if (again !== -1) this.#refuse(place, `it contains itself (it is the same object as ${this.#pathTo(again)})`)
    if (this.#inside.length === MOST_LEVELS) this.#refuse(place, `it is nested more than ${MOST_LEVELS} levels deep`)
    if (this.#isThorough && !isNothingElse(value, kind)) this.#refuse(place, hasMore(kind))
    this.#inside.push(value)
    this.#places.push(place)
    const isJson = this.#visitInside(value, kind)
    this.#inside.pop()
    this.#places.pop()
    return isJson
  }

  #visitInside (value: object, kind: Kind): boolean {
    switch (kind) {
      case 'plain': return this.#visitProperties(value as { readonly [name: string]: unknown })
      case 'array': return this.#visitElements(value as unknown[])
      case 'map': return this.#visitEntries(value as Map<unknown, unknown>)
      case 'set': return this.#visitMembers(value as Set<unknown>)
      case 'buffer':
      case 'bytes':
        this.#length += (value as Uint8Array).length
        return false
      case 'date': return false
    }
  }

  #visitProperties (value: { readonly [name: string]: unknown }): boolean {
    let isJson = true
    const names = Object.keys(value)
    for (let i = 0; i < names.length; i++) {
      const name = names[i] as string
      if (this.#isThorough && isAccessor(value, name)) this.#refuse(i, 'it is a getter or a setter (put its value)')
      const inner = value[name]
      // A property of undefined is left out, as JSON does.
      if (inner === undefined) continue
      this.#length += name.length
      // The packed form uses such names.
      if (name.charCodeAt(0) === DOLLAR) isJson = false
      if (!this.#visit(inner, i)) isJson = false
    }
    return isJson
  }

  #visitElements (list: readonly unknown[]): boolean {
    let isJson = true
    for (let i = 0; i < list.length; i++) if (!this.#visit(list[i], i)) isJson = false
    return isJson
  }

  #visitMembers (set: ReadonlySet<unknown>): false {
    let i = 0
    for (const member of set) this.#visit(member, i++)
    return false
  }

  #visitEntries (map: ReadonlyMap<unknown, unknown>): false {
    let i = 0
    for (const [key, value] of map) {
      this.#visit(key, i++)
      this.#visit(value, i++)
    }
    return false
  }

  #refuse (place: number, why: string): never {
    const places = [...this.#places.slice(1), ...this.#inside.length > 0 ? [place] : []]
    throw new InvalidValueError(pathText(this.#key, this.#inside, places), why)
  }

  #pathTo (index: number): string {
    return pathText(this.#key, this.#inside, this.#places.slice(1, index + 1))
  }
}

const DOLLAR = 36

function isAccessor (object: object, name: string): boolean {
  const property = Object.getOwnPropertyDescriptor(object, name)
  return property !== undefined && !('value' in property)
}

/** The class of each kind, and how to make an object of it that is nothing else. */
const CLASSES: { readonly [K in Exclude<Kind, 'plain'>]: readonly [name: string, copy: string] } = {
  array: ['Array', 'Array.from(value)'],
  date: ['Date', 'new Date(value)'],
  buffer: ['Buffer', 'Buffer.from(value)'],
  bytes: ['Uint8Array', 'Uint8Array.from(value)'],
  map: ['Map', 'new Map(value)'],
  set: ['Set', 'new Set(value)']
}

/** Why an object of a kind is refused that has more than its kind tells. */
function hasMore (kind: Kind): string {
  if (kind === 'plain') return 'it has a property that is hidden (not enumerable) or named by a symbol'
  const [name, copy] = CLASSES[kind]
  return kind === 'array'
    ? `it is an array with holes or with further properties (put ${copy})`
    : `it is a ${name} with further properties (put ${copy})`
}

function whyNot (value: object): string {
  if (types.isPromise(value)) return 'it is a promise (await it first)'
  const name = className(value)
  const kind = inheritedKind(value)
  if (kind !== undefined) return `it is an object of ${name}, a subclass of ${CLASSES[kind][0]} (put ${CLASSES[kind][1]})`
  return name === ANONYMOUS
    ? 'it is an object with a prototype of its own (put a plain object)'
    : `it is an object of the class ${name} (put a plain object)`
}
