import { mkdtemp, rm } from 'node:fs/promises'
import { join } from 'node:path'
import { fileURLToPath, pathToFileURL } from 'node:url'
import type { Application } from '../applications.js'
import { requirePeer } from '../apps/peer.js'
import { buildIn, type Build } from '../packages.js'
import { root } from '../paths.js'
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
    const folders: string[] = []
    try {
      const turns = await Promise.all(lab.available(['ours-memory', 'fastify-session-memory'])
        .map(async (application) => ({ application, point: 1, modules: await modulesOf(application, folders) })))
      for (let round = 1; round <= lab.options.rounds * IMPORTS_PER_ROUND; round++) {
        await lab.round('import', turns, round, async ({ modules }) =>
          ({ import: Number(await output(process.execPath, [moduleOf('imports'), ...modules])) }))
      }
      lab.inOrder('import', turns)
    } finally {
      for (const folder of folders) await rm(folder, { recursive: true, force: true })
    }
  }
}

/** What an application imports for its sessions. */
async function modulesOf ({ name, build }: Application, folders: string[]): Promise<string[]> {
  if (name === 'fastify-session-memory') return ['@fastify/cookie', pathToFileURL(requirePeer.resolve('@fastify/session')).href]
  return [await bundled(buildIn(build), folders)]
}

/** Bundles a build as the package is published, below the build's own folder, where its dependencies are found. */
async function bundled ({ root: place, entry }: Build, folders: string[]): Promise<string> {
  // build/ is no part of the compiled project.
  const { bundle, write } = await import(new URL('build/bundle.js', root).href) as {
    bundle (entries: Readonly<Record<string, string>>): Promise<object>
    write (bundle: object, folder: string): Promise<void>
  }
  const folder = await mkdtemp(join(fileURLToPath(place), 'dist', 'bundle-'))
  folders.push(folder)
  await write(await bundle({ index: fileURLToPath(entry) }), folder)
  return pathToFileURL(join(folder, 'index.js')).href
}
