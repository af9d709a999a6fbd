import { applications, isOurs } from './applications.js'
import { distinct, ratio, spread } from './figures.js'
import type { Figure, SeriesResult, Spread } from './figures.js'

const title = (name: string): string => applications.find((application) => application.name === name)?.title ?? name

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const round = (value: number): string => value >= 100 ? whole.format(value) : value.toPrecision(3)
const range = ({ median, low, high }: Spread, write: (value: number) => string): string =>
  `${write(median)} (${write(low)}–${write(high)})`

/** A series as Markdown: one table for each operation. The last columns say how many times better ours is. */
export function markdown ({ series, title: heading, axis, unit, environment, figures, notes }: SeriesResult): string {
  const lines = [`## ${series}: ${heading}`, '', ...environment.map((text) => `- ${text}`), '']
  for (const operation of distinct(figures, 'operation')) {
    const rows = figures.filter((figure) => figure.operation === operation)
    lines.push(
      `### ${operation}`, '',
      `| ${axis} | application | requests/s, median (spread) | p50 ms | p99 ms (spread) | statements/request | failed | ours is better by (spread) |`,
      '|---|---|---|---|---|---|---|---|',
      ...distinct(rows, 'point').flatMap((point) => pointRows(rows.filter((figure) => figure.point === point), unit)),
      ''
    )
  }
  return [...lines, ...notes.map((note) => `- ${note}`), ''].join('\n')
}

function pointRows (figures: readonly Figure[], unit: SeriesResult['unit']): string[] {
  const names = distinct(figures, 'application')
  const ours = figures.filter(({ application }) => application === names.find((name) => isOurs({ name, title: '', store: 'none' })))
  return names.map((name) => {
    const own = figures.filter(({ application }) => application === name)
    const of = (key: 'rate' | 'p50' | 'p99'): Spread => spread(own.map((figure) => figure[key]))
    const statements = own.flatMap(({ statements }) => statements ?? [])
    return '| ' + [
      own[0]?.point,
      title(name),
      range(of('rate'), (value) => whole.format(value)),
      round(of('p50').median),
      range(of('p99'), round),
      statements.length > 0 ? spread(statements).median.toFixed(3) : '–',
      own.reduce((sum, { failed }) => sum + failed, 0),
      ours.length > 0 && ours[0]?.application !== name ? range(ratio(ours, own, unit), (value) => value.toFixed(2)) : ''
    ].join(' | ') + ' |'
  })
}
