import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type FastifyServerOptions, type LightMyRequestResponse } from 'fastify'
import t, { type Test } from 'tap'
import sessions, { memoryStore, type SessionOptions } from '../../plugin/index.js'
import { makeDatabase, type Database } from './database.js'
import { makeSqlServer, runsOnSqlServer, mssqlOptions, type SqlServer } from './sql-server.js'

/** What one request does; what it returns is its reply. */
export type Deed = (request: FastifyRequest, reply: FastifyReply) => unknown

/** What became of a request. */
export interface Visit {
  readonly status: number
  readonly body: string
  readonly headers: LightMyRequestResponse['headers']
  /** The token in the session's Set-Cookie header: '' if it takes the cookie away, undefined if there is none. */
  readonly token: string | undefined
}

/** A line of the log. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly err?: { readonly message: string, readonly code?: string }
}

/** An application with sessions, whose requests do what the test says. */
export interface Application {
  readonly app: FastifyInstance
  /** What it has logged from 'warn' on. */
  readonly log: readonly LogLine[]
  /** Sends a request with this token in its cookie, and lets it do the deed. */
  visit (token: string | undefined, deed: Deed, headers?: Record<string, string>): Promise<Visit>
}

/** Makes an application that is not ready yet, and closes it when the test is over. */
export function makeApplication (t: Test, options: SessionOptions, server: FastifyServerOptions = {}, prepare: (app: FastifyInstance) => void = () => {}): Application {
  const log: LogLine[] = []
  const stream = { write: (line: string) => { log.push(JSON.parse(line) as LogLine) } }
  // A busy machine may need long to start it.
  const app: FastifyInstance = Fastify({ logger: { level: 'warn', stream }, pluginTimeout: 0, ...server })
  // What goes wrong is told by ready().
  void app.register(sessions, options)
  prepare(app)
  app.get('/', async (request, reply) => await deedOf(request)(request, reply))
  t.teardown(async () => { await app.close() })

  const deeds = new Map<string, Deed>()
  const deedOf = (request: FastifyRequest): Deed => deeds.get(String(request.headers['x-deed'])) ?? (() => 'nothing')
  let count = 0
  const visit: Application['visit'] = async (token, deed, headers = {}) => {
    const id = String(count++)
    deeds.set(id, deed)
    const cookie = token === undefined ? {} : { cookie: `session=${token}` }
    const response = await app.inject({ url: '/', headers: { 'x-deed': id, ...cookie, ...headers } })
    deeds.delete(id)
    return visitOf(response)
  }
  return { app, log, visit }
}

function visitOf (response: LightMyRequestResponse): Visit {
  const cookie = response.cookies.find(({ name }) => name === 'session')
  return { status: response.statusCode, body: response.body, headers: response.headers, token: cookie?.value }
}

/** A visit that signs in: a new session with these values. Its token. */
export async function newSession (application: Application, values: Record<string, unknown> = { user: 'ada' }): Promise<string> {
  const { token } = await application.visit(undefined, ({ session }) => {
    for (const [key, value] of Object.entries(values)) session.put(key, value)
    return 'ok'
  })
  if (token === undefined) throw new Error('no session was made')
  return token
}

/** What a further request finds in the session of this token. */
export async function dataOf (application: Application, token: string | undefined): Promise<unknown> {
  const { body } = await application.visit(token, ({ session }) => JSON.stringify(session.data()))
  return JSON.parse(body)
}

/** Where sessions are kept in a test. */
export interface Place {
  readonly name: 'memory' | 'mysql' | 'mssql'
  /** Options of the plugin that keep sessions there. */
  readonly options: SessionOptions
  readonly database?: Database
  readonly sqlServer?: SqlServer
}

/** How long a request waits for the store, in milliseconds, where that is not what is tested: a busy machine may need long. */
const PATIENCE = 60_000

/** One test for the memory store, one for the MySQL store, and one for the SQL Server store. */
export function onEachStore (name: string, body: (t: Test, place: Place) => Promise<void>): void {
  void t.test(`${name} (memory)`, async t => {
    await body(t, { name: 'memory', options: { store: memoryStore({ cleanupInterval: 0 }) } })
  })
  onEachDatabase(name, body)
}

/** One test for the MySQL store, and one for the SQL Server store. */
export function onEachDatabase (name: string, body: (t: Test, place: Place) => Promise<void>): void {
  void t.test(`${name} (MySQL)`, async t => {
    const database = await makeDatabase(t)
    await body(t, { name: 'mysql', options: { store: 'mysql', mysql: database.url, createTable: true, storeTimeout: PATIENCE }, database })
  })
  if (!runsOnSqlServer) return
  void t.test(`${name} (SQL Server)`, async t => {
    const sqlServer = await makeSqlServer(t)
    await body(t, { name: 'mssql', options: { ...mssqlOptions(sqlServer), storeTimeout: PATIENCE }, sqlServer })
  })
}

/** How many rows of the table meet the condition; undefined in memory. Those of MySQL and SQL Server are written alike but for the clock, UTC_TIMESTAMP(6). */
export async function countRows ({ database, sqlServer }: Place, condition: string): Promise<number | undefined> {
  const count = `SELECT COUNT(*) AS n FROM sessions WHERE ${condition}`
  if (sqlServer !== undefined) return Number((await sqlServer.query(count.replaceAll('UTC_TIMESTAMP(6)', 'SYSUTCDATETIME()')))[0]?.['n'])
  if (database === undefined) return undefined
  const [rows] = await database.connection.query(count)
  return (rows as Array<{ n: number }>)[0]?.n
}

/** Sessions in a database of the test's own. Nothing is cleaned up unless the test asks for it. */
export function mysqlOptions (database: Database): SessionOptions {
  return { store: 'mysql', mysql: database.url, createTable: true, cleanupInterval: 0 }
}
