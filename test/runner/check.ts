import { spawn } from 'node:child_process'
import { once } from 'node:events'
import type { Result } from './result.js'

/** Runs a program that checks something, and says why if it does not agree. */
export async function runCheck (name: string, program: string, args: readonly string[], abort: AbortSignal): Promise<Result> {
  const startedAt = performance.now()
  // What it covers is of no interest, and would take it several times as long.
  const child = spawn(program, args, { stdio: ['ignore', 'pipe', 'pipe'], env: { ...process.env, NODE_V8_COVERAGE: '' } })
  const end = () => { child.kill() }
  abort.addEventListener('abort', end)
  let output = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { output += chunk.toString() })
  const [code] = await once(child, 'close') as [number | null]
  abort.removeEventListener('abort', end)
  const failures = code === 0 ? [] : [{ path: [], reason: output.trim() || `${program} ended with ${code ?? 'a signal'}` }]
  return { name, passed: code === 0 ? 1 : 0, skipped: 0, failures, output: '', seconds: (performance.now() - startedAt) / 1000 }
}
