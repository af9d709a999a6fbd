import { spawn } from 'node:child_process'
import { fileURLToPath } from 'node:url'
import { TapReader } from './tap-reader.js'
import type { Result } from './result.js'

/** How long a process may take, in milliseconds, on however busy a machine: a hung test must not hold up the others. */
const LIMIT = 20 * 60_000
/** tap's own limits depend on how fast the machine is. */
const NO_LIMIT = '0'
const GROUP = fileURLToPath(new URL('group.js', import.meta.url))

/** Runs compiled test files in a process of their own, one after the other. An abort ends the process. */
export async function runFiles (files: readonly string[], abort: AbortSignal): Promise<readonly Result[]> {
  const reader = new TapReader(files)
  const limit = AbortSignal.timeout(LIMIT)
  const child = spawn(process.execPath, files.length === 1 ? files : [GROUP, ...files], {
    env: { ...process.env, TAP_TIMEOUT: NO_LIMIT },
    stdio: ['ignore', 'pipe', 'pipe'],
    signal: AbortSignal.any([abort, limit]),
    killSignal: 'SIGKILL'
  })
  // The abort is told by how the process ends.
  child.on('error', () => {})
  child.stdout.on('data', (chunk: Buffer) => { reader.read(chunk) })
  child.stderr.on('data', (chunk: Buffer) => { reader.print(chunk.toString()) })
  // Not events.once(), which would reject with the abort.
  const { code, signal } = await new Promise<{ code: number | null, signal: NodeJS.Signals | null }>(resolve => child.once('close', (code, signal) => { resolve({ code, signal }) }))
  return reader.end(limit.aborted ? `It took more than ${LIMIT / 60_000} minutes.` : signal === null ? `Its process ended with the code ${code}.` : `Its process was ended by ${signal}.`, code === 0)
}
