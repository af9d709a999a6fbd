import { execFile } from 'node:child_process'
import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import Fastify from 'fastify'
import { createPool } from 'mysql2'
import { createPool as createPromisePool } from 'mysql2/promise'
import t, { type Test } from 'tap'
import sessions, { memoryStore, mssqlStore, mysqlStore, type SessionOptions, type SessionStore, type StoreLog } from '../../plugin/index.js'
import { newToken } from '../../plugin/token.js'
import { makeApplication, mysqlOptions, newSession, onEachStore, type Place } from '../support/application.js'
import { latch } from '../support/barrier.js'
import { makeDatabase, waitUntilBlocked, type Database } from '../support/database.js'
import { startProxy, through } from '../support/proxy.js'
import { until } from '../support/until.js'

const silent: StoreLog = { warn: () => {}, error: () => {} }

/** How many connections to this database there are besides the test's own. */
async function connectionsTo ({ connection, name }: Database): Promise<number> {
  const [rows] = await connection.query('SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ? AND ID <> CONNECTION_ID()', [name])
  return (rows as unknown[]).length
}

/** The server needs a moment to notice that a connection has ended. */
async function areGone (t: Test, database: Database, others = 0): Promise<void> {
  await until(async () => await connectionsTo(database) <= others)
  t.equal(await connectionsTo(database), others, 'the store has closed its connections')
}

/** What keeps this process alive, besides what did so before. */
function handles (): string[] {
  return process.getActiveResourcesInfo().filter(kind => /Timeout|TCPSocket/.test(kind)).sort()
}

/** The front, which is in this process too, needs a moment to notice that its client has gone. */
async function leavesNothing (t: Test, place: Place, before: string[]): Promise<void> {
  // The timer of the wait itself is over when the question is asked.
  if (place.name === 'mssql') await until(() => handles().join() === before.join())
  t.strictSame(handles(), before)
}

onEachStore('an application is closed right after it was ready, twice, and nothing is left', async (t, place) => {
  const before = handles()
  const app = Fastify()
  await app.register(sessions, { ...place.options, ...(place.name !== 'memory' && { cleanupInterval: 1000 }) })
  await app.ready()
  await app.close()
  await app.close()
  if (place.database !== undefined) await areGone(t, place.database)
  await leavesNothing(t, place, before)
})

onEachStore('an application that was used is closed, and nothing is left', async (t, place) => {
  const before = handles()
  const application = makeApplication(t, place.options)
  await newSession(application)
  if (place.database !== undefined) t.ok(await connectionsTo(place.database) > 0)
  await Promise.all([application.app.close(), application.app.close()])
  if (place.database !== undefined) await areGone(t, place.database)
  await leavesNothing(t, place, before)
})

t.test('an application whose database cannot be reached is closed', async t => {
  const database = await makeDatabase(t)
  const proxy = await startProxy(t, Number(new URL(database.url).port))
  proxy.refuse()
  const application = makeApplication(t, { ...mysqlOptions(database), mysql: through(proxy, database.url) })
  await application.app.ready()
  await application.app.close()
  await areGone(t, database)
})

t.test('an application is closed while a connection is being made to a database that does not answer', async t => {
  const connected = latch()
  const mute = createServer(socket => {
    socket.on('error', () => {})
    connected.open()
  })
  mute.listen(0, '127.0.0.1')
  await once(mute, 'listening')
  t.teardown(() => { mute.close() })
  const app = Fastify()
  await app.register(sessions, { store: 'mysql', mysql: `mysql://root@127.0.0.1:${(mute.address() as AddressInfo).port}/none`, storeTimeout: 300 })
  const ready = app.ready()
  await connected.opened
  await ready
  const waiting = app.inject({ url: '/', headers: { cookie: `session=${newToken()}` } })
  await new Promise(resolve => setImmediate(resolve))
  await app.close()
  t.equal((await waiting).statusCode, 503)
})

