import { isObject, kindOf } from './kinds.js'

/**
 * A copy of an object, to compare it with later by {@link isEqual}. It shares the texts of the object, which cannot change, so it
 * takes less time to make and to compare than the object's JSON. What a session cannot keep is equal to no copy.
 *
 * @param value an object that was decoded: it does not contain itself
 */
export function snapshot<T> (value: T): T
export function snapshot (value: unknown): unknown {
  if (!isObject(value)) return value
  switch (kindOf(value)) {
    case 'plain': return withCopies({ ...value })
    case 'array': return withCopies([...value as unknown[]])
    case 'date': return new Date(value as Date)
    case 'buffer': return Buffer.from(value as Buffer)
    case 'bytes': return Uint8Array.from(value as Uint8Array)
    case 'map': return new Map(Array.from(value as Map<unknown, unknown>, snapshot))
    case 'set': return new Set(Array.from(value as Set<unknown>, snapshot))
    case undefined: return value
  }
}

/** Replaces the objects in a new object by copies of their own. */
function withCopies<T extends object> (copy: T): T {
  const inside = copy as Record<string, unknown>
  for (const name of Object.keys(copy)) {
    const value = inside[name]
    if (isObject(value)) inside[name] = snapshot(value)
  }
  return copy
}
