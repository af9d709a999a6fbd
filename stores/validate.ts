import { inspect } from 'node:util'
import { closest } from './closest.js'
import { InvalidOptionError } from './errors.js'

/** The longest duration that an option may have, in milliseconds: 100 years. */
const LONGEST = 100 * 365.25 * 24 * 3_600_000
/** The longest delay of a timer in Node.js, in milliseconds. */
export const LONGEST_TIMER = 2 ** 31 - 1

/**
 * Throws for an unknown option, and suggests the one that was probably meant.
 *
 * @param advice what to do instead, for options of other session libraries
 */
export function knownOnly (options: unknown, known: readonly string[], prefix = '', advice: ReadonlyMap<string, string> = new Map()): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) throw new InvalidOptionError(`The options must be an object, not ${inspected(options)}`)
  for (const name of Object.keys(options)) {
    if (known.includes(name)) continue
    const nearest = closest(name, known)
    const suggestion = advice.get(name) ?? (nearest === undefined ? `There are: ${known.join(', ')}` : `Did you mean ${prefix}${nearest}?`)
    throw new InvalidOptionError(`There is no option ${prefix}${name}. ${suggestion}`)
  }
}

/** Checks a duration in whole milliseconds. */
export function duration (option: string, value: unknown, otherwise: number, { least = 0, most = LONGEST } = {}): number {
  if (value === undefined) return otherwise
  if (typeof value === 'number' && Number.isInteger(value) && value >= least && value <= most) return value
  throw new InvalidOptionError(`${option} must be a whole number of milliseconds from ${least} to ${most}, not ${inspected(value)}`)
}

/** Checks a count. Without `otherwise` the option is required. */
export function positiveInteger (option: string, value: unknown, otherwise?: number): number {
  if (value === undefined && otherwise !== undefined) return otherwise
  if (typeof value === 'number' && Number.isSafeInteger(value) && value > 0) return value
  throw new InvalidOptionError(`${option} must be a whole number of 1 or more, not ${inspected(value)}`)
}

export function boolean (option: string, value: unknown, otherwise: boolean): boolean {
  if (value === undefined) return otherwise
  if (typeof value === 'boolean') return value
  throw new InvalidOptionError(`${option} must be true or false, not ${inspected(value)}`)
}

export function oneOf<T extends string | boolean> (option: string, value: unknown, allowed: readonly T[], otherwise: T): T {
  if (value === undefined) return otherwise
  const found = allowed.find(one => one === value)
  if (found !== undefined) return found
  throw new InvalidOptionError(`${option} must be ${allowed.map(one => inspect(one)).join(' or ')}, not ${inspected(value)}`)
}

/** The parts of a table's name, the schema first. */
export function tableName (value: unknown, otherwise = 'sessions'): readonly string[] {
  if (value === undefined) return [otherwise]
  // eslint-disable-next-line no-control-regex -- the databases refuse exactly these
  if (typeof value === 'string' && /^[^.\u0000]{1,64}(\.[^.\u0000]{1,64})?$/.test(value) && !/\s(\.|$)/.test(value)) return value.split('.')
  throw new InvalidOptionError(`table must be the name of a table, like 'sessions' or 'auth.sessions', not ${inspected(value)}`)
}

/** What a wrong value is, for an error about an option that may hold a password: its kind, and nothing of it. */
export function described (value: unknown): string {
  if (typeof value === 'string') return value === '' ? 'an empty string' : 'another string'
  if (typeof value !== 'object' || value === null) return inspected(value)
  if (Array.isArray(value)) return 'an array'
  if ('then' in value) return 'a promise. Await it first'
  const { constructor } = value
  return typeof constructor === 'function' && constructor !== Object && constructor.name !== '' ? `an object of ${constructor.name}` : 'another object'
}

/** A wrong value as an error shows it: short, and without what may be a password. */
export function inspected (value: unknown): string {
  if (typeof value === 'string') return value.length > 60 || /:\/\/|=|passw|pwd|secret/i.test(value) ? 'another string' : inspect(value)
  if (typeof value === 'object' && value !== null) return Array.isArray(value) ? 'an array' : 'another object'
  return typeof value === 'function' ? 'a function' : inspect(value)
}
