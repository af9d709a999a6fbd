import { LONGEST_TIMER } from './validate.js'

/*
 * A deadline is the point in time when a caller stops waiting, in milliseconds of the process's monotonic clock:
 * `performance.now()`.
 */

/** How long it is until a deadline, in milliseconds; 0 if it has passed. */
export function timeLeft (deadline: number): number {
  return Math.max(0, deadline - performance.now())
}

/** How long it is until a deadline, in whole milliseconds that a timer can wait. At least 1. */
export function timerUntil (deadline: number): number {
  return Math.max(1, Math.min(LONGEST_TIMER, Math.ceil(deadline - performance.now())))
}

/**
 * Resolves or rejects as `answer` does. If the deadline passes first, rejects with what `late` returns; `late` may also give
 * up the work, which nobody waits for any more.
 */
export async function inTime<T> (answer: Promise<T>, deadline: number, late: () => unknown): Promise<T> {
  return await new Promise((resolve, reject) => {
    const timer = setTimeout(() => reject(late()), timerUntil(deadline))
    answer.then(resolve, reject).finally(() => clearTimeout(timer))
  })
}
