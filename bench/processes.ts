import { spawn } from 'node:child_process'
import type { ChildProcess, SpawnOptions } from 'node:child_process'
import { once } from 'node:events'
import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

// Whatever way the benchmark ends, the processes that it started end with it, and its folders are removed. All of this is
// synchronous because it runs when the process exits.
const running = new Set<ChildProcess>()
const folders = new Set<string>()

process.on('exit', () => {
  for (const child of running) child.kill('SIGKILL')
  for (const folder of folders) {
    try { rmSync(folder, { recursive: true, force: true, maxRetries: 3 }) } catch (error) { console.error(String(error)) }
  }
})
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => process.exit(130))

/** A throw-away folder on disk. */
export function temporaryFolder (): string {
  const folder = mkdtempSync(join(tmpdir(), 'sessions-bench-'))
  folders.add(folder)
  return folder
}

export function removeFolder (folder: string): void {
  rmSync(folder, { recursive: true, force: true, maxRetries: 3 })
  folders.delete(folder)
}

/** Starts a process that ends with this one at the latest. */
export function start (command: string, args: readonly string[], options: SpawnOptions = {}): ChildProcess {
  const child = spawn(command, args, options)
  running.add(child)
  child.once('close', () => running.delete(child))
  child.once('error', () => running.delete(child))
  return child
}

/** Ends a process, by force when asking does not help. */
export async function stop (child: ChildProcess): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const closed = once(child, 'close')
  child.kill('SIGTERM')
  const force = setTimeout(() => child.kill('SIGKILL'), 20_000)
  await closed
  clearTimeout(force)
}

/** Runs a program to its end and returns what it printed; an error with what it complained about if it failed. */
export async function output (
  command: string, args: readonly string[], options: SpawnOptions & { seconds?: number } = {}
): Promise<string> {
  const { seconds = 120, ...rest } = options
  const child = start(command, args, { ...rest, stdio: ['ignore', 'pipe', 'pipe'] })
  let text = ''
  let complaint = ''
  child.stdout?.setEncoding('utf8').on('data', (part: string) => { text += part })
  child.stderr?.setEncoding('utf8').on('data', (part: string) => { complaint += part })
  const timer = setTimeout(() => child.kill('SIGKILL'), seconds * 1000)
  const [code, signal] = await once(child, 'close') as [number | null, string | null]
  clearTimeout(timer)
  if (code !== 0) throw new Error(`${command} ended with ${code ?? signal}: ${(complaint || text).trim().slice(-2000)}`)
  return text
}
