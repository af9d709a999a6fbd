import type { FastifyInstance } from 'fastify'
import type { Application } from '../applications.js'
import { application as ours } from '../apps/ours.js'
import { FRONT, startFront } from '../databases/front.js'
import type { MeteredFront } from '../databases/front.js'
import type { Verb } from '../databases/tds-meter.js'
import type { Measured } from '../figures.js'
import { object, put, signIn } from '../kinds.js'
import type { Kind } from '../kinds.js'
import type { Lab } from '../lab.js'
import { buildIn } from '../packages.js'
import type { Series } from './series.js'

export const mssql: Series = {
  name: 'mssql',
  title: 'SQL Server',
  axis: 'connections',
  unit: 'rate',
  columns: ['rate', 'p50', 'p99', 'cpu', 'statements', 'parameters', 'bytes', 'failed'],
  async run (lab) {
    await lab.openMSSQL()
    const running = await lab.lineUp(['ours-mssql', 'fastify-session-mssql'])
    for (const [operation, writes] of [['reads', 0], ['writes', 1]] as const) {
      await lab.compare(operation, (lab.options.points ?? [1, 64]).flatMap((point) =>
        running.map((running) => ({ running, point, connections: point, writes }))))
    }
  }
}

/** What one statement for a batch of sessions sends. It is counted on the front, so one round is enough. */
export const mssqlBatches: Series = {
  name: 'mssql-batches',
  title: 'SQL Server: what a batch of sessions sends in one statement',
  axis: 'sessions in the batch',
  unit: 'batchBytes',
  columns: ['batchStatements', 'batchParameters', 'batchBytes'],
  async run (lab) {
    await lab.openDatabase()
    lab.environment.push(FRONT)
    const points = lab.options.points ?? [1, 8, 50]
    const applications = lab.available(['ours-mssql'])
    for (const application of applications) {
      const batches = await openBatches(lab, application, Math.max(...points))
      for (const point of points) {
        for (const { kind, verb, operation } of STATEMENTS) {
          const measured = await batches.send(kind, verb, point)
          await lab.round(operation, [{ application, point }], 1, async () => measured)
        }
      }
      await batches.close()
    }
    const turns = points.flatMap((point) => applications.map((application) => ({ application, point })))
    for (const { operation } of STATEMENTS) lab.inOrder(operation, turns)
  }
}

const STATEMENTS: ReadonlyArray<{ kind: Kind, verb: Verb, operation: string }> = [
  { kind: object, verb: 'SELECT', operation: 'SELECT for reads' },
  { kind: put, verb: 'UPDATE', operation: 'UPDATE for writes' },
  { kind: signIn, verb: 'INSERT', operation: 'INSERT for sign-ins' }
]

/** Requests that come together, so that their sessions travel in one statement. */
interface Batches {
  /** Makes so many requests at once, and counts the statements of that verb. */
  send (kind: Kind, verb: Verb, count: number): Promise<Measured>
  close (): Promise<void>
}

async function openBatches (lab: Lab, { name, build }: Application, sessions: number): Promise<Batches> {
  const metered = await startFront(lab.mysql, lab.mysqlLogin, name)
  const app = await ours(buildIn(build).entry.href, {
    store: 'mssql', mssql: { ...metered.config, pool: { min: 10, max: 10 } }, createTable: true, cleanupInterval: 0
  })
  const cookies: string[] = []
  for (let id = 1; id <= sessions; id++) {
    const { headers } = await app.inject({ method: 'POST', url: `/login/${id}/300` })
    cookies.push(String(headers['set-cookie']).split(';', 1)[0] ?? '')
  }
  return {
    send: async (kind, verb, count) => {
      reset(metered)
      await together(app, kind, cookies.slice(0, count))
      return counted(metered, verb)
    },
    async close () {
      await app.close()
      await metered.close()
    }
  }
}

async function together (app: FastifyInstance, { request, isAnonymous = false }: Kind, cookies: readonly string[]): Promise<void> {
  const [method, path = ''] = request.split(' ')
  const answers = await Promise.all(cookies.map(async (cookie, i) => await app.inject({
    method: method === 'POST' ? 'POST' : 'GET',
    url: path.replace(':id', String(i + 1)).replace(':value', String(i + 1000)),
    headers: isAnonymous ? {} : { cookie }
  })))
  const wrong = answers.find(({ statusCode }) => statusCode !== 200)
  if (wrong !== undefined) throw new Error(`${request} was answered with ${wrong.statusCode}: ${wrong.body}`)
}

function reset ({ front, meter }: MeteredFront): void {
  front.statements.length = 0
  meter.take()
}

function counted ({ front, meter }: MeteredFront, verb: Verb): Measured {
  const statements = front.statements.filter(({ sql }) => sql.includes(`${verb} `))
  const requests = meter.take().filter((request) => request.verb === verb)
  return {
    batchStatements: requests.length,
    batchParameters: statements.reduce((sum, { params }) => sum + params.length, 0),
    batchBytes: requests.reduce((sum, { bytes }) => sum + bytes, 0)
  }
}