t.test('a store that was never opened is closed, and answers no more', async t => {
  for (const store of [memoryStore(), mysqlStore('mysql://nobody@127.0.0.1:1/nothing')]) {
    store.stopCleanup()
    await store.close()
    await store.close()
    store.stopCleanup()
  }
  const store = mysqlStore('mysql://nobody@127.0.0.1:1/nothing')
  await store.close()
  await t.rejects(store.find([]), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /closed with the application$/ }, 'a read does not speak of changes')
  await t.rejects(store.delete('a'), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /closed with the application\. What this request changed is not known to be saved$/ })
})

for (const [kind, make] of [['mysql2', (url: string) => createPool(url)], ['mysql2/promise', (url: string) => createPromisePool(url)]] as const) {
  t.test(`a pool of ${kind} that the user passed in works on after close`, async t => {
    const database = await makeDatabase(t)
    const pool = make(database.url)
    const promised = 'promise' in pool ? pool.promise() : pool
    const application = makeApplication(t, { ...mysqlOptions(database), mysql: pool })
    await newSession(application)
    await application.app.close()
    const [rows] = await promised.query('SELECT COUNT(*) AS n FROM sessions')
    t.strictSame(JSON.parse(JSON.stringify(rows)), [{ n: 1 }])
    await promised.end()
    await areGone(t, database)
  })
}

t.test('close waits for the requests whose statements are under way', async t => {
  const database = await makeDatabase(t)
  const store = mysqlStore(database.url, { createTable: true, cleanupInterval: 0 })
  await store.open(silent)
  const session = { token: 'a'.repeat(43), data: Buffer.from('x'), ttl: 60_000 }
  let written = false
  const inserting = store.insert(session).then(() => { written = true })
  // The insert is handed over first.
  await new Promise(resolve => setImmediate(resolve))
  await store.close()
  t.equal(written, true)
  await inserting
})

t.test('close waits for the statement of a cleanup that is running, and the cleanup ends', async t => {
  const database = await makeDatabase(t)
  const { connection } = database
  const options: SessionOptions = { ...mysqlOptions(database), cleanupInterval: 1 }
  const before = makeApplication(t, mysqlOptions(database))
  await before.app.ready()
  await connection.query(`INSERT INTO sessions (token, data, expiry) VALUES ${Array.from({ length: 2000 }, (_, i) => `('old${i}', 'x', '2020-01-01')`).join()}`)
  await connection.query('START TRANSACTION; SELECT token FROM sessions WHERE token = \'old0\' FOR UPDATE')
  const application = makeApplication(t, options)
  await application.app.ready()
  await waitUntilBlocked(database)
  const closing = application.app.close()
  await connection.query('ROLLBACK')
  await closing
  // The other application of this test keeps one.
  await areGone(t, database, 1)
  t.strictSame(application.log, [], 'closing is no failure of the cleanup')
})

function cleaningStore ({ database, sqlServer }: Place): SessionStore {
  const options = { createTable: true, cleanupInterval: 1 }
  if (sqlServer !== undefined) return mssqlStore(sqlServer.config, options)
  return database === undefined ? memoryStore({ cleanupInterval: 1 }) : mysqlStore(database.url, options)
}

onEachStore('the cleanup is stopped at any moment, any number of times', async (t, place) => {
  const store = cleaningStore(place)
  const failed = latch()
  let failures = 0
  const log: StoreLog = { warn: () => {}, error: () => { failures++; failed.open() } }
  store.stopCleanup()
  store.stopCleanup()
  await store.open(log)
  store.stopCleanup()
  await store.insert({ token: 'a'.repeat(43), data: Buffer.from('x'), ttl: 60_000 })
  await store.close()
  store.stopCleanup()
  await store.close()
  t.equal(failures, 0)
})

t.test('a process ends by itself, without close, when only the timer of the cleanup is left', async t => {
  const program = fileURLToPath(new URL('../support/worker-idle.js', import.meta.url))
  const run = promisify(execFile)
  t.equal((await run(process.execPath, [program])).stdout, 'ready')
  const database = await makeDatabase(t)
  t.equal((await run(process.execPath, [program, database.url])).stdout, 'ready')
  t.equal((await run(process.execPath, [program, database.url, 'own pool'])).stdout, 'ready')
})
