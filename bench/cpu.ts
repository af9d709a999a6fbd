import { readFileSync } from 'node:fs'
import { setTimeout as sleep } from 'node:timers/promises'

/** What Linux calls USER_HZ. It is 100 on every architecture that Node.js runs on. */
const TICKS_PER_SECOND = 100

/**
 * The CPU time that processes have used, in microseconds, with all their threads, in steps of 10,000. NaN where it is not
 * known: without Linux' /proc, or for a process that is not there.
 */
export function cpuTime (pids: readonly number[]): number {
  if (pids.length === 0) return NaN
  return pids.reduce((sum, pid) => sum + cpuTimeOf(pid), 0)
}

function cpuTimeOf (pid: number): number {
  try {
    return ticksIn(readFileSync(`/proc/${pid}/stat`, 'latin1')) / TICKS_PER_SECOND * 1e6
  } catch {
    return NaN
  }
}

/** The ticks in user and kernel mode: fields 14 and 15 of proc(5). Field 2, the program's name, may contain spaces. */
export function ticksIn (stat: string): number {
  const fields = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
  return Number(fields[11]) + Number(fields[12])
}

/**
 * Waits until these processes have nothing to do: what a database puts off, and what a process collects, belongs to the
 * load that came before. Gives up after 5 seconds.
 */
export async function quiet (pids: readonly number[]): Promise<void> {
  for (let tries = 0; tries < 25; tries++) {
    const before = cpuTime(pids)
    await sleep(200)
    // One step may be anybody's.
    if (!(cpuTime(pids) - before > 1e6 / TICKS_PER_SECOND)) return
  }
}
