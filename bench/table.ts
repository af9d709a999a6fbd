import { applicationOf, rivalOf } from './applications.js'
import { distinct, measures, ratio, spread, valuesOf } from './figures.js'
import type { Figure, Measure, SeriesResult, Spread } from './figures.js'

const whole = new Intl.NumberFormat('en', { maximumFractionDigits: 0 })
const number = (value: number): string => value >= 100 || value === 0 ? whole.format(value) : value.toPrecision(3)
const times = (value: number): string => value.toFixed(2)

/** What is shown where the series does not say. */
const USUAL: readonly Measure[] = ['rate', 'p50', 'p99', 'statements', 'failed']
const NOTHING = '–'

/** A series as Markdown: one table for each operation. The last column says how many times better ours is. */
export function markdown (result: SeriesResult): string {
  const { series, title, axis, columns = USUAL, overCeiling, unit, environment, figures, notes } = result
  const lines = [`## ${series}: ${title}`, '', ...environment.map((text) => `- ${text}`), '']
  const head = [
    axis, 'application', ...columns.map((measure) => measures[measure].title),
    ...(overCeiling === undefined ? [] : [`${measures[overCeiling].title.replace(/,.*/, '')}, times the ceiling`]),
    `ours is better by (${measures[unit].title.replace(/,.*/, '')})`
  ]
  for (const operation of distinct(figures, 'operation')) {
    const rows = figures.filter((figure) => figure.operation === operation)
    const body = distinct(rows, 'point').flatMap((point) => rowsOf(result, columns, rows.filter((figure) => figure.point === point)))
    lines.push(`### ${operation}`, '', row(head), row(head.map(() => '---')), ...body.map(row), '')
  }
  return [...lines, ...notes.map((note) => `- ${note}`), ''].join('\n')
}

/** What the README quotes: the CPU time of application and database for each application and kind of request. */
export function costs ({ figures }: SeriesResult): string {
  const operations = distinct(figures, 'operation')
  const body = distinct(figures, 'application').map((name) => [titled(name), ...operations.map((operation) => {
    const own = figures.filter((figure) => figure.application === name && figure.operation === operation)
    const [application, database] = [spread(valuesOf(own, 'cpu')).median, spread(valuesOf(own, 'databaseCpu')).median]
    return Number.isNaN(application) ? NOTHING : number(application) + (Number.isNaN(database) ? '' : ` + ${number(database)}`)
  })])
  const head = ['µs of CPU per request, application + database', ...operations]
  return [row(head), row(head.map(() => '---')), ...body.map(row), ''].join('\n')
}

function rowsOf ({ unit, overCeiling }: SeriesResult, columns: readonly Measure[], figures: readonly Figure[]): string[][] {
  const names = distinct(figures, 'application')
  const of = (name: string | undefined): Figure[] => figures.filter(({ application }) => application === name)
  return names.map((name) => [
    String(figures[0]?.point),
    titled(name),
    ...columns.map((measure) => range(spread(valuesOf(of(name), measure)), number)),
    // The multiple of the ceiling is how many times better the ceiling is.
    ...(overCeiling === undefined ? [] : [range(ratio(of('ceiling'), of(name), overCeiling), times)]),
    range(ratio(of(rivalOf(name, names)), of(name), unit), times)
  ])
}

function titled (name: string): string {
  const { title = name, setting } = applicationOf(name) ?? {}
  return setting === undefined || title.endsWith(setting) ? title : `${title} (${setting})`
}

function range ({ median, low, high }: Spread, write: (value: number) => string): string {
  if (Number.isNaN(median)) return NOTHING
  return low === high ? write(median) : `${write(median)} (${write(low)}–${write(high)})`
}

function row (cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
