import { existsSync, readFileSync } from 'node:fs'
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import { root } from './paths.js'

/** A build of this package. */
export interface Build {
  /** The folder of its package.json. */
  readonly root: URL
  /** The module that an application imports. */
  readonly entry: URL
}

/** The build in a folder; without one this build. Throws if nothing has been built there. */
export function buildIn (folder?: string): Build {
  const place = folder === undefined ? root : pathToFileURL(`${resolve(folder)}/`)
  const { main } = JSON.parse(readFileSync(new URL('package.json', place), 'utf8')) as { main?: string }
  const entry = new URL(main ?? 'index.js', place)
  if (!existsSync(entry)) throw new Error(`${entry.pathname} does not exist: run npm run build in ${place.pathname}`)
  return { root: place, entry }
}
