/*
 * `npm test`: lint and the quick tests. `npm run test:all` (`--all`): lint, all tests, and their coverage. With paths: these
 * test files alone, whole. See "Running the tests" in CONTRIBUTING.md.
 */
import { availableParallelism } from 'node:os'
import { resolve } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { checkCoverage, newFolder, remove } from './runner/coverage.js'
import { testFiles, testFilesOf } from './runner/files.js'
import { tellResult, tellTotals } from './runner/report.js'
import type { Result } from './runner/result.js'
import { runFiles } from './runner/run-files.js'
import { findServers } from './runner/servers.js'

/** Most tests wait for a database or for another process. */
const JOBS = 2 * availableParallelism()

const startedAt = performance.now()
const { values: { all }, positionals: paths } = parseArgs({ allowPositionals: true, options: { all: { type: 'boolean', default: false } } })
const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM', 'SIGHUP'] as const) process.once(signal, () => { abort.abort(new Error(`the tests got ${signal}`)) })

if (process.argv[1] === fileURLToPath(import.meta.url)) await runTests()

/**
 * Runs the tests that the command line asks for, tells what became of them and of the checks, and sets the exit code.
 *
 * @param running checks that have been started
 * @param done the results of others
 */
export async function runTests (running: ReadonlyArray<Promise<Result>> = [], done: readonly Result[] = []): Promise<void> {
  const checks = [...running, ...done.map(async result => result)]
  if (paths.length > 0) {
    await run(testFilesOf(paths))
  } else if (all) {
    const { quick, long } = testFiles()
    const folder = newFolder()
    try {
      await run([...long, ...quick], checks, folder)
    } finally {
      remove(folder)
    }
  } else {
    // Support files leave out what takes long, too.
    process.env['FSS_QUICK'] = '1'
    await run(testFiles().quick, checks)
  }
}

/**
 * @param processes the test files of each process
 * @param folder where to collect the coverage, to check it at the end. Default: it is not measured.
 */
async function run (processes: ReadonlyArray<readonly string[]>, checks: ReadonlyArray<Promise<Result>> = [], folder?: string): Promise<void> {
  const servers = await findServers()
  Object.assign(process.env, servers.env)
  if (folder !== undefined) process.env['NODE_V8_COVERAGE'] = resolve(folder)
  const results: Result[] = []
  const tell = (result: Result) => {
    results.push(result)
    tellResult(result)
  }
  try {
    await Promise.all([
      inTurn(processes.map(files => async () => await runFiles(files, abort.signal)), tell),
      ...checks.map(async check => { tell(await check) })
    ])
  } finally {
    await servers.stop()
  }
  process.env['NODE_V8_COVERAGE'] = ''
  if (folder !== undefined && !abort.signal.aborted) results.push(checkCoverage(folder))
  const isPassed = tellTotals(results, (performance.now() - startedAt) / 1000)
  if (abort.signal.aborted) console.log(`Not all tests have run: ${(abort.signal.reason as Error).message}.`)
  process.exitCode = isPassed && !abort.signal.aborted ? 0 : 1
}

/** Runs so many jobs at once, and begins none after an abort. */
async function inTurn (jobs: Array<() => Promise<readonly Result[]>>, tell: (result: Result) => void): Promise<void> {
  await Promise.all(Array.from({ length: JOBS }, async () => {
    for (let job = jobs.shift(); job !== undefined && !abort.signal.aborted; job = jobs.shift()) (await job()).forEach(tell)
  }))
}
