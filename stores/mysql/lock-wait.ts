/** How long a statement waits for a locked row. */
export interface LockWait {
  /** What the statement says, where the server can be told; 0 is not at all. */
  readonly seconds: number
  /** Where it cannot: after how many milliseconds the statement is killed. */
  readonly killAfter?: number
}

/** In seconds. The server prepares a statement for each number of seconds. */
const LONGEST_WAIT = 60

/** @param milliseconds how long the statement may wait */
export function lockWait (milliseconds: number, boundsLocks: boolean): LockWait {
  if (!boundsLocks) return { seconds: 0, killAfter: milliseconds * 0.9 }
  // The server counts in seconds, and must give up before the store does.
  return { seconds: milliseconds < 500 ? 0 : Math.min(LONGEST_WAIT, Math.max(1, Math.floor((milliseconds - 100) / 1000))) }
}
