import { isSeen, successorIn } from '../successor.js'
import type { StoredSession } from '../store.js'

/** Rows by what they are. */
export interface PartitionedRows {
  /** The live sessions by their tokens. */
  readonly live: Map<string, StoredSession>
  /** The tokens of rows that name a successor. */
  readonly renewed: Set<string>
}

/**
 * Splits rows into live sessions and notes of renewals.
 *
 * @param into where they are added
 */
export function partitionRows (rows: readonly StoredSession[], into: PartitionedRows = { live: new Map(), renewed: new Set() }): PartitionedRows {
  for (const row of rows) {
    // A row may have become a note while the statement waited for its lock. By the time when the statement began it is live.
    if (successorIn(row.data) !== undefined) into.renewed.add(row.token)
    else if (row.ttl > 0) into.live.set(row.token, row)
  }
  return into
}

/** Whether the row that was found holds exactly this data. */
export function holdsData (found: StoredSession | undefined, data: Uint8Array): boolean {
  return found !== undefined && isSeen(found.data, { bytes: data, whole: true })
}
