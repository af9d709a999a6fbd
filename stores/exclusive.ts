import { inTime } from './deadline.js'
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

/** Work that has begun. */
export interface Begun<T> {
  readonly result: Promise<T>
  /** Settles when the work's name is free again. */
  readonly isOver: Promise<void>
}

/**
 * Passes a function to `take`, which calls it when it is the work's turn. If that is not before the deadline, the work
 * never begins, and the promise rejects with what `late` returns.
 *
 * @returns undefined if `take` has resolved without the call
 */
export async function beginInTime<T> (
  take: (run: (lost: AbortSignal) => Promise<void>) => Promise<void>, work: (lost: AbortSignal) => Promise<T>, deadline: number, late: () => unknown
): Promise<Begun<T> | undefined> {
  const begun: Array<Begun<T>> = []
  let isGivenUp = false
  const turn = new Promise<void>((resolve, reject) => {
    const isOver = take(async lost => {
      if (isGivenUp) return
      const result = (async () => await work(lost))()
      begun.push({ result, isOver })
      resolve()
      await result.then(() => {}, () => {})
    })
    isOver.then(() => resolve(), reject)
  })
  await inTime(turn, deadline, () => { isGivenUp = true; return late() })
  return begun[0]
}
