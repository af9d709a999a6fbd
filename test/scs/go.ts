import { execFile, spawn } from 'node:child_process'
import { existsSync } from 'node:fs'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { delimiter, join } from 'node:path'
import { createInterface } from 'node:readline'
import type { Writable } from 'node:stream'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import type { Test } from 'tap'

const run = promisify(execFile)
const MODULE = fileURLToPath(new URL('../../../test/scs', import.meta.url))

/** The Go on this machine, if there is one. */
export function findGo (): string | undefined {
  const folders = [...(process.env['PATH'] ?? '').split(delimiter), '/usr/local/go/bin']
  return folders.map(folder => join(folder, 'go')).find(file => existsSync(file))
}

/** Why a test that needs Go is skipped, or false. */
export const withoutGo: false | string = findGo() === undefined ? 'there is no Go on this machine' : false

/** Builds a program of test/scs, and removes it when the test is over. */
export async function buildGo (t: Test, name: string): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-sql-sessions-'))
  t.teardown(async () => { await rm(folder, { recursive: true }) })
  const program = join(folder, name)
  await run(findGo() as string, ['build', '-o', program, `./${name}`], { cwd: MODULE })
  return program
}

/** A program that answers each line of its input with a line. */
export class LineProgram {
  readonly #input: Writable
  readonly #lines: AsyncIterator<string>

  constructor (t: Test, program: string) {
    const { stdin, stdout } = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'] })
    this.#input = stdin
    this.#lines = createInterface(stdout)[Symbol.asyncIterator]()
    t.teardown(() => { stdin.end() })
  }

  /** Sends lines, and returns the answers in their order. */
  async ask (lines: readonly string[]): Promise<string[]> {
    this.#input.write(lines.map(line => `${line}\n`).join(''))
    const answers: string[] = []
    while (answers.length < lines.length) {
      const { value, done } = await this.#lines.next()
      if (done === true) throw new Error('the Go program has ended')
      answers.push(value)
    }
    return answers
  }
}
