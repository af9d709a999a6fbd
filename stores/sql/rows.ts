import { isSeen, successorIn, successorOf } from '../successor.js'
import type { StoredSession, Successor } from '../store.js'

/** Rows by what they are. */
export interface PartitionedRows {
  /** The live sessions by their tokens. */
  readonly live: Map<string, StoredSession>
  /** What the rows of renewed sessions say, by their tokens. */
  readonly renewed: Map<string, Successor>
}

/**
 * Splits rows into live sessions and notes of renewals.
 *
 * @param into where they are added
 */
export function partitionRows (rows: readonly StoredSession[], into: PartitionedRows = { live: new Map(), renewed: new Map() }): PartitionedRows {
  for (const row of rows) {
    // A row may have become a note while the statement waited for its lock. By the time when the statement began it is live.
    if (successorIn(row.data) !== undefined) into.renewed.set(row.token, successorOf(row))
    else if (row.ttl > 0) into.live.set(row.token, row)
  }
  return into
}

/** Those of the tokens whose sessions were renewed, as {@link Found} has them. */
export function renewedAmong (tokens: readonly string[], renewed: ReadonlyMap<string, Successor>): { readonly renewed: readonly string[], readonly successors: readonly Successor[] } {
  const successors = tokens.flatMap(token => renewed.get(token) ?? [])
  return { renewed: successors.map(({ token }) => token), successors }
}

/** Whether the row that was found holds exactly this data. */
export function holdsData (found: StoredSession | undefined, data: Uint8Array): boolean {
  return found !== undefined && isSeen(found.data, { bytes: data, whole: true })
}
