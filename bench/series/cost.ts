import { isOurs } from '../applications.js'
import { readCookies, sumOfCounters } from '../check.js'
import type { Measured } from '../figures.js'
import { counter, kindsOf } from '../kinds.js'
import type { Kind } from '../kinds.js'
import type { Lab, Turn } from '../lab.js'
import type { Running } from '../running.js'
import { load } from '../wrk.js'
import type { Series } from './series.js'

const lineUp = ['ceiling', 'ours-memory', 'ours', 'scs-interpolated', 'fastify-session', 'express-session', 'express-session-no-touch']
const connections = 64

interface Started extends Turn {
  readonly running: Running
}

/**
 * What a request costs in CPU time, which does not depend on what else the machine does. Each round starts the applications
 * anew, because two processes of one build differ.
 */
export const cost: Series = {
  name: 'cost',
  title: `CPU time per request at ${connections} connections`,
  axis: 'connections',
  unit: 'totalCpu',
  columns: ['cpu', 'databaseCpu', 'totalCpu', 'rate', 'failed'],
  overCeiling: 'cpu',
  async run (lab) {
    await lab.openDatabase()
    const kinds = kindsOf(lab.options.kinds)
    lab.environment.push(`${lab.sessions} sessions of ${lab.bytes} bytes; CPU time of whole processes, from /proc, after a warm-up`)
    const counts = new Map<string, Counts>()
    let last: Started[] = []
    for (let round = 1; round <= lab.options.rounds; round++) {
      const running = await lab.lineUp(lineUp)
      last = running.map((running) => ({ running, application: running.application, point: connections }))
      for (const kind of kinds) await lab.round(kind.title, last, round, async ({ running }) => await measure(lab, kind, running, counts))
      await lab.stopApplications()
    }
    for (const { title } of kinds) lab.inOrder(title, last)
    for (const [name, { acknowledged, lost }] of counts) {
      // A promise of this package, and of no other.
      lab.notes.push(`${lost > 0 && isOurs(name) ? 'WRONG: ' : ''}${name} lost ${lost} of ${acknowledged} acknowledged counts`)
    }
  }
}

/** Increments of the sessions' counters. */
interface Counts {
  readonly acknowledged: number
  readonly lost: number
}

async function measure (lab: Lab, kind: Kind, running: Running, counts: Map<string, Counts>): Promise<Measured> {
  const { ports, cookies, log, application: { name, store } } = running
  const options = { ports, cookies, log, connections, kind }
  const { requests, failed } = await load({ ...options, seconds: lab.options.warmUp })
  let acknowledged = requests - failed
  const measured = await lab.counted(running, async () => {
    const loaded = await load({ ...options, seconds: lab.options.seconds })
    acknowledged += loaded.requests - loaded.failed
    return loaded
  })
  if (kind === counter && store !== 'none') {
    const before = counts.get(name) ?? { acknowledged: 0, lost: 0 }
    const lost = acknowledged - await sumOfCounters(ports[0] ?? 0, readCookies(cookies))
    // Requests that were under way at the end were counted without being acknowledged.
    counts.set(name, { acknowledged: before.acknowledged + acknowledged, lost: before.lost + Math.max(0, lost) })
  }
  return measured
}
