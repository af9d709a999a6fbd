import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { results } from './paths.js'

/** All that is ever measured: how a table heads it, and whether more of it is better. */
export const measures = {
  rate: { title: 'requests/s', isBetterHigher: true },
  p50: { title: 'p50, ms', isBetterHigher: false },
  p99: { title: 'p99, ms', isBetterHigher: false },
  max: { title: 'longest, ms', isBetterHigher: false },
  failed: { title: 'failed', isBetterHigher: false },
  statements: { title: 'statements/request', isBetterHigher: false },
  parameters: { title: 'parameters/request', isBetterHigher: false },
  bytes: { title: 'bytes sent/request', isBetterHigher: false },
  cpu: { title: 'application, µs of CPU', isBetterHigher: false },
  beyond: { title: 'beyond a route without a session, µs of CPU', isBetterHigher: false },
  hooks: { title: 'hooks alone, µs', isBetterHigher: false },
  databaseCpu: { title: 'database, µs of CPU', isBetterHigher: false },
  totalCpu: { title: 'together, µs of CPU', isBetterHigher: false },
  import: { title: 'import, ms of CPU', isBetterHigher: false },
  heap: { title: 'bytes of memory/session', isBetterHigher: false },
  batchStatements: { title: 'statements', isBetterHigher: false },
  batchParameters: { title: 'parameters', isBetterHigher: false },
  batchBytes: { title: 'bytes sent', isBetterHigher: false }
} as const

export type Measure = keyof typeof measures
/** What one measurement showed. CPU times are microseconds per request. */
export type Measured = { readonly [M in Measure]?: number | undefined }

/** One application at one point of a series in one round. */
export interface Figure extends Measured {
  /** What was done: reads, writes, and so on. One table and one plot each. */
  readonly operation: string
  /** The point of the series: a number of connections, a size. */
  readonly point: number | string
  readonly application: string
  readonly round: number
}

/** The figures of a series, as they are kept in bench/results/. */
export interface SeriesResult {
  readonly series: string
  readonly title: string
  /** What the points are. */
  readonly axis: string
  /** What the applications are compared by. */
  readonly unit: Measure
  /** What the tables show. */
  readonly columns?: readonly Measure[]
  /** What the tables show as a multiple of the ceiling, too. */
  readonly overCeiling?: Measure
  readonly environment: readonly string[]
  readonly figures: readonly Figure[]
  /** What else there is to say: checks, what was left out. */
  readonly notes: readonly string[]
}

export interface Spread {
  readonly median: number
  readonly low: number
  readonly high: number
}

export function spread (values: readonly number[]): Spread {
  const sorted = [...values].sort((a, b) => a - b)
  const upper = sorted[Math.floor(sorted.length / 2)] ?? NaN
  const lower = sorted[Math.ceil(sorted.length / 2) - 1] ?? NaN
  return { median: (upper + lower) / 2, low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN }
}

/** The values of a measure, where they are known. */
export function valuesOf (figures: readonly Figure[], measure: Measure): number[] {
  return figures.flatMap((figure) => figure[measure] ?? []).filter((value) => !Number.isNaN(value))
}

/** How many times better `ours` is than `theirs`, compared round by round: each pair ran within the same minute. */
export function ratio (ours: readonly Figure[], theirs: readonly Figure[], measure: Measure): Spread {
  return spread(ours.flatMap((our) => {
    const own = our[measure] ?? NaN
    const their = theirs.find(({ round }) => round === our.round)?.[measure] ?? NaN
    const times = measures[measure].isBetterHigher ? own / their : their / own
    return Number.isNaN(times) ? [] : times
  }))
}

/** The distinct values of a property, in the order in which they first came. */
export function distinct<Key extends 'operation' | 'point' | 'application'> (figures: readonly Figure[], key: Key): Array<Figure[Key]> {
  return [...new Set(figures.map((figure) => figure[key]))]
}

export function save (result: SeriesResult): void {
  mkdirSync(results, { recursive: true })
  writeFileSync(new URL(`${result.series}.json`, results), `${JSON.stringify(result, null, 2)}\n`)
}

export function saved (): SeriesResult[] {
  mkdirSync(results, { recursive: true })
  return readdirSync(results).filter((name) => name.endsWith('.json')).sort()
    .map((name) => JSON.parse(readFileSync(new URL(name, results), 'utf8')) as SeriesResult)
}
