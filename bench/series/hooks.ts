import type { Application } from '../applications.js'
import type { Measured } from '../figures.js'
import { kinds, optedOut } from '../kinds.js'
import type { Lab } from '../lab.js'
import { buildIn } from '../packages.js'
import { output } from '../processes.js'
import { moduleOf } from '../running.js'
import type { Series } from './series.js'

const measured = kinds.filter((kind) => kind !== optedOut)

/** For developers: what the package's own code costs, to a fraction of a microsecond, even while the machine is busy. */
export const hooks: Series = {
  name: 'hooks',
  title: 'The package\'s own hooks on the memory store, without Fastify and HTTP',
  axis: 'requests under way',
  unit: 'hooks',
  columns: ['hooks'],
  isOptional: true,
  async run (lab) {
    const applications = lab.available(['ours-memory'])
    const turns = applications.map((application) => ({ application, point: 1 }))
    const titles = measured.map(({ title }) => title)
    for (let round = 1; round <= lab.options.rounds; round++) {
      await lab.roundOfMany(titles, turns, round, async ({ application }) => await measure(lab, application))
    }
    for (const title of titles) lab.inOrder(title, turns)
  }
}

/** Measures each kind in a new process. */
async function measure (lab: Lab, { build }: Application): Promise<Measured[]> {
  const printed = await output(process.execPath, [moduleOf('hooks'), buildIn(build).entry.href, String(lab.options.requests)])
  const costs = JSON.parse(printed) as Record<string, number>
  return measured.map(({ name }) => ({ hooks: costs[name] }))
}
