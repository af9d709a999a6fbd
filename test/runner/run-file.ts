import { resolve } from 'node:path'
import { finished } from 'node:stream/promises'
import { run } from 'node:test'
import { sourceOf } from './files.js'
import type { Failure, Result } from './result.js'
import { inSources } from './sources.js'

/** How long a test file may take, in milliseconds, on however busy a machine: a hung test must not hold up the others. */
const LIMIT = 10 * 60_000
const OUTPUT_LIMIT = 20_000

/** Runs a compiled test file in a process of its own. An abort ends the process. */
export async function runFile (file: string, abort: AbortSignal): Promise<Result> {
  const startedAt = performance.now()
  const tests = new Tests(resolve(file))
  const stream = run({ files: [tests.file], signal: AbortSignal.any([abort, AbortSignal.timeout(LIMIT)]) })
  stream.on('test:dequeue', ({ name, nesting }) => { tests.began(name, nesting) })
  stream.on('test:complete', ({ nesting }) => { tests.ended(nesting) })
  stream.on('test:start', ({ name, nesting }) => { tests.isReported(name, nesting) })
  stream.on('test:pass', ({ nesting, skip }) => { tests.passedOrSkipped(nesting, skip !== undefined && skip !== false) })
  stream.on('test:fail', ({ nesting, details: { error } }) => { tests.failed(nesting, error) })
  stream.on('test:stdout', ({ message }) => { tests.printed(message) })
  stream.on('test:stderr', ({ message }) => { tests.printed(message) })
  await finished(stream.resume())
  tests.processEnded()
  return { name: sourceOf(file), ...tests.counts, output: tests.output, seconds: (performance.now() - startedAt) / 1000 }
}

/** What the events of a test file add up to. Only tests that have no parts are counted. */
class Tests {
  output = ''
  readonly file: string
  readonly #counts = { passed: 0, skipped: 0, failures: [] as Failure[] }
  /** The test that runs, and those that it is a part of. */
  readonly #running: string[] = []
  /** The test that is reported, and those that it is a part of. The report comes after the run. */
  readonly #reported: string[] = []
  /** How deep the test was whose result came last. A result of a lesser depth is that of a test with parts. */
  #depth = 0
  #isEndTold = false

  constructor (file: string) {
    this.file = file
  }

  get counts (): Pick<Result, 'passed' | 'skipped' | 'failures'> {
    return this.#counts
  }

  began (name: string, nesting: number): void {
    // The runner counts the file as a test too.
    if (name !== this.file) this.#running.splice(nesting, Infinity, name)
  }

  ended (nesting: number): void {
    this.#running.splice(nesting)
  }

  isReported (name: string, nesting: number): void {
    this.#reported.splice(nesting, Infinity, ...name === this.file ? [] : [name])
  }

  passedOrSkipped (nesting: number, isSkipped: boolean): void {
    if (this.#hasNoParts(nesting)) this.#counts[isSkipped ? 'skipped' : 'passed']++
  }

  failed (nesting: number, error: FailureError): void {
    const hasNoParts = this.#hasNoParts(nesting)
    // The failed part has been told already.
    if (!hasNoParts && error.failureType === 'subtestsFailed') return
    this.#counts.failures.push({ path: [...this.#reported], reason: this.#reasonOf(error) })
  }

  /** A process that dies after a test has failed is not told by an event of its own. */
  processEnded (): void {
    if (this.#running.length > 0 && !this.#isEndTold) this.#counts.failures.push({ path: [...this.#running], reason: 'The process of the test file ended before this test did.' })
  }

  printed (text: string): void {
    this.output = (this.output + text).slice(-OUTPUT_LIMIT)
  }

  #hasNoParts (nesting: number): boolean {
    const hasNoParts = nesting >= this.#depth
    this.#depth = nesting
    return hasNoParts
  }

  #reasonOf (error: FailureError): string {
    this.#isEndTold ||= error.failureType === 'testAborted' || Boolean(error.signal ?? error.exitCode)
    const during = this.#running.length === 0 ? '' : `\nIt ran: ${this.#running.join(' > ')}`
    if (error.failureType === 'testAborted') return `The test file was ended: ${error.message}.${during}`
    if (error.signal || error.exitCode) return `The process of the test file ended with ${error.signal ?? `the code ${error.exitCode}`}.${during}`
    const cause = error.cause instanceof Error ? error.cause : error
    return inSources(cause.stack ?? String(cause))
  }
}

/** The error of node:test, with what its types leave out. */
interface FailureError extends Error {
  readonly failureType?: string
  readonly exitCode?: number | null
  readonly signal?: string | null
}
