import { mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { results } from './paths.js'

/** One application at one point of a series in one round. */
export interface Figure {
  /** What was done: reads, writes, and so on. One table and one plot each. */
  readonly operation: string
  /** The point of the series: a number of connections, a size. */
  readonly point: number | string
  readonly application: string
  readonly round: number
  /** Requests per second. */
  readonly rate: number
  /** Latencies in milliseconds. */
  readonly p50: number
  readonly p99: number
  readonly max: number
  readonly failed: number
  /** Statements that the server was sent per request. */
  readonly statements?: number
}

/** The figures of a series, as they are kept in bench/results/. */
export interface SeriesResult {
  readonly series: string
  readonly title: string
  /** What the points are. */
  readonly axis: string
  readonly unit: 'rate' | 'p50' | 'p99'
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
  const middle = sorted.length / 2
  const median = ((sorted[Math.floor(middle)] ?? NaN) + (sorted[Math.ceil(middle) - 1] ?? NaN)) / 2
  return { median: sorted.length % 2 === 1 ? sorted[Math.floor(middle)] ?? NaN : median, low: sorted[0] ?? NaN, high: sorted.at(-1) ?? NaN }
}

/** How many times better `ours` is than `theirs`, compared round by round: each pair ran within the same seconds. */
export function ratio (ours: readonly Figure[], theirs: readonly Figure[], unit: SeriesResult['unit']): Spread {
  const pairs = ours.flatMap((our) => {
    const their = theirs.find(({ round }) => round === our.round)
    if (their === undefined) return []
    return unit === 'rate' ? our.rate / their.rate : their[unit] / our[unit]
  })
  return spread(pairs)
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
