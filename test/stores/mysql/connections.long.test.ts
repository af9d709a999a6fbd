import { randomBytes } from 'node:crypto'
import { createPool, type Pool, type PoolConnection } from 'mysql2'
import { createConnection, type PoolConnection as PromisedConnection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { mysqlStore, type MysqlSource, type MysqlStoreOptions } from '../../../stores/mysql/mysql.js'
import { Trust } from '../../../stores/mysql/trust.js'
import type { NewSession, SessionStore } from '../../../stores/store.js'
import { makeDatabase, SCS_TABLE, type Database } from '../../support/database.js'
import { meddledPool } from '../../support/meddled-pool.js'
import { startServer } from '../../support/mysql-server.js'
import { startProxy, through } from '../../support/proxy.js'

/*
 * Connections in the state in which somebody else left them, connections to a server that was the primary, and
 * connections that are dead.
 */

const log = { warn () {}, error () {} }
const newSession = (data = 'data'): NewSession => ({ token: randomBytes(32).toString('base64url'), data: Buffer.from(data), ttl: 3_600_000 })
const seen = ({ data }: NewSession) => ({ bytes: data, whole: true })

async function opened (t: Test, source: MysqlSource, options: MysqlStoreOptions = {}): Promise<SessionStore> {
  const store = mysqlStore(source, { cleanupInterval: 0, ...options })
  t.teardown(async () => { await store.close() })
  await store.open(log)
  return store
}

async function scsDatabase (t: Test): Promise<Database> {
  const database = await makeDatabase(t)
  await database.connection.query(SCS_TABLE)
  return database
}

function poolFor (t: Test, uri: string, connectionLimit = 2): Pool {
  const pool = createPool({ uri, connectionLimit })
  t.teardown(async () => { await pool.promise().end() })
  return pool
}

const isFound = async (store: SessionStore, { token }: NewSession) => (await store.find([token])).sessions.length === 1

/** Does something on every connection of a pool, and gives all of them back. */
async function leaveOnAll (pool: Pool, leave: (connection: PromisedConnection) => Promise<unknown>): Promise<void> {
  const { connectionLimit = 0 } = (pool as unknown as { config: { connectionLimit?: number } }).config
  const connections = await Promise.all(Array.from({ length: connectionLimit }, async () => await pool.promise().getConnection()))
  await Promise.all(connections.map(leave))
  for (const connection of connections) connection.release()
}

const LEFT: ReadonlyArray<readonly [string, (connection: PromisedConnection, database: Database) => Promise<unknown>]> = [
  ['an open transaction', async connection => { await connection.query('START TRANSACTION'); await connection.query('SELECT COUNT(*) FROM sessions') }],
  ['autocommit off', async connection => { await connection.query('SET autocommit = 0'); await connection.query('SELECT COUNT(*) FROM sessions') }],
  ['transactions read-only', async connection => { await connection.query('SET SESSION TRANSACTION READ ONLY') }],
  ['another database selected, which has a table of that name too', async (connection, { name }) => { await connection.query(`USE ${name}_b`) }],
  ['the table locked', async connection => { await connection.query('LOCK TABLES other READ') }],
  ['the time zone, sql_mode and the lock timeout changed', async connection => { await connection.query('SET time_zone = \'-11:00\', sql_mode = \'\', innodb_lock_wait_timeout = 1') }],
  ['one row an answer at most', async connection => { await connection.query('SET sql_select_limit = 1') }]
]
for (const [what, leave] of LEFT) {
  t.test(`with ${what} on every connection of a shared pool, no read is old, and what is confirmed is there`, async t => {
    const database = await scsDatabase(t)
    const { name, url, connection } = database
    await connection.query(`CREATE TABLE other (id INT); CREATE DATABASE ${name}_b; CREATE TABLE ${name}_b.sessions LIKE sessions`)
    t.teardown(async () => { await connection.query(`DROP DATABASE ${name}_b`) })
    const pool = poolFor(t, url)
    const [store, other] = [await opened(t, pool), await opened(t, url)]
    const [ended, changed, signedOut] = [newSession(), newSession(), newSession()]
    for (const session of [ended, changed, signedOut]) await store.insert(session)
    const again = async () => { await leaveOnAll(pool, async connection => await leave(connection, database)) }

    await again()
    await other.delete(ended.token)
    t.equal(await isFound(store, ended), false, 'a session that was signed out elsewhere is gone')
    await again()
    const fresh = [newSession(), newSession(), newSession()]
    for (const session of fresh) await other.insert(session)
    t.equal((await store.find(fresh.map(({ token }) => token))).sessions.length, 3, 'sessions that began elsewhere are found, in one statement')
    await again()
    t.strictSame(await store.update({ ...changed, data: Buffer.from('next'), seen: seen(changed) }), { kind: 'saved' })
    t.match((await other.find([changed.token])).sessions, [{ data: Buffer.from('next') }])
    await again()
    await store.rewrite([changed.token], () => [{ kind: 'update', session: changed }])
    t.match((await other.find([changed.token])).sessions, [{ data: changed.data }])
    await again()
    await store.delete(signedOut.token)
    t.equal(await isFound(other, signedOut), false)
    await again()
    const last = newSession()
    t.equal(await store.insert(last), true)
    t.equal(await isFound(other, last), true)
  })
}

t.test('a connection of a shared pool is checked once after somebody else has used it', async t => {
  const { url } = await scsDatabase(t)
  const pool = poolFor(t, url, 1)
  const store = await opened(t, pool)
  const session = newSession()
  await store.insert(session)
  const checks = async () => {
    const [rows] = await pool.promise().query('SHOW SESSION STATUS LIKE \'Com_do\'')
    return Number((rows as Array<{ Value: string }>)[0]?.Value)
  }
  const before = await checks()
  for (let i = 0; i < 5; i++) await isFound(store, session)
  t.equal(await checks(), before + 1)
  await isFound(store, session)
  t.equal(await checks(), before + 2)
  // While the store has the one connection, the application asks for it: it goes from hand to hand.
  await Promise.all([isFound(store, session), checks()])
  await isFound(store, session)
  t.ok(await checks() >= before + 3)
})

t.test('connections to a server that has become read-only are replaced at the first sign, reads included, and not without a pause', async t => {
  const server = await startServer()
  t.teardown(async () => { await server.stop() })
  const admin = await createConnection({ uri: server.url(), multipleStatements: true })
  await admin.query('CREATE DATABASE shop; CREATE USER app@\'127.0.0.1\' IDENTIFIED BY \'secret\'; GRANT ALL ON shop.* TO app@\'127.0.0.1\'')
  const opens = async () => Number(((await admin.query('SHOW GLOBAL STATUS LIKE \'Connections\'')) as unknown as [[{ Value: string }]])[0][0].Value)
  const store = await opened(t, { host: '127.0.0.1', port: server.port, user: 'app', password: 'secret', database: 'shop', connectionLimit: 8 }, { createTable: true, storeTimeout: 2000 })
  const sessions = Array.from({ length: 8 }, () => newSession())
  for (const session of sessions) await store.insert(session)
  const first = await opens()
  await admin.query('SET GLOBAL read_only = 1')
  t.equal(await isFound(store, sessions[0] as NewSession), true, 'there is no better server')
  t.equal(await opens(), first + 1, 'but it has been looked for')
  const startedAt = performance.now()
  for (let i = 0; i < 4; i++) await t.rejects(store.insert(newSession()), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  const [count, seconds] = [await opens() - first, (performance.now() - startedAt) / 1000]
  // The pause before a new connection doubles from 50 ms to a second.
  t.ok(count <= 8 + 2 * seconds, `${count} connections in ${seconds} s`)
  await admin.query('SET GLOBAL read_only = 0')
  let isBack = false
  for (let i = 0; i < 100 && !isBack; i++) isBack = await store.insert(newSession()).catch(() => false)
  t.ok(isBack, 'when it takes writes again, so does the store')
  await admin.end()
})

t.test('after a switchover the first read finds the new primary', async t => {
  const [old, primary] = [await startServer(), await startServer()]
  t.teardown(async () => { await Promise.all([old.stop(), primary.stop()]) })
  const admins = await Promise.all([old, primary].map(async server => await createConnection({ uri: server.url(), multipleStatements: true })))
  for (const admin of admins) await admin.query(`CREATE DATABASE shop; CREATE USER app@'127.0.0.1' IDENTIFIED BY 'secret'; GRANT ALL ON shop.* TO app@'127.0.0.1'; USE shop; ${SCS_TABLE}`)
  const proxy = await startProxy(t, old.port)
  const store = await opened(t, `mysql://app:secret@127.0.0.1:${proxy.port}/shop`)
  const sessions = Array.from({ length: 20 }, () => newSession())
  await Promise.all(sessions.map(async session => await store.insert(session)))
  await admins[0]?.query('SET GLOBAL read_only = 1')
  proxy.leadTo(primary.port)
  // On the new primary all of them have been signed out.
  const found = await Promise.all(sessions.map(async session => await isFound(store, session)))
  t.strictSame(found.filter(Boolean), [])
  for (const admin of admins) await admin.end()
})

t.test('after one dead connection, those that have been idle as long are not tried', async t => {
  const { url } = await scsDatabase(t)
  const proxy = await startProxy(t, Number(new URL(url).port))
  const store = await opened(t, { uri: through(proxy, url), connectionLimit: 10 }, { storeTimeout: 1500 })
  const session = newSession()
  await store.insert(session)
  // Four connections.
  await Promise.all([store.rewrite([session.token], () => []), isFound(store, session), store.insert(newSession()), store.delete(newSession().token)])
  proxy.forget()
  const answers: boolean[] = []
  for (let i = 0; i < 6; i++) answers.push(await isFound(store, session).catch(() => false))
  t.strictSame(answers, [false, true, true, true, true, true])
})

t.test('which connections are trusted after an event', async t => {
  const trust = new Trust()
  const [older, newer, foreign] = [{}, {}, {}]
  trust.opened(older)
  trust.opened(newer)
  trust.used(older)
  trust.used(newer)
  trust.lost(older)
  t.strictSame([older, newer, foreign].map(connection => trust.isTrusted(connection)), [false, true, true])
  trust.refusedWrite(newer)
  t.strictSame([older, newer, foreign].map(connection => trust.isTrusted(connection)), [false, false, false])
  t.equal(trust.pause, 0, 'the first new connection is taken at once')
  const next = {}
  trust.opened(next)
  t.equal(trust.isTrusted(next), true)
  t.equal(trust.readFromReadOnly(next), true)
  t.equal(trust.readFromReadOnly(newer), false)
  trust.refusedWrite(newer)
  t.equal(trust.isTrusted(next), true, 'one more of the older ones says nothing new')
  trust.refusedWrite(next)
  t.equal(trust.isTrusted(next), false)
  t.ok(trust.pause > 0)
})

t.test('a kill that hits the check of a shared connection is no wrong configuration: another one is taken', async t => {
  const { url } = await scsDatabase(t)
  const errors = [{ errno: 1317, sqlState: '70100' }, { errno: 1399, sqlState: 'XAE07' }]
  const refusals: object[] = []
  const store = await opened(t, meddledPool(poolFor(t, url), (_connection: PoolConnection, { sql }, callback) => {
    const refusal = sql === 'DO 0' ? refusals.shift() : undefined
    if (refusal !== undefined) setImmediate(() => callback(Object.assign(new Error('of the server'), refusal), undefined))
    return refusal !== undefined
  }))
  const session = newSession()
  await store.insert(session)
  refusals.push(...errors)
  t.equal(await isFound(store, session), true)
  t.equal(refusals.length, 0, 'both of them were met')
  refusals.push({ errno: 1064, sqlState: '42000' })
  await t.rejects(isFound(store, session), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /does not accept "DO 0" \(of the server\)/ })
  for (let i = 0; i < 3; i++) refusals.push(errors[0] as object)
  await t.rejects(isFound(store, session), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /a connection of the pool cannot be used: of the server/ })
})

