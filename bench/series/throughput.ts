import type { Lab } from '../lab.js'
import type { Running } from '../running.js'
import { mysqlPeers } from './series.js'
import type { Series } from './series.js'

async function lineUp (lab: Lab, names: readonly string[]): Promise<Running[]> {
  const running: Running[] = []
  for (const application of lab.available(names)) running.push(await lab.start(application))
  return running
}

function at64 (name: string, title: string, writes: number): Series {
  return {
    name,
    title,
    axis: 'connections',
    unit: 'rate',
    async run (lab) {
      await lab.openDatabase()
      const running = await lineUp(lab, ['ceiling', ...mysqlPeers])
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
  async run (lab) {
    await lab.openDatabase()
    const running = await lineUp(lab, ['ceiling', ...mysqlPeers])
    for (const [operation, writes] of [['reads', 0], ['writes', 1]] as const) {
      await lab.compare(operation, running.map((running) => ({ running, point: 1, connections: 1, writes })))
    }
  }
}

export const concurrency: Series = {
  name: 'concurrency',
  title: 'Concurrency',
  axis: 'connections',
  unit: 'rate',
  async run (lab) {
    await lab.openDatabase()
    const running = await lineUp(lab, ['ceiling', ...mysqlPeers])
    const points = lab.options.quick ? [1, 64] : [1, 4, 16, 64, 256, 512]
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
    const running = await lineUp(lab, mysqlPeers)
    const points = lab.options.quick ? [0, 50] : [0, 5, 10, 25, 50, 75, 100]
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
    const running: Running[] = []
    for (const application of lab.available(mysqlPeers)) running.push(await lab.start(application, { sessions: 1 }))
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
    const running = await lineUp(lab, ['ceiling', 'ours-memory', 'fastify-session-memory'])
    for (const [operation, writes] of [['reads', 0], ['writes', 1]] as const) {
      await lab.compare(operation, running.map((running) => ({ running, point: 64, connections: 64, writes })))
    }
  }
}

export const mssql: Series = {
  name: 'mssql',
  title: 'SQL Server',
  axis: 'connections',
  unit: 'rate',
  async run (lab) {
    if (lab.options.mssql === undefined) {
      lab.notes.push('left out: no MSSQL_URL')
      return
    }
    const running = await lineUp(lab, ['ours-mssql', 'fastify-session-mssql'])
    for (const [operation, writes] of [['reads', 0], ['writes', 1]] as const) {
      await lab.compare(operation, [1, 64].flatMap((point) =>
        running.map((running) => ({ running, point, connections: point, writes }))))
    }
  }
}
