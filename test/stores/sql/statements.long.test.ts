import { createPool, type PoolConnection } from 'mysql2'
import t, { type Test } from 'tap'
import type { SessionOptions } from '../../../plugin/index.js'
import { newToken } from '../../../plugin/token.js'
import { makeApplication, mysqlOptions, newSession, type Application, type Deed } from '../../support/application.js'
import { Barrier } from '../../support/barrier.js'
import { makeDatabase } from '../../support/database.js'
import { frontOnly, makeFront, mssqlOptions, runsOnSqlServer } from '../../support/sql-server.js'

/** An application, and how many statements the server has carried out for it (preparing one is not counted). */
type Counted = (t: Test, options?: SessionOptions) => Promise<{ application: Application, during: (work: () => Promise<unknown>) => Promise<number> }>

const onMysql: Counted = async (t, options = {}) => {
  const database = await makeDatabase(t)
  const pool = createPool({ uri: database.url, connectionLimit: 10 })
  const made: PoolConnection[] = []
  pool.on('connection', (connection: PoolConnection) => { made.push(connection) })
  t.teardown(() => { pool.end(() => {}) })
  const application = makeApplication(t, { ...mysqlOptions(database), mysql: pool, ...options }, {}, app => {
    app.get('/static', { config: { session: false } }, async () => 'ok')
  })
  await application.app.ready()

  const carriedOut = async () => {
    let sum = 0
    for (const connection of made) {
      const [rows] = await connection.promise().query('SHOW SESSION STATUS WHERE Variable_name IN (\'Com_stmt_execute\', \'Com_begin\', \'Com_commit\', \'Com_rollback\', \'Com_set_option\', \'Com_change_db\')')
      for (const { Value } of rows as Array<{ Value: string }>) sum += Number(Value)
    }
    return sum
  }
  const during = async (work: () => Promise<unknown>) => {
    const before = await carriedOut()
    await work()
    return await carriedOut() - before
  }
  return { application, during }
}

/** The same on SQL Server: BEGIN and COMMIT are requests of their own. */
const onSqlServer: Counted = async (t, options = {}) => {
  const server = await makeFront(t)
  const application = makeApplication(t, { ...mssqlOptions(server), ...options }, {}, app => {
    app.get('/static', { config: { session: false } }, async () => 'ok')
  })
  await application.app.ready()
  const during = async (work: () => Promise<unknown>) => {
    const before = server.front.statements.length
    await work()
    return server.front.statements.length - before
  }
  return { application, during }
}

function onEachServer (name: string, body: (t: Test, counted: Counted) => Promise<void>): void {
  void t.test(`${name} (MySQL)`, async t => { await body(t, onMysql) })
  if (!runsOnSqlServer) return
  void t.test(`${name} (SQL Server)`, frontOnly, async t => { await body(t, onSqlServer) })
}

const read: Deed = ({ session }) => String(session.get('user'))
const change: Deed = ({ session }) => { session.put('a', Math.random()); return 'ok' }

onEachServer('a request costs only the statements that it needs', async (t, counted) => {
  const { application, during } = await counted(t)
  const { app, visit } = application
  const token = await newSession(application)
  t.equal(await during(async () => await visit(undefined, read)), 0, 'no cookie')
  t.equal(await during(async () => await visit('evil', read)), 0, 'a malformed cookie')
  t.equal(await during(async () => await visit('a'.repeat(100_000), read)), 0, 'a huge cookie')
  t.equal(await during(async () => await visit(undefined, async ({ session }) => { await session.destroy(); return 'ok' })), 0, 'a sign-out without a session')
  t.equal(await during(async () => await visit(token, read)), 1, 'a request that reads')
  t.equal(await during(async () => await visit(token, () => 'ok')), 1, 'a request that does not look')
  t.equal(await during(async () => await visit(token, change)), 2, 'a request that changes')
  t.equal(await during(async () => await visit(token, async (request, reply) => { await change(request, reply); await request.session.commit(); return 'ok' })), 2, 'a request that changes and commits by itself')
  t.equal(await during(async () => await visit(token, async ({ session }) => { session.get('user'); await session.commit(); return 'ok' })), 1, 'a commit of nothing')
  t.equal(await during(async () => await app.inject({ url: '/static', headers: { cookie: `session=${token}` } })), 0, 'a route that opted out')
  t.equal(await during(async () => await visit(undefined, change)), 1, 'a new session')
  t.equal(await during(async () => await visit(newToken(), read)), 1, 'a cookie of no session')
  t.equal(await during(async () => await app.inject({ url: '/', headers: { cookie: `session=${newToken()}; session=${token}` } })), 1, 'two cookies of the name')
  t.equal(await during(async () => await visit(token, async ({ session }) => { await session.destroy(); return 'ok' })), 2, 'a sign-out')
})

onEachServer('an idle timeout costs a statement only when the expiry is due to be moved', async (t, counted) => {
  const hour = 3_600_000
  const rare = await counted(t, { idleTimeout: hour })
  const token = await newSession(rare.application)
  t.equal(await rare.during(async () => await rare.application.visit(token, read)), 1, 'inside the interval')
  t.equal(await rare.during(async () => await rare.application.visit(token, change)), 2, 'a change moves it too')

  const often = await counted(t, { idleTimeout: hour, touchInterval: 0 })
  const other = await newSession(often.application)
  t.equal(await often.during(async () => await often.application.visit(other, read)), 2, 'due')
  t.equal(await often.during(async () => await often.application.visit(other, change)), 2, 'due, with a change')
})

onEachServer('many sessions travel in one statement', async (t, counted) => {
  const { application, during } = await counted(t)
  const tokens = await Promise.all(Array.from({ length: 64 }, async () => await newSession(application)))
  const loaded = new Barrier(64)
  const reads = await during(async () => await Promise.all(tokens.map(async token => await application.visit(token, read))))
  t.ok(reads <= 8, `64 reads in ${reads} statements`)
  const writes = await during(async () => await Promise.all(tokens.map(async token => await application.visit(token, async (request, reply) => {
    await loaded.arrive()
    return await change(request, reply)
  }))))
  t.ok(writes <= 16, `64 reads and 64 writes in ${writes} statements`)
})

onEachServer('many requests of one session are written together', async (t, counted) => {
  const { application, during } = await counted(t)
  const token = await newSession(application)
  const loaded = new Barrier(64)
  const statements = await during(async () => await Promise.all(Array.from({ length: 64 }, async () => await application.visit(token, async ({ session }) => {
    await loaded.arrive()
    session.update('n', n => Number(n ?? 0) + 1)
    return 'ok'
  }))))
  t.ok(statements <= 8, `64 reads and 64 writes in ${statements} statements`)
})
