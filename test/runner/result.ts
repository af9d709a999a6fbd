/** A test that failed. */
export interface Failure {
  /** The tests that it is a part of, from the outermost, and itself. */
  readonly path: readonly string[]
  /** What was expected and what was seen, and where. */
  readonly reason: string
}

/** What became of a test file, or of a check that counts as one. */
export interface Result {
  /** The test file's source, or the check's name. */
  readonly name: string
  readonly passed: number
  readonly skipped: number
  readonly failures: readonly Failure[]
  /** What the tests have printed. */
  readonly output: string
  readonly seconds: number
}
