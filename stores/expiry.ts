import type { ChangedSession } from './store.js'

/** Two looks at a clock differ by up to this much, in milliseconds. Such a difference is no reason to write an expiry. */
const JITTER = 1000

/** Whether a write may leave the row's expiry as it is, and with it the index that the expiry is in. */
export function expiryStays ({ ttl, seen, expiryStays }: ChangedSession): boolean {
  return expiryStays ?? (seen.ttl !== undefined && Math.abs(ttl - seen.ttl) < JITTER)
}
