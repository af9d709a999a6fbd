import { isObject, kindOf } from './kinds.js'

/**
 * Whether a value would be stored as `kept` is: of the same kinds, with the same contents in the same order. Tells a Date
 * from its text, NaN from null, -0 from 0, and a Buffer from a Uint8Array. A property of undefined counts as absent, because
 * it is not stored. Makes no text of either value.
 *
 * @param value any value, even one that a session cannot keep, which is equal to none
 * @param kept a value that a session keeps
 */
export function isEqual (value: unknown, kept: unknown): boolean {
  if (!isObject(value) || !isObject(kept)) return Object.is(value, kept)
  const kind = kindOf(kept)
  if (kindOf(value) !== kind || kind === undefined) return false
  switch (kind) {
    case 'plain': return hasEqualProperties(value as Properties, kept as Properties)
    case 'array': return hasEqualElements(value as unknown[], kept as unknown[])
    case 'date': return Object.is((value as Date).getTime(), (kept as Date).getTime()) && hasNoProperties(value)
    case 'buffer':
    case 'bytes': return Buffer.compare(value as Uint8Array, kept as Uint8Array) === 0
    case 'map': return hasEqualEntries(value as Map<unknown, unknown>, kept as Map<unknown, unknown>) && hasNoProperties(value)
    case 'set': return hasEqualMembers(value as Set<unknown>, kept as Set<unknown>) && hasNoProperties(value)
  }
}

interface Properties { readonly [name: string]: unknown }

function hasEqualProperties (value: Properties, kept: Properties): boolean {
  const names = Object.keys(value)
  const keptNames = Object.keys(kept)
  let i = 0
  for (const name of names) {
    if (value[name] === undefined) continue
    i = nextDefined(kept, keptNames, i)
    if (name !== keptNames[i] || !isEqual(value[name], kept[name])) return false
    i++
  }
  return nextDefined(kept, keptNames, i) === keptNames.length
}

function nextDefined (object: Properties, names: readonly string[], from: number): number {
  let i = from
  while (i < names.length && object[names[i] as string] === undefined) i++
  return i
}

function hasEqualElements (value: readonly unknown[], kept: readonly unknown[]): boolean {
  // As many names as elements: neither holes nor further properties.
  if (value.length !== kept.length || Object.keys(value).length !== value.length) return false
  for (let i = 0; i < value.length; i++) if (!isEqual(value[i], kept[i])) return false
  return true
}

function hasEqualEntries (value: ReadonlyMap<unknown, unknown>, kept: ReadonlyMap<unknown, unknown>): boolean {
  if (value.size !== kept.size) return false
  const rest = kept.entries()
  for (const [key, inner] of value) {
    const [keptKey, keptInner] = rest.next().value as [unknown, unknown]
    if (!isEqual(key, keptKey) || !isEqual(inner, keptInner)) return false
  }
  return true
}

function hasEqualMembers (value: ReadonlySet<unknown>, kept: ReadonlySet<unknown>): boolean {
  if (value.size !== kept.size) return false
  const rest = kept.values()
  for (const member of value) if (!isEqual(member, rest.next().value)) return false
  return true
}

function hasNoProperties (value: object): boolean {
  return Object.keys(value).length === 0
}
