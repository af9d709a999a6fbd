import { spawn } from 'node:child_process'
import { TapReader } from './tap-reader.js'
import { sourceOf } from './files.js'
import type { Result } from './result.js'

/** How long a test file may take, in milliseconds, on however busy a machine: a hung test must not hold up the others. */
const LIMIT = 20 * 60_000
/** tap's own limits depend on how fast the machine is. */
const NO_LIMIT = '0'

/** Runs a compiled test file in a process of its own. An abort ends the process. */
export async function runFile (file: string, abort: AbortSignal): Promise<Result> {
  const startedAt = performance.now()
  const reader = new TapReader()
  const limit = AbortSignal.timeout(LIMIT)
  const child = spawn(process.execPath, [file], {
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
  reader.end(limit.aborted ? `It took more than ${LIMIT / 60_000} minutes.` : signal === null ? `Its process ended with the code ${code}.` : `Its process was ended by ${signal}.`, code === 0)
  return { name: sourceOf(file), ...reader.counts, output: reader.output, seconds: (performance.now() - startedAt) / 1000 }
}
