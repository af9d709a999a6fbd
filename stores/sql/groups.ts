import { LostError } from './database.js'
import type { ChangedSession } from '../store.js'

/** The sessions whose owner is to be written too, and the others. */
export function withOwner (sessions: readonly ChangedSession[]): readonly [owned: readonly ChangedSession[], others: readonly ChangedSession[]] {
  // Owners are rarely written.
  if (sessions.every(({ owner }) => owner === undefined)) return [[], sessions]
  return [sessions.filter(({ owner }) => owner !== undefined), sessions.filter(({ owner }) => owner === undefined)]
}

/**
 * Updates one group after another. A group whose statement the server refuses does not count as updated, and its caller
 * looks at the rows. If no group is updated, the refusal is the outcome.
 */
export async function updateGroups (
  groups: ReadonlyArray<readonly ChangedSession[]>, update: (group: readonly ChangedSession[]) => Promise<readonly ChangedSession[]>
): Promise<Set<ChangedSession>> {
  const updated = new Set<ChangedSession>()
  let refusal: { readonly error: unknown } | undefined
  for (const group of groups) {
    try {
      for (const session of await update(group)) updated.add(session)
    } catch (error) {
      if (error instanceof LostError) throw error
      refusal ??= { error }
    }
  }
  if (refusal !== undefined && updated.size === 0) throw refusal.error
  return updated
}
