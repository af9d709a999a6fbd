import { InvalidOptionError } from './errors.js'
import { duration, inspected, LONGEST_TIMER } from './validate.js'

/** How long {@link SessionStore.exclusively} waits for its turn by default, in milliseconds. */
const DEFAULT_WAIT = 5000

/** When a caller of {@link SessionStore.exclusively} stops waiting, in milliseconds of `performance.now()`. Throws `FST_SESSION_INVALID_OPTION`. */
export function exclusiveDeadline (name: unknown, timeout: unknown, otherwise = DEFAULT_WAIT): number {
  if (typeof name !== 'string' || !/^[\x20-\x7e]{1,60}$/.test(name)) {
    throw new InvalidOptionError(`The name of exclusive work must be 1 to 60 characters of printable ASCII, not ${typeof name === 'string' ? 'another string' : inspected(name)}`)
  }
  return performance.now() + duration('timeout', timeout, otherwise, { least: 1, most: LONGEST_TIMER })
}