t.test('a DELETE that was killed, and answered with OK, is repeated', async t => {
  const { url } = await scsDatabase(t)
  const pool = poolFor(t, url)
  let lies = 0
  let isLying = false
  const store = await opened(t, meddledPool(pool, (_connection: PoolConnection, { sql }, callback) => {
    if (!isLying || !sql.includes('DELETE') || lies >= 2) return false
    lies++
    setImmediate(() => callback(null, { affectedRows: 0, insertId: 0, serverStatus: 2 }))
    return true
  }))
  const sessions = [newSession(), newSession(), newSession()]
  for (const session of sessions) await store.insert(session)
  isLying = true
  await Promise.all(sessions.map(async ({ token }) => { await store.delete(token) }))
  t.equal(lies, 2)
  for (const session of sessions) t.equal(await isFound(store, session), false)
})

t.test('a DELETE that the server never carries out is an error', async t => {
  const { url } = await scsDatabase(t)
  const pool = poolFor(t, url)
  let isLying = false
  const store = await opened(t, meddledPool(pool, (_connection: PoolConnection, { sql }, callback) => {
    if (!isLying || !sql.includes('DELETE')) return false
    setImmediate(() => callback(null, { affectedRows: 0, insertId: 0, serverStatus: 2 }))
    return true
  }))
  const session = newSession()
  await store.insert(session)
  isLying = true
  await t.rejects(store.delete(session.token), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
})
