/**
 * The words of the tests: tests of Node's own runner, `node:test`, with assertions that name what was expected and what was
 * seen. A test ends at its first failed assertion.
 */
import assert, { AssertionError } from 'node:assert/strict'
import { after, beforeEach, test } from 'node:test'
import { inspect } from 'node:util'
import { match } from './match.js'

/** What a test does. */
export type TestBody = (t: Test) => unknown

export interface TestOptions {
  /** True, or the reason, if the test does not run. */
  readonly skip?: boolean | string
  /** After how many milliseconds the test fails. Default: the limit of its file (see run.ts). */
  readonly timeout?: number
}

/** What an error must be: its message, its class, or properties that it has. */
export type ErrorPattern = RegExp | (abstract new (...args: never[]) => unknown) | object

/** Where a test is run and what runs when it is over: `node:test` itself, or the context of a running test. */
interface Context {
  test (name: string, options: TestOptions, body: (context: Context) => Promise<void>): Promise<void>
  after (body: () => Promise<void>): void
  beforeEach (body: () => Promise<void>): void
}

/** A test that runs, or, as the default export of this file, the whole of a test file. */
export class Test {
  /** The test that this one is a part of. */
  readonly parent: Test | undefined
  readonly #context: Context
  /** Tests that the body may have started without waiting for them. */
  readonly #parts: Array<Promise<void>> = []
  readonly #teardowns: Array<() => unknown> = []

  constructor (context: Context, parent?: Test) {
    this.#context = context
    this.parent = parent
  }

  /** Runs a test, after those that have been begun here already. Resolves when it is over, passed or not. */
  test (name: string, body: TestBody): Promise<void>
  test (name: string, options: TestOptions, body: TestBody): Promise<void>
  test (name: string, ...rest: [TestBody] | [TestOptions, TestBody]): Promise<void> {
    const [options, body] = rest.length === 1 ? [{}, rest[0]] : rest
    const part = this.#context.test(name, options, async context => { await new Test(context, this).#run(body) })
    this.#parts.push(part)
    return part
  }

  async #run (body: TestBody): Promise<void> {
    await body(this)
    await Promise.all(this.#parts)
  }

  /** Runs this when the test is over, passed or not: what was added last comes first. */
  teardown (body: () => unknown): void {
    if (this.#teardowns.push(body) === 1) this.#context.after(async () => { await this.#tearDown() })
  }

  async #tearDown (): Promise<void> {
    const errors: unknown[] = []
    for (const body of this.#teardowns.reverse()) {
      try {
        await body()
      } catch (error) {
        errors.push(error)
      }
    }
    if (errors.length > 0) throw errors[0]
  }

  /** Runs this before every test that is begun from now on. */
  beforeEach (body: () => unknown): void {
    this.#context.beforeEach(async () => { await body() })
  }

  ok (value: unknown, message?: string): void {
    if (!value) fail(this.ok, message, 'something true was expected', value, true)
  }

  notOk (value: unknown, message?: string): void {
    if (value) fail(this.notOk, message, 'something false was expected', value, false)
  }

  /** The same value, by `Object.is`. */
  equal (actual: unknown, expected: unknown, message?: string): void {
    check(this.equal, message, () => { assert.equal(actual, expected) })
  }

  /** Not the same value, by `Object.is`. */
  not (actual: unknown, unexpected: unknown, message?: string): void {
    check(this.not, message, () => { assert.notEqual(actual, unexpected) })
  }

  /** The same structure, down to the last value. */
  same (actual: unknown, expected: unknown, message?: string): void {
    check(this.same, message, () => { assert.deepEqual(actual, expected) })
  }

  /** The same as `same`. */
  strictSame (actual: unknown, expected: unknown, message?: string): void {
    check(this.strictSame, message, () => { assert.deepEqual(actual, expected) })
  }

  /** Whatever the pattern has is there: see {@link match}. */
  match (actual: unknown, pattern: unknown, message?: string): void {
    if (!match(actual, pattern)) fail(this.match, message, 'it does not match the pattern', actual, pattern)
  }

  notMatch (actual: unknown, pattern: unknown, message?: string): void {
    if (match(actual, pattern)) fail(this.notMatch, message, 'it matches the pattern', actual, pattern)
  }

  type (actual: unknown, type: string, message?: string): void {
    check(this.type, message, () => { assert.equal(typeof actual, type) })
  }

  pass (_message?: string): void {}

  fail (message: string): never {
    throw new AssertionError({ message, stackStartFn: this.fail })
  }

  /** Calls the function, which must throw an error of this kind. Returns that error. */
  throws (body: () => unknown, pattern: ErrorPattern = {}, message?: string): unknown {
    try {
      body()
    } catch (error) {
      if (!isError(error, pattern)) fail(this.throws, message, 'another error was thrown', error, pattern)
      return error
    }
    return fail(this.throws, message, 'nothing was thrown', undefined, pattern)
  }

  doesNotThrow (body: () => unknown, message?: string): void {
    try {
      body()
    } catch (error) {
      fail(this.doesNotThrow, message, 'it threw an error', error, 'none')
    }
  }

  /** Waits for the promise, which must reject with an error of this kind. Resolves with that error. */
  async rejects (promise: PromiseLike<unknown> | (() => PromiseLike<unknown>), pattern: ErrorPattern = {}, message?: string): Promise<unknown> {
    // The stack of a failure begins at the caller's line, which an await would lose.
    const here = new Error('here')
    let value: unknown
    try {
      value = await (typeof promise === 'function' ? promise() : promise)
    } catch (error) {
      if (!isError(error, pattern)) fail(here, message, 'it rejected with another error', error, pattern)
      return error
    }
    return fail(here, message, 'it did not reject', value, pattern)
  }
}

const file: Context = {
  test: async (name, options, body) => { await test(name, options, async context => { await body(context as unknown as Context) }) },
  after,
  beforeEach
}

/** The test file: its tests run one after the other. */
export default new Test(file)

function isError (error: unknown, pattern: ErrorPattern): boolean {
  return match(pattern instanceof RegExp ? (error as Error).message : error, pattern)
}

/** Puts the test's own words before those of Node's assertion. */
function check (method: (...args: never[]) => unknown, message: string | undefined, assertion: () => void): void {
  try {
    assertion()
  } catch (error) {
    if (!(error instanceof AssertionError)) throw error
    const { actual, expected } = error
    throw new AssertionError({ message: said(message, error.message), actual, expected, stackStartFn: method })
  }
}

function fail (from: ((...args: never[]) => unknown) | Error, message: string | undefined, what: string, actual: unknown, expected: unknown): never {
  const details = `${what}\n  expected: ${shown(expected)}\n  seen:     ${shown(actual)}`
  const error = new AssertionError({ message: said(message, details), actual, expected, stackStartFn: from instanceof Error ? fail : from })
  if (from instanceof Error) error.stack = `${error.name}: ${error.message}\n${from.stack?.split('\n').slice(2).join('\n')}`
  throw error
}

const said = (message: string | undefined, details: string) => message === undefined ? details : `${message}: ${details}`
const shown = (value: unknown) => inspect(value, { depth: 6, breakLength: 120, maxStringLength: 2000 }).replaceAll('\n', '\n            ')
