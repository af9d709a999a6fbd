import { isNodePeer } from '../applications.js'
import { readCookies } from '../check.js'
import { spread } from '../figures.js'
import { paced, vegeta } from '../vegeta.js'
import { load } from '../wrk.js'
import { mysqlPeers } from './series.js'
import type { Series } from './series.js'

export const tail: Series = {
  name: 'tail',
  title: 'The tail at half of the slowest Node peer\'s capacity',
  axis: 'requests/s',
  unit: 'p99',
  async run (lab) {
    if (await vegeta() === undefined) {
      lab.notes.push('left out: it needs vegeta, or Go to build it')
      return
    }
    await lab.openDatabase()
    lab.environment.push('fixed rate by vegeta, which sends a request when it is due whether or not earlier ones are answered')
    const running = await lab.lineUp(mysqlPeers)

    for (const [operation, writes] of [['reads', 0], ['writes', 1]] as const) {
      const capacities: number[] = []
      for (const { application, ports, cookies, log } of running) {
        // A run to warm up, and one that counts; the others are warmed up too.
        const options = { ports, cookies, log, writes, connections: 64, seconds: lab.options.seconds }
        await load(options)
        const { rate } = await load(options)
        if (isNodePeer(application.name)) capacities.push(rate)
      }
      if (capacities.length === 0) {
        lab.notes.push('left out: it needs a peer on Node to take the rate from')
        return
      }
      const rate = Math.round(spread(capacities).low / 2)
      const seconds = Math.max(lab.options.seconds, lab.options.quick ? 2 : 10)
      const turns = running.map((running) => ({ running, application: running.application, point: rate }))
      for (let round = 1; round <= lab.options.rounds; round++) {
        await lab.round(operation, turns, round, async ({ running }) => await lab.counted(running, async () =>
          await paced({ port: running.ports[0] ?? 0, cookies: readCookies(running.cookies), rate, seconds, writes })))
      }
      lab.inOrder(operation, turns)
    }
  }
}
