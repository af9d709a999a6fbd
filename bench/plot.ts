import { createRequire } from 'node:module'
import { mkdirSync, writeFileSync } from 'node:fs'
import { applicationOf } from './applications.js'
import { distinct, measures, spread, valuesOf } from './figures.js'
import type { Figure, SeriesResult } from './figures.js'
import { bench, plots } from './paths.js'

interface Chart { setOption (option: object): void, renderToSVGString (): string, dispose (): void }
interface Echarts { init (element: null, theme: null, options: object): Chart }

const colours: Readonly<Record<string, string>> = {
  ours: '#d9480f', ceiling: '#868e96', scs: '#1971c2', fastify: '#2f9e44', express: '#9c36b5'
}

/** Draws each operation of a series into a file of its own, and says which. */
export function draw (result: SeriesResult): string[] {
  const echarts = createRequire(new URL('package.json', bench))('echarts') as Echarts
  mkdirSync(plots, { recursive: true })
  return distinct(result.figures, 'operation').map((operation) => {
    const chart = echarts.init(null, null, { renderer: 'svg', ssr: true, width: 760, height: 480 })
    const figures = result.figures.filter((figure) => figure.operation === operation)
    chart.setOption(distinct(figures, 'point').length > 1 ? lines(result, figures, operation) : bars(result, figures, operation))
    const name = `${result.series}-${operation.replaceAll(/[^a-z0-9]+/gi, '-')}.svg`
    writeFileSync(new URL(name, plots), chart.renderToSVGString())
    chart.dispose()
    return name
  })
}

function colour (name: string): string {
  return colours[name.split('-', 1)[0] ?? ''] ?? '#000'
}

function title (name: string): string {
  return applicationOf(name)?.title ?? name
}

function heading ({ title }: SeriesResult, operation: string): object {
  return { text: `${title}: ${operation}`, left: 'center', textStyle: { fontSize: 15 } }
}

/** Lines through the medians, each point with its spread. */
function lines (result: SeriesResult, figures: readonly Figure[], operation: string): object {
  const points = distinct(figures, 'point')
  const names = distinct(figures, 'application')
  return {
    animation: false,
    backgroundColor: '#fff',
    title: heading(result, operation),
    // One below the other: without a browser echarts guesses the width of a text, and too small.
    legend: { orient: 'vertical', top: 32, itemGap: 5, data: names.map(title) },
    grid: { top: 70 + 20 * names.length, left: 75, right: 25, bottom: 50 },
    xAxis: { type: 'category', name: result.axis, nameLocation: 'middle', nameGap: 30, data: points.map(String) },
    yAxis: { type: 'value', name: measures[result.unit].title, min: 0 },
    series: names.flatMap((name) => {
      const spreads = points.map((point) => spread(
        valuesOf(figures.filter((figure) => figure.point === point && figure.application === name), result.unit)
      ))
      return [
        {
          name: title(name),
          type: 'line',
          data: spreads.map(({ median }) => Number.isNaN(median) ? null : median),
          color: colour(name),
          symbolSize: 6,
          lineStyle: { width: name === 'ours' ? 3 : 2, type: name.includes('interpolated') ? 'dashed' : 'solid' }
        },
        {
          name: title(name),
          type: 'custom',
          data: spreads.map(({ low, high }, index) => [index, low, high]),
          color: colour(name),
          renderItem: whisker
        }
      ]
    })
  }
}

interface Api { value (dimension: number): number, coord (point: [number, number]): [number, number], visual (name: string): string }

/** The spread of a point, from the lowest to the highest round. */
function whisker (_params: unknown, api: Api): object {
  const [x, low] = api.coord([api.value(0), api.value(1)])
  const [, high] = api.coord([api.value(0), api.value(2)])
  const stroke = api.visual('color')
  const line = (x1: number, y1: number, x2: number, y2: number): object =>
    ({ type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke, lineWidth: 1 } })
  return { type: 'group', children: [line(x, low, x, high), line(x - 4, low, x + 4, low), line(x - 4, high, x + 4, high)] }
}

/** The same across a bar. */
function sidewaysWhisker (_params: unknown, api: Api): object {
  const [low, y] = api.coord([api.value(0), api.value(1)])
  const [high] = api.coord([api.value(2), api.value(1)])
  const stroke = api.visual('color')
  const line = (x1: number, y1: number, x2: number, y2: number): object =>
    ({ type: 'line', shape: { x1, y1, x2, y2 }, style: { stroke, lineWidth: 1 } })
  return { type: 'group', children: [line(low, y, high, y), line(low, y - 4, low, y + 4), line(high, y - 4, high, y + 4)] }
}

function bars (result: SeriesResult, figures: readonly Figure[], operation: string): object {
  const names = distinct(figures, 'application').reverse()
  const spreads = names.map((name) => spread(
    valuesOf(figures.filter(({ application }) => application === name), result.unit)
  ))
  return {
    animation: false,
    backgroundColor: '#fff',
    title: heading(result, operation),
    grid: { top: 50, left: 290, right: 60, bottom: 50 },
    xAxis: { type: 'value', name: measures[result.unit].title, nameLocation: 'middle', nameGap: 30, min: 0 },
    yAxis: { type: 'category', data: names.map(title), axisLabel: { fontSize: 12 } },
    series: [
      {
        type: 'bar',
        data: spreads.map(({ median }, index) => ({ value: median, itemStyle: { color: colour(names[index] ?? '') } })),
        label: {
          show: true,
          position: 'right',
          offset: [0, -12],
          formatter: ({ value }: { value: number }) => value >= 100 ? Math.round(value).toLocaleString('en') : value.toPrecision(3)
        }
      },
      {
        type: 'custom',
        data: spreads.map(({ low, high }, index) => [low, index, high]),
        encode: { x: [0, 2], y: 1 },
        z: 3,
        color: '#212529',
        renderItem: sidewaysWhisker
      }
    ]
  }
}
