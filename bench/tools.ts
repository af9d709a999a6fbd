import { existsSync } from 'node:fs'
import { delimiter, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { bench, built } from './paths.js'
import { output } from './processes.js'

/** Where a program is, also in the places that are often not on PATH. */
export function find (...names: readonly string[]): string | undefined {
  const folders = [...(process.env.PATH ?? '').split(delimiter), '/usr/sbin', '/usr/local/sbin', '/usr/local/go/bin']
  return names.flatMap((name) => folders.map((folder) => join(folder, name))).find((file) => existsSync(file))
}

/** The same, for what there is no going on without. */
export function need (what: string, ...names: readonly string[]): string {
  const found = find(...names)
  if (found === undefined) throw new Error(`${names[0]} is not installed: ${what}`)
  return found
}

/** Installs the peers into the benchmark's own folder on first use. */
export async function installPeers (): Promise<void> {
  const folder = fileURLToPath(bench)
  if (existsSync(join(folder, 'node_modules', '.package-lock.json'))) return
  console.error('Installing the peers into bench/node_modules')
  await output('npm', ['ci', '--prefix', folder], { seconds: 600 })
}

/**
 * Builds a Go program of bench/scs/go.mod, where Go is. Undefined where it is not.
 */
export async function goBuild (name: string, of: string): Promise<string | undefined> {
  const go = find('go')
  if (go === undefined) return undefined
  const program = fileURLToPath(new URL(name, built))
  await output(go, ['build', '-o', program, of], { cwd: new URL('scs/', bench), seconds: 600 })
  return program
}
