import type { Application } from '../applications.js'
import type { Inside, InProcess } from '../apps/in-process.js'
import type { Measured } from '../figures.js'
import { kindsOf, object, optedOut, put } from '../kinds.js'
import type { Lab } from '../lab.js'
import { output } from '../processes.js'
import { environment, moduleOf } from '../running.js'
import type { Series } from './series.js'

/** For developers: what two builds cost, without HTTP. Each application has a new process in each round. */
export const inProcess: Series = {
  name: 'inprocess',
  title: 'CPU time per request, without a network, with light-my-request',
  axis: 'requests under way',
  unit: 'beyond',
  columns: ['cpu', 'beyond', 'databaseCpu'],
  isOptional: true,
  async run (lab) {
    const { requests, rounds, kinds: wanted } = lab.options
    const kinds = [optedOut, ...kindsOf(wanted, [object, put]).filter((kind) => kind !== optedOut)]
    const applications = lab.available(lab.options.peers ?? ['ours-memory', 'ours'])
    if (applications.some(({ store }) => store === 'mysql')) await lab.openDatabase()
    lab.environment.push(`${requests} requests of each kind; they come from the same process, and its CPU time includes making them`)
    const options = { kinds: kinds.map(({ name }) => name), requests, sessions: lab.sessions, bytes: lab.bytes }
    const turns = applications.map((application) => ({ application, point: 64 }))
    const operations = kinds.map(({ title }) => title)
    for (let round = 1; round <= rounds; round++) {
      await lab.roundOfMany(operations, turns, round, async ({ application }) => costsIn(await inside(lab, application, options)))
    }
    for (const operation of operations) lab.inOrder(operation, turns)
  }
}

export const heap: Series = {
  name: 'heap',
  title: 'Memory of an idle session in the memory store',
  axis: 'sessions',
  unit: 'heap',
  columns: ['heap'],
  async run (lab) {
    const sessions = lab.options.quick ? 10_000 : 100_000
    lab.environment.push(`sessions of ${lab.bytes} bytes; V8's heap and the memory of Buffers after a collection`)
    const turns = lab.available(['ours-memory', 'fastify-session-memory']).map((application) => ({ application, point: sessions }))
    for (let round = 1; round <= lab.options.rounds; round++) {
      await lab.round('idle sessions', turns, round, async ({ application }) => {
        const result = await inside(lab, application, { kinds: [], requests: 0, sessions, bytes: lab.bytes })
        return 'heap' in result ? { heap: result.heap } : {}
      })
    }
    lab.inOrder('idle sessions', turns)
  }
}

/** Runs an application that measures itself. */
async function inside (lab: Lab, application: Application, options: Omit<InProcess, 'database'>): Promise<Inside> {
  const { module } = application
  if (module === undefined) throw new Error(`${application.name} cannot be measured within its process`)
  const database = lab.databaseFor(application)
  const env = await environment(application, database, { settings: { inProcess: { ...options, database: database?.pids ?? [] } } })
  const { profile } = lab.options
  const flags = profile === undefined ? [] : ['--cpu-prof', `--cpu-prof-dir=${profile}`, `--cpu-prof-name=${application.name}.cpuprofile`]
  const printed = await output(process.execPath, ['--expose-gc', ...flags, moduleOf(module)], { env: { ...process.env, ...env }, seconds: 600 })
  return JSON.parse(printed) as Inside
}

/** A measurement for each kind. The first is a route without a session. */
function costsIn (result: Inside): Measured[] {
  if (!('costs' in result)) throw new Error('The application measured something else')
  const least = result.costs[0]?.application ?? NaN
  return result.costs.map(({ application, database }, i) => ({
    cpu: application,
    ...(i > 0 && { beyond: application - least }),
    ...(database !== null && { databaseCpu: database })
  }))
}
