import { pathToFileURL } from 'node:url'
import type { Application } from '../applications.js'
import { requirePeer } from '../apps/peer.js'
import { buildIn } from '../packages.js'
import { output } from '../processes.js'
import { moduleOf } from '../running.js'
import type { Series } from './series.js'

/** An import takes a moment and differs much from process to process, so each round has several. */
const IMPORTS_PER_ROUND = 4

export const imports: Series = {
  name: 'import',
  title: 'What an import costs beyond that of Fastify',
  axis: 'imports',
  unit: 'import',
  columns: ['import'],
  async run (lab) {
    const turns = lab.available(['ours-memory', 'fastify-session-memory'])
      .map((application) => ({ application, point: 1, modules: modulesOf(application) }))
    for (let round = 1; round <= lab.options.rounds * IMPORTS_PER_ROUND; round++) {
      await lab.round('import', turns, round, async ({ modules }) =>
        ({ import: Number(await output(process.execPath, [moduleOf('imports'), ...modules])) }))
    }
    lab.inOrder('import', turns)
  }
}

/** What an application imports for its sessions. */
function modulesOf ({ name, build }: Application): string[] {
  if (name === 'fastify-session-memory') return ['@fastify/cookie', pathToFileURL(requirePeer.resolve('@fastify/session')).href]
  return [buildIn(build).entry.href]
}
