import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { createInterface } from 'node:readline'
import type { Readable } from 'node:stream'
import type { Test } from 'tap'

/** A program that a test has started, and that runs until it is told to end. */
export interface Program {
  /** All that it has written to its output, once this is in it. Rejects at once if the program ends before. */
  hasSaid (text: string): Promise<string>
  /** Ends it, and resolves to its exit code and the signal that has ended it. */
  end (signal: NodeJS.Signals): Promise<[code: number | null, signal: NodeJS.Signals | null]>
}

/** Starts a program of Node.js, and ends it when the test is over. */
export function startProgram (t: Test, args: readonly string[], env: NodeJS.ProcessEnv = {}, cwd?: string): Program {
  const child = spawn(process.execPath, args, { env: { ...process.env, ...env }, stdio: ['ignore', 'pipe', 'pipe'], ...cwd !== undefined && { cwd } })
  const ended = once(child, 'close') as Promise<[number | null, NodeJS.Signals | null]>
  let output = ''
  let errors = ''
  child.stdout.on('data', (chunk: Buffer) => { output += chunk.toString() })
  child.stderr.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended
  })
  return {
    hasSaid: async text => {
      const early = ended.then(([code, signal]) => { throw new Error(`The program ended with ${signal ?? `the code ${code}`}:\n${output}${errors}`) })
      early.catch(() => {})
      while (!output.includes(text)) await Promise.race([once(child.stdout, 'data'), early])
      return output
    },
    end: async signal => {
      child.kill(signal)
      return await ended
    }
  }
}

/** The first line that a program writes. Rejects at once if it ends before. */
export async function firstLine (output: Readable): Promise<string> {
  const lines = createInterface(output)
  const none = once(lines, 'close').then(() => { throw new Error('The program has ended before it wrote a line.') })
  none.catch(() => {})
  const [line] = await Promise.race([once(lines, 'line'), none]) as [string]
  return line
}
