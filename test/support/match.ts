import { isDeepStrictEqual } from 'node:util'

/**
 * Whether a value has what a pattern asks for. A regular expression matches text, a text is found in another, a class has
 * its instances (`String`, `Number` and their kind the plain values too), an array or an object has at least the members
 * of the pattern, each of which matches. All else must be equal.
 */
export function match (actual: unknown, pattern: unknown): boolean {
  if (isDeepStrictEqual(actual, pattern)) return true
  if (actual === null || actual === undefined) return false
  if (pattern instanceof RegExp) return pattern.test(String(actual))
  if (typeof pattern === 'string') return pattern !== '' && typeof actual === 'string' && actual.includes(pattern)
  if (typeof pattern === 'function') return isOf(actual, pattern as Constructor)
  if (typeof pattern !== 'object' || pattern === null || typeof actual !== 'object') return false
  if (Array.isArray(pattern) && !Array.isArray(actual)) return false
  if (pattern instanceof Error && !(match((actual as Error).message, pattern.message))) return false
  return Object.entries(pattern).every(([key, part]) => match((actual as Record<string, unknown>)[key], part))
}

type Constructor = new (...args: never[]) => unknown

function isOf (actual: unknown, constructor: Constructor): boolean {
  const type: string = typeof actual
  return actual instanceof constructor || type === constructor.name.toLowerCase()
}
