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

/** How long Go may take to fetch modules, in milliseconds. Without a network it would try for minutes. */
const FETCH_TIME = 120_000

/** What Go says when it cannot fetch a module, or the version of Go that go.mod asks for. */
const NO_NETWORK = /disabled by GOPROXY|dial |lookup |proxyconnect|connection re|timeout|TLS|toolchain|status code|: [45]\d\d /i

/** Why a test that needs a Go program is skipped: there is no Go, or it cannot fetch what the program imports. Else false. */
export async function withoutGo (name: string, folder = MODULE): Promise<false | string> {
  const go = findGo()
  if (go === undefined) return 'there is no Go on this machine'
  try {
    await run(go, ['list', '-deps', `./${name}`], { cwd: folder, timeout: FETCH_TIME, maxBuffer: 2 ** 26 })
    return false
  } catch (error) {
    const { killed = false, stderr = '' } = error as { readonly killed?: boolean, readonly stderr?: string }
    const why = killed ? `it has tried for ${FETCH_TIME / 1000} s` : stderr.split('\n').find(line => NO_NETWORK.test(line))
    // Whatever else is wrong is an error of the build.
    return why !== undefined && `Go cannot get its modules: ${why}`
  }
}

/** Builds a program of test/scs, or of another folder, and removes it when the test is over. */
export async function buildGo (t: Test, name: string, source = MODULE): Promise<string> {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-sql-sessions-'))
  t.teardown(async () => { await rm(folder, { recursive: true }) })
  const program = join(folder, 'program')
  await run(findGo() as string, ['build', '-o', program, `./${name}`], { cwd: source })
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
