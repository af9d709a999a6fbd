import type { SessionCallback } from './outcome.js'
import { InvalidArgumentError } from '../errors.js'
import { SUCCESSOR_TTL } from '../../stores/store.js'
import { inspected, LONGEST_TIMER } from '../../stores/validate.js'

/** The last year that a cookie's date can have. */
const LATEST = Date.UTC(9999, 11, 31)

export function checkedKey (key: unknown): string {
  if (typeof key === 'string' && key !== '') return key
  throw new InvalidArgumentError(`The key of a session's value must be a string that is not empty, not ${inspected(key)}`)
}

/** The keys that regenerate keeps. */
export function checkedKeys (keys: unknown): readonly string[] {
  if (!Array.isArray(keys)) throw new InvalidArgumentError(`regenerate needs an array of keys, not ${inspected(keys)}`)
  return keys.map(checkedKey)
}

/** The time of a deadline, in milliseconds since 1970 UTC. */
export function checkedDeadline (deadline: unknown): number {
  if (!(deadline instanceof Date) || Number.isNaN(deadline.getTime())) {
    throw new InvalidArgumentError(`setDeadline needs a valid Date, not ${deadline instanceof Date ? 'an invalid one' : inspected(deadline)}`)
  }
  if (deadline.getTime() > LATEST) throw new InvalidArgumentError('setDeadline needs a Date before the year 10000')
  return deadline.getTime()
}

/** @fastify/csrf-protection passes its options on to the session. Cookie options among them are refused, not ignored. */
export function checkCookieOptions (options: unknown): void {
  const names = typeof options === 'object' && options !== null ? Object.keys(options).filter(name => name !== 'userInfo') : []
  if (names.length === 0) return
  throw new InvalidArgumentError(`session.options cannot set ${names.join(', ')}: the cookie's attributes are an option of the plugin, cookie. A session's own end is set with setDeadline`)
}

/** The options of exclusive. */
export function checkedExclusive (fn: unknown, options: unknown): { readonly timeout?: number } {
  if (typeof fn !== 'function') throw new InvalidArgumentError(`exclusive needs a function, not ${inspected(fn)}`)
  const timeout = timeIn('exclusive', options, 'timeout', 1, LONGEST_TIMER)
  return timeout === undefined ? {} : { timeout }
}

/** How long a renewal keeps the old token, in milliseconds; 0: not at all. */
export function checkedRenewal (options: unknown): number {
  return timeIn('renewToken', options, 'keepOldFor', 0, SUCCESSOR_TTL) ?? 0
}

/** The callback of a method that takes one, if there is one. */
export function checkedCallback (method: string, callback: unknown): SessionCallback | undefined {
  if (callback === undefined || callback === null) return undefined
  if (typeof callback === 'function') return callback as SessionCallback
  throw new InvalidArgumentError(`${method} needs a function to call back, or nothing, not ${inspected(callback)}`)
}

/** The time in whole milliseconds that is the only option of a method. Undefined if it is not given. */
function timeIn (method: string, options: unknown, name: string, least: number, most: number): number | undefined {
  if (options === undefined) return undefined
  if (typeof options !== 'object' || options === null) throw new InvalidArgumentError(`${method} needs options like { ${name}: 10_000 }, or nothing, not ${inspected(options)}`)
  const unknown = Object.keys(options).find(given => given !== name)
  if (unknown !== undefined) throw new InvalidArgumentError(`${method} has no option ${unknown}. There is: ${name}`)
  const time: unknown = Reflect.get(options, name)
  if (time === undefined) return undefined
  if (typeof time === 'number' && Number.isInteger(time) && time >= least && time <= most) return time
  throw new InvalidArgumentError(`${name} must be a whole number of milliseconds from ${least} to ${most}, not ${inspected(time)}`)
}
