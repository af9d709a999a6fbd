import type { Done } from './connection.js'
import { bySeen } from './statements.js'
import { LostError } from '../sql/database.js'
import { updateGroups, withOwner } from '../sql/groups.js'
import type { ChangedSession } from '../store.js'

/*
 * Which of several sessions an UPDATE has updated. If the rows affected are as many as the sessions, all of them; that is
 * the usual case. If they are fewer, the insert id has a bit for each one.
 */

/**
 * Updates sessions in as few statements as possible, on a server that counts in the insert id. A trigger on the table takes
 * the count away, and anybody may add one at any time: then `onMiscount` is called.
 *
 * @param send sends one statement for sessions of one group of {@link bySeen}, all with an owner or none
 * @returns those that were updated. Rejects with {@link LostError} if the server did not say which ones
 */
export async function updateTogether (
  sessions: readonly ChangedSession[], send: (group: readonly ChangedSession[]) => Promise<Done>, onMiscount: () => void
): Promise<Set<ChangedSession>> {
  const [owned, others] = withOwner(sessions)
  return await updateGroups([...bySeen(others), ...bySeen(owned)], async group => {
    const done = await send(group)
    const { affectedRows } = done
    if (group.length === 1) return affectedRows > 0 ? group : []
    const counted = countedIn(done, group)
    if (counted.length !== affectedRows) onMiscount()
    if (affectedRows === group.length) return group
    if (affectedRows === 0) return []
    if (counted.length === affectedRows) return counted
    throw new LostError('the server does not say which of the sessions it saved')
  })
}

/** Updates each session in a statement of its own, whose rows affected say whether it was updated. Resolves and rejects as {@link updateTogether}. */
export async function updateOneByOne (sessions: readonly ChangedSession[], send: (session: ChangedSession) => Promise<Done>): Promise<Set<ChangedSession>> {
  return await updateGroups(sessions.map(session => [session]), async group => {
    const [session] = group as [ChangedSession]
    return (await send(session)).affectedRows > 0 ? group : []
  })
}

/** Those whose bit is set, the lowest bit being the first one's. */
function countedIn ({ insertId }: Done, group: readonly ChangedSession[]): readonly ChangedSession[] {
  // All of them, which needs no large numbers.
  if (Number(insertId) === 2 ** group.length - 1) return group
  const bits = BigInt(insertId)
  return group.filter((_session, i) => (bits >> BigInt(i) & 1n) === 1n)
}
