import { isNodePeer } from '../applications.js'
import { spread } from '../figures.js'
import type { Figure, Measure } from '../figures.js'
import type { Lab } from '../lab.js'
import { mysqlPeers } from './series.js'
import type { Series } from './series.js'

const WITH_CPU: readonly Measure[] = ['rate', 'p50', 'p99', 'cpu', 'databaseCpu', 'statements', 'failed']

function at64 (name: string, title: string, writes: number): Series {
  return {
    name,
    title,
    axis: 'connections',
    unit: 'rate',
    columns: WITH_CPU,
    async run (lab) {
      await lab.openDatabase()
      const running = await lab.lineUp(['ceiling', ...mysqlPeers])
      await lab.compare(name, running.map((running) => ({ running, point: 64, connections: 64, writes })))
    }
  }
}

export const reads = at64('reads', 'Reads at 64 connections', 0)
export const writes = at64('writes', 'Writes at 64 connections', 1)

export const latency: Series = {
  name: 'latency',
  title: 'One connection',
  axis: 'connections',
  unit: 'p50',
  columns: ['p50', 'p99', 'rate', 'statements', 'failed'],
  async run (lab) {
    await lab.openDatabase()
    const running = await lab.lineUp(['ceiling', ...mysqlPeers])
    for (const [operation, writes] of [['reads', 0], ['writes', 1]] as const) {
      await lab.compare(operation, running.map((running) => ({ running, point: 1, connections: 1, writes })))
      noteBestPeer(lab, operation)
    }
  }
}

/** How the median latency compares with the lowest of a peer on Node, round by round. */
function noteBestPeer (lab: Lab, operation: string): void {
  const figures = lab.figures.filter((figure) => figure.operation === operation)
  const best = (round: number): number => Math.min(...figures
    .filter((figure) => figure.round === round && isNodePeer(figure.application))
    .map(({ p50 = Infinity }) => p50))
  const ratios = figures
    .filter(({ application }) => application === 'ours')
    .map(({ round, p50 = NaN }: Figure) => p50 / best(round))
  const { median, low, high } = spread(ratios)
  lab.notes.push(`${operation}: median latency ${median.toFixed(2)} (${low.toFixed(2)}–${high.toFixed(2)}) times that of the best peer on Node`)
}

export const concurrency: Series = {
  name: 'concurrency',
  title: 'Concurrency',
  axis: 'connections',
  unit: 'rate',
  async run (lab) {
    await lab.openDatabase()
    const running = await lab.lineUp(['ceiling', ...mysqlPeers])
    const points = lab.options.points ?? (lab.options.quick ? [1, 64] : [1, 4, 16, 64, 256, 512])
    for (const [operation, writes] of [['reads', 0], ['writes', 1]] as const) {
      await lab.compare(operation, points.flatMap((point) =>
        running.map((running) => ({ running, point, connections: point, writes }))))
    }
  }
}

export const mix: Series = {
  name: 'mix',
  title: 'Share of writes at 64 connections',
  axis: 'writes, %',
  unit: 'rate',
  async run (lab) {
    await lab.openDatabase()
    const running = await lab.lineUp(mysqlPeers)
    const points = lab.options.points ?? (lab.options.quick ? [0, 50] : [0, 5, 10, 25, 50, 75, 100])
    await lab.compare('requests', points.flatMap((point) =>
      running.map((running) => ({ running, point, connections: 64, writes: point / 100 }))))
  }
}

export const hot: Series = {
  name: 'hot',
  title: 'One hot session, 64 requests at once on one token',
  axis: 'connections',
  unit: 'rate',
  async run (lab) {
    await lab.openDatabase()
    const running = await lab.lineUp(mysqlPeers, { sessions: 1 })
    for (const [operation, writes] of [['reads', 0], ['writes', 1]] as const) {
      await lab.compare(operation, running.map((running) => ({ running, point: 64, connections: 64, writes })))
    }
  }
}

export const memory: Series = {
  name: 'memory',
  title: 'The embedded store at 64 connections',
  axis: 'connections',
  unit: 'rate',
  async run (lab) {
    const running = await lab.lineUp(['ceiling', 'ours-memory', 'fastify-session-memory'])
    for (const [operation, writes] of [['reads', 0], ['writes', 1]] as const) {
      await lab.compare(operation, running.map((running) => ({ running, point: 64, connections: 64, writes })))
    }
  }
}
