import { Parser, type Result as Assertion } from 'tap-parser'
import { importOf, sourceOf } from './files.js'
import type { Failure, Result } from './result.js'
import { inSources } from './sources.js'

const OUTPUT_LIMIT = 20_000

/** A result that is still to come. */
interface Told extends Result {
  passed: number
  skipped: number
  readonly failures: Failure[]
  output: string
  seconds: number
}

/**
 * Reads what test files of one process write in the Test Anything Protocol, and counts their tests: those that have no tests
 * inside. Several files are imported one after the other: see group.ts.
 */
export class TapReader {
  readonly #files: readonly string[]
  readonly #results: readonly Told[]
  readonly #parser: Parser
  /** The file that is running. */
  #current = 0
  #startedAt = performance.now()
  #last: readonly string[] = []

  constructor (files: readonly string[]) {
    this.#files = files
    this.#results = files.map(file => ({ name: sourceOf(file), passed: 0, skipped: 0, failures: [], output: '', seconds: 0 }))
    // The parser is never told the end: what it would say of a process that has died, `end` says better.
    this.#parser = new Parser()
    this.#parser.on('extra', (text: string) => { this.print(text) })
    this.#listen(this.#parser, [])
  }

  read (chunk: Buffer): void {
    this.#parser.write(chunk)
  }

  /** Takes what the tests have printed that is not a result. */
  print (text: string): void {
    this.#told.output = (this.#told.output + text).slice(-OUTPUT_LIMIT)
  }

  /**
   * The process has ended. A bad end, or one before the last test, fails the file that ran, even if no test has failed. A file
   * of which no test was told fails too: the process did not come to it.
   */
  end (how: string, isGood: boolean): readonly Result[] {
    const isWhole = this.#parser.planEnd !== -1
    if (!isWhole || !(isGood || this.#results.some(({ failures }) => failures.length > 0))) {
      const last = this.#last.length === 0 ? 'No test had begun.' : `The last test that was told of: ${this.#last.join(' > ')}`
      this.#told.failures.push({ path: [], reason: `${how}\n${last}` })
    }
    for (const { passed, skipped, failures } of this.#results) {
      if (passed + skipped + failures.length === 0) failures.push({ path: [], reason: `None of its tests has run. ${how}` })
    }
    this.#stopTime()
    return this.#results
  }

  get #told (): Told {
    return this.#results[this.#current] as Told
  }

  /** Whether a test is the import of a file, with which it begins. */
  #begins (name: string): boolean {
    const begun = this.#files.findIndex(file => name === importOf(file))
    if (begun === -1) return false
    this.#stopTime()
    this.#current = begun
    return true
  }

  #stopTime (): void {
    const now = performance.now()
    this.#told.seconds += (now - this.#startedAt) / 1000
    this.#startedAt = now
  }

  #listen (parser: Parser, path: readonly string[]): void {
    /** The test that was read last, until its result comes. */
    let part: { hasParts: boolean, failures: number } | undefined
    parser.on('child', (child: Parser) => {
      const { name } = child
      // All tests of a file count as parts of its import. The import itself does not count as a test.
      const begun = { hasParts: path.length === 0 && this.#begins(name), failures: this.#told.failures.length }
      part = begun
      this.#last = [...path, name]
      child.on('child', () => { begun.hasParts = true })
      this.#listen(child, [...path, name])
    })
    parser.on('assert', (assertion: Assertion) => {
      if (part === undefined) {
        this.#count(assertion, path, path.length === 0)
      } else {
        // What went wrong inside has been told.
        const isTold = this.#told.failures.length > part.failures
        if (assertion.ok || !isTold) this.#count(assertion, path, !part.hasParts)
        part = undefined
      }
    })
  }

  /** Of assertions only the bad ones count; a skipped test is an assertion too. */
  #count (assertion: Assertion, path: readonly string[], isTest: boolean): void {
    if (!assertion.ok) this.#told.failures.push({ path: [...path, assertion.name], reason: reasonOf(assertion) })
    else if (assertion.skip !== false) this.#told.skipped++
    else if (isTest) this.#told.passed++
  }
}

interface Details {
  readonly at?: { readonly fileName?: string, readonly lineNumber?: number, readonly columnNumber?: number }
  readonly stack?: string
  readonly [detail: string]: unknown
}

function reasonOf ({ diag }: Assertion): string {
  const { at, stack, source: _source, ...details } = (diag ?? {}) as Details
  const place = at?.fileName === undefined ? undefined : `${at.fileName}:${at.lineNumber}:${at.columnNumber}`
  const lines = Object.entries(details).map(([name, value]) => typeof value === 'string' && value.includes('\n') ? `${name}:\n${value.trimEnd()}` : `${name}: ${typeof value === 'string' ? value : JSON.stringify(value)}`)
  return inSources([...lines, ...(stack?.trim() || place || '').split('\n').map(line => `at ${line.trim()}`)].join('\n'))
}
