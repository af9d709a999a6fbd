/*
 * `npm test`: lint, and the quick tests. `npm run test:all` (`--all`): what the last `npm test` has not run, and the
 * coverage of both. With paths: these test files alone. See "Running the tests" in the README.
 */
import { availableParallelism } from 'node:os'
import { join, resolve } from 'node:path'
import { parseArgs } from 'node:util'
import { runCheck } from './runner/check.js'
import { checkCoverage, keep, lastFolder, newFolder, remove } from './runner/coverage.js'
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
  const folder = newFolder()
  const isPassed = await run(testFiles().quick, { hasLint: true, folder })
  if (isPassed) keep(folder)
  else remove(folder)
}

async function runAll (): Promise<void> {
  const { quick, long } = testFiles()
  const last = lastFolder()
  console.log(last === undefined ? 'npm test has not passed since the last build: all tests run.' : 'What npm test has passed does not run again.')
  const folder = last ?? newFolder()
  await run(last === undefined ? [...quick, ...long] : long, { hasLint: last === undefined, folder, checksCoverage: true })
  if (last === undefined) remove(folder)
}

interface Options {
  readonly hasLint?: boolean
  /** Where to collect the coverage. Default: it is not measured. */
  readonly folder?: string
  readonly checksCoverage?: boolean
}

/** Runs test files, tells what became of them, and sets the exit code. Resolves to whether all is well. */
async function run (files: readonly string[], { hasLint = false, folder, checksCoverage = false }: Options = {}): Promise<boolean> {
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
  if (checksCoverage && folder !== undefined && !abort.signal.aborted) results.push(checkCoverage(folder))
  const isPassed = tellTotals(results, (performance.now() - startedAt) / 1000) && !abort.signal.aborted
  process.exitCode = isPassed ? 0 : 1
  return isPassed
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
