import { Parser, type Result as Assertion } from 'tap-parser'
import type { Failure, Result } from './result.js'
import { inSources } from './sources.js'

const OUTPUT_LIMIT = 20_000

/** Reads what a test file writes in the Test Anything Protocol, and counts its tests: those that have no tests inside. */
export class TapReader {
  /** What the file has printed that is not a result. */
  output = ''
  readonly #parser: Parser
  readonly #counts = { passed: 0, skipped: 0, failures: [] as Failure[] }
  #last: readonly string[] = []

  constructor () {
    // The parser is never told the end: what it would say of a process that has died, `end` says better.
    this.#parser = new Parser()
    this.#parser.on('extra', (text: string) => { this.print(text) })
    this.#listen(this.#parser, [])
  }

  get counts (): Pick<Result, 'passed' | 'skipped' | 'failures'> {
    return this.#counts
  }

  read (chunk: Buffer): void {
    this.#parser.write(chunk)
  }

  print (text: string): void {
    this.output = (this.output + text).slice(-OUTPUT_LIMIT)
  }

  /** The process has ended. A bad end, or one before the last test, fails the file, even if no test of it has failed. */
  end (how: string, isGood: boolean): void {
    const isWhole = this.#parser.planEnd !== -1
    if (isWhole && (isGood || this.#counts.failures.length > 0)) return
    const last = this.#last.length === 0 ? 'No test had begun.' : `The last test that was told of: ${this.#last.join(' > ')}`
    this.#counts.failures.push({ path: [], reason: `${how}\n${last}` })
  }

  #listen (parser: Parser, path: readonly string[]): void {
    /** The test that was read last, until its result comes. */
    let part: { hasParts: boolean, failures: number } | undefined
    parser.on('child', (child: Parser) => {
      const { name } = child
      this.#last = [...path, name]
      const begun = { hasParts: false, failures: this.#counts.failures.length }
      part = begun
      child.on('child', () => { begun.hasParts = true })
      this.#listen(child, [...path, name])
    })
    parser.on('assert', (assertion: Assertion) => {
      if (part === undefined) {
        this.#count(assertion, path, path.length === 0)
      } else {
        // What went wrong inside has been told.
        const isTold = this.#counts.failures.length > part.failures
        if (assertion.ok || !isTold) this.#count(assertion, path, !part.hasParts)
        part = undefined
      }
    })
  }

  /** Of assertions only the bad ones count; a skipped test is an assertion too. */
  #count (assertion: Assertion, path: readonly string[], isTest: boolean): void {
    if (!assertion.ok) this.#counts.failures.push({ path: [...path, assertion.name], reason: reasonOf(assertion) })
    else if (assertion.skip !== false) this.#counts.skipped++
    else if (isTest) this.#counts.passed++
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
