import { setTimeout as sleep } from 'node:timers/promises'
import type { Access } from './access.js'
import type { Lanes } from './batch.js'
import type { StoreReport } from '../diagnostics.js'

/** How many expired rows are deleted at once. */
export const CLEANUP_BATCH = 128

/**
 * Deletes what is expired, in one process at a time. Each batch takes its turn with the statements of requests. Otherwise
 * the cleanup would hold the one connection of a small pool until it is through.
 *
 * @param next the lanes for the next batch, and when it is given up
 */
export async function clean<Connection> (
  { attempts, database, lockTimeoutMs }: Access<Connection>, next: () => Promise<{ readonly lanes: Lanes, readonly deadline: number }>, report: StoreReport, stop: AbortSignal
): Promise<void> {
  while (!stop.aborted) {
    const started = performance.now()
    const { lanes, deadline } = await next()
    const deleted = await lanes.alone(async deadline => await attempts.repeat(deadline, true, async limit => await database.exclusively(limit,
      async connection => await database.removeExpired(connection, CLEANUP_BATCH, lockTimeoutMs(0, deadline)))), { deadline })
    if (deleted === undefined || deleted === 0) return
    report.expire(deleted)
    // Requests come first: the cleanup rests twice as long as it has worked, or until it is stopped.
    await sleep(2 * (performance.now() - started), undefined, { signal: stop }).catch(() => {})
  }
}
