import { execFileSync } from 'node:child_process'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'

/** What part of the lines of a folder the tests must run, in percent. */
const LEAST: ReadonlyMap<string, number> = new Map([['plugin', 100], ['stores', 95]])

interface Summary {
  readonly [file: string]: { readonly lines: { readonly total: number, readonly covered: number } }
}

/** Says what share of the lines of `plugin/` and `stores/` has run, and whether that is enough. */
export function checkCoverage (tap: string): boolean {
  execFileSync(process.execPath, [tap, 'report', 'json-summary'], { stdio: 'ignore' })
  const summary = JSON.parse(readFileSync(join('.tap', 'report', 'coverage-summary.json'), 'utf8')) as Summary
  return [...LEAST].map(([folder, least]) => isCovered(summary, folder, least)).every(Boolean)
}

function isCovered (summary: Summary, folder: string, least: number): boolean {
  const files = Object.entries(summary).filter(([file]) => file.startsWith(join(process.cwd(), folder, '/')))
  const total = files.reduce((sum, [, { lines }]) => sum + lines.total, 0)
  const covered = files.reduce((sum, [, { lines }]) => sum + lines.covered, 0)
  const share = total === 0 ? 0 : covered / total * 100
  console.log(`${folder}/: ${share.toFixed(2)} % of ${total} lines covered (at least ${least} %)`)
  if (share < least) for (const [file, { lines }] of files) if (lines.covered < lines.total) console.log(`  ${file.slice(process.cwd().length + 1)}: ${lines.total - lines.covered} lines not covered`)
  return share >= least
}
