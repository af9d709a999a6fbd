/*
 * `npm test`: lint and the quick tests. `npm run test:all` (`--all`): lint, all tests, and their coverage. With paths: these
 * test files alone, whole. See "Running the tests" in CONTRIBUTING.md.
 */
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runCheck } from './runner/check.js'
import { checkCoverage, newFolder, remove } from './runner/coverage.js'
import { testFiles, testFilesOf } from './runner/files.js'
import { tellResult, tellTotals } from './runner/report.js'
import type { Result } from './runner/result.js'
import { runFile } from './runner/run-file.js'
import { findServers } from './runner/servers.js'

/** Most tests wait for a database or for another process. */
const JOBS = 2 * availableParallelism()

const startedAt = performance.now()
const { values: { all }, positionals: paths } = parseArgs({ allowPositionals: true, options: { all: { type: 'boolean', default: false } } })
const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => { abort.abort(new Error(`the tests got ${signal}`)) })

if (paths.length > 0) await run(testFilesOf(paths))
else if (all) await runAll()
else await runQuick()

async function runQuick (): Promise<void> {
  // Support files leave out what takes long, too.
  process.env['FSS_QUICK'] = '1'
  await run(testFiles().quick, { hasLint: true })
}

async function runAll (): Promise<void> {
  const { quick, long } = testFiles()
  const folder = newFolder()
  try {
    await run([...long, ...quick], { hasLint: true, folder })
  } finally {
    remove(folder)
  }
}

interface Options {
  readonly hasLint?: boolean
  /** Where to collect the coverage, to check it at the end. Default: it is not measured. */
  readonly folder?: string
}

/** Runs test files, tells what became of them, and sets the exit code. */
async function run (files: readonly string[], { hasLint = false, folder }: Options = {}): Promise<void> {
  const servers = await findServers()
  Object.assign(process.env, servers.env)
  if (folder !== undefined) process.env['NODE_V8_COVERAGE'] = resolve(folder)
  const jobs = files.map(file => async () => await runFile(file, abort.signal))
  if (hasLint) jobs.unshift(lint)
  const results: Result[] = []
  try {
    await inTurn(jobs, result => {
      results.push(result)
      tellResult(result)
    })
  } finally {
    await servers.stop()
  }
  process.env['NODE_V8_COVERAGE'] = ''
  if (folder !== undefined && !abort.signal.aborted) results.push(checkCoverage(folder))
  const isPassed = tellTotals(results, (performance.now() - startedAt) / 1000)
  if (abort.signal.aborted) console.log(`Not all tests have run: ${(abort.signal.reason as Error).message}.`)
  process.exitCode = isPassed && !abort.signal.aborted ? 0 : 1
}

async function lint (): Promise<Result> {
  return await runCheck('lint', process.execPath, [join('node_modules', 'eslint', 'bin', 'eslint.js'), '.'], abort.signal)
}

/** Runs so many jobs at once, and begins none after an abort. */
async function inTurn (jobs: Array<() => Promise<Result>>, tell: (result: Result) => void): Promise<void> {
  await Promise.all(Array.from({ length: JOBS }, async () => {
    for (let job = jobs.shift(); job !== undefined && !abort.signal.aborted; job = jobs.shift()) tell(await job())
  }))
}
