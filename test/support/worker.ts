import { fork } from 'node:child_process'
import { once } from 'node:events'
import { fileURLToPath } from 'node:url'
import type { Test } from 'tap'

/** A process that runs a program of this folder for a test. */
export interface Worker {
  send (message: object | string): void
  /** The next message of the process. Rejects at once if the process ends before. */
  next (): Promise<unknown>
  /** Resolves when the process has ended well; rejects if it ended otherwise. */
  readonly ended: Promise<void>
  /** Ends the process without a word. */
  kill (): void
}

/** Starts a process, and ends it when the test is over. */
export function startWorker (t: Test, program: string): Worker {
  const child = fork(fileURLToPath(new URL(`./${program}.js`, import.meta.url)), { stdio: ['ignore', 'inherit', 'pipe', 'ipc'] })
  let errors = ''
  child.stderr?.on('data', (chunk: Buffer) => { errors += chunk.toString() })
  const ended = once(child, 'close').then(([code, signal]) => {
    if (code !== 0) throw new Error(`The worker ended with ${signal ?? `the code ${code}`}:\n${errors}`)
  })
  const endedEarly = ended.then(() => { throw new Error('The worker ended without a message.') })
  for (const promise of [ended, endedEarly]) promise.catch(() => {})
  const messages: unknown[] = []
  child.on('message', message => { messages.push(message) })
  t.teardown(async () => {
    child.kill('SIGKILL')
    await ended.catch(() => {})
  })
  return {
    send: message => { child.send(message) },
    next: async () => {
      while (messages.length === 0) await Promise.race([once(child, 'message'), endedEarly])
      return messages.shift()
    },
    ended,
    kill: () => { child.kill('SIGKILL') }
  }
}
