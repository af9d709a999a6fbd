import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { tmpdir } from 'node:os'
import { dirname, join, resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import type { Result } from './result.js'

/** What part of the lines of a folder the tests must run, in percent. */
const LEAST: ReadonlyMap<string, number> = new Map([['plugin', 100], ['stores', 95]])
/** A folder for what the processes of a run have covered. */
export function newFolder (): string {
  return mkdtempSync(join(tmpdir(), 'fss-coverage-'))
}

export function remove (folder: string): void {
  rmSync(folder, { recursive: true, force: true })
}

/** Says what share of the lines of `plugin/` and `stores/` has run; fails if that is not enough. */
export function checkCoverage (folder: string): Result {
  const startedAt = performance.now()
  condense(folder)
  const files = Object.entries(linesOf(folder))
  const failures = [...LEAST].flatMap(([part, least]) => {
    const reason = lackOf(files.filter(([file]) => file.startsWith(resolve(part, '.'))), part, least)
    return reason === undefined ? [] : [{ path: [], reason }]
  })
  return { name: 'coverage', passed: LEAST.size - failures.length, skipped: 0, failures, output: '', seconds: (performance.now() - startedAt) / 1000 }
}

interface Lines {
  readonly total: number
  readonly covered: number
}

function lackOf (files: ReadonlyArray<readonly [string, Lines]>, folder: string, least: number): string | undefined {
  const total = files.reduce((sum, [, lines]) => sum + lines.total, 0)
  const covered = files.reduce((sum, [, lines]) => sum + lines.covered, 0)
  const share = total === 0 ? 0 : covered / total * 100
  const summary = `${folder}/: ${share.toFixed(2)} % of ${total} lines covered (at least ${least} %)`
  console.log(summary)
  if (share >= least) return undefined
  const missing = files.filter(([, { total, covered }]) => covered < total).map(([file, { total, covered }]) => `${file}: ${total - covered} lines not covered`)
  return [summary, ...missing].join('\n')
}

function linesOf (folder: string): Record<string, Lines> {
  const c8 = join(dirname(createRequire(import.meta.url).resolve('c8/package.json')), 'bin', 'c8.js')
  const reports = join(folder, 'report')
  execFileSync(process.execPath, [c8, 'report', '--temp-directory', folder, '--reports-dir', reports, '--reporter', 'json-summary', '--exclude', 'dist/test/**'], { stdio: 'pipe' })
  const summary = JSON.parse(readFileSync(join(reports, 'coverage-summary.json'), 'utf8')) as Record<string, { readonly lines: Lines }>
  return Object.fromEntries(Object.entries(summary).map(([file, { lines }]) => [file, lines]))
}

interface Coverage {
  readonly result: ReadonlyArray<{ readonly url: string }>
  readonly timestamp: string
  readonly 'source-map-cache': Readonly<Record<string, unknown>>
}

/** Leaves out of what Node has written all that is not the product's: most of it. */
function condense (folder: string): void {
  const product = [...LEAST.keys()].map(part => pathToFileURL(join('dist', part)).href)
  const isProduct = (url: string) => product.some(start => url.startsWith(start))
  for (const name of readdirSync(folder)) {
    const file = join(folder, name)
    if (!name.startsWith('coverage-')) continue
    const { result, timestamp, 'source-map-cache': maps = {} } = JSON.parse(readFileSync(file, 'utf8')) as Coverage
    const own = result.filter(({ url }) => isProduct(url))
    if (own.length === 0) rmSync(file)
    else writeFileSync(file, JSON.stringify({ result: own, timestamp, 'source-map-cache': Object.fromEntries(Object.entries(maps).filter(([url]) => isProduct(url))) }))
  }
}
