/* Exclusive work by GET_LOCK: what becomes of the lock and of its connection. The contract has the rest. */
import type { RowDataPacket } from 'mysql2'
import { createPool } from 'mysql2/promise'
import t from 'tap'
import { makeDatabase, type Database } from '../../support/database.js'
import { aborted, exclusivelyOf, lasting, LONG } from '../../support/exclusive.js'
import { meddledPool } from '../../support/meddled-pool.js'
import { newSession, opened, poolFor } from '../../support/mysql-store.js'
import { MysqlDatabase } from '../../../stores/mysql/mysql.js'
import { SqlStore } from '../../../stores/sql/sql-store.js'

const LOST = { code: 'FST_SESSION_STORE_UNAVAILABLE', message: 'The session store is not available: the connection that kept others out was lost' }

/** Ends all connections to the database but the test's own. */
async function killConnections ({ connection, name }: Database): Promise<void> {
  const [rows] = await connection.query<RowDataPacket[]>('SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ? AND ID <> CONNECTION_ID()', [name])
  for (const { ID } of rows) await connection.query(`KILL ${ID}`).catch(() => {})
}

t.test('two stores of one table keep each other out, those of two tables do not', async t => {
  const { url } = await makeDatabase(t)
  const [first, second, other] = await Promise.all([opened(t, url, { createTable: true }), opened(t, url, { createTable: true }), opened(t, url, { createTable: true, table: 'others' })])
  const { work, begun, end } = lasting()
  const running = exclusivelyOf(first)('a', work, LONG)
  await begun
  await t.rejects(exclusivelyOf(second)('a', async () => { t.fail('not now') }, 20), { code: 'FST_SESSION_STORE_UNAVAILABLE', statusCode: 503, message: /^The session store is not available: somebody else's exclusive work took longer than this call waits$/ })
  t.equal(await exclusivelyOf(other)('a', async () => 'other'), 'other')
  const next = exclusivelyOf(second)('a', async () => 'next', LONG)
  end()
  t.equal(await running, 'done')
  t.equal(await next, 'next')
})

t.test('when the connection of the lock is lost the work is told at once, and its result still counts', async t => {
  const database = await makeDatabase(t)
  const store = await opened(t, database.url, { createTable: true })
  const { work, begun, end } = lasting()
  const running = exclusivelyOf(store)('a', work, LONG)
  const lost = await begun
  await killConnections(database)
  t.match(await aborted(lost), LOST)
  t.equal(await exclusivelyOf(await opened(t, database.url))('a', async () => 'next', LONG), 'next', 'the lock is free')
  end()
  t.equal(await running, 'done')
  t.equal(await exclusivelyOf(store)('a', async () => 'again', LONG), 'again')
})

t.test('a store that is closed waits for the work that runs, and refuses who waits for the lock', async t => {
  const { url } = await makeDatabase(t)
  const [first, second] = await Promise.all([opened(t, url, { createTable: true }), opened(t, url, { createTable: true })])
  const { work, begun, end } = lasting()
  const running = exclusivelyOf(first)('a', work, LONG)
  const lost = await begun
  const refused = { code: 'FST_SESSION_STORE_UNAVAILABLE', message: 'The session store is not available: it was closed with the application' }
  const waiting = [t.rejects(exclusivelyOf(first)('a', async () => {}, LONG), refused), t.rejects(exclusivelyOf(second)('a', async () => {}, LONG), refused)]
  await second.close()
  const closing = first.close()
  await Promise.all(waiting)
  await t.rejects(exclusivelyOf(first)('b', async () => {}, LONG), refused)
  t.equal(lost.aborted, false)
  end()
  t.equal(await running, 'done')
  await closing
})

t.test('half of the connections hold locks at most, and none waits for its turn: the work always reaches its session', async t => {
  const { url } = await makeDatabase(t)
  const session = newSession()
  for (const connectionLimit of [2, 3, 6]) {
    const store = await opened(t, poolFor(t, { uri: url, connectionLimit }), { createTable: true })
    await store.insert(session)
    let running = 0
    await Promise.all(Array.from({ length: 12 }, async (_, i) => await exclusivelyOf(store)(`work ${i % 5}`, async () => {
      t.ok(++running <= connectionLimit >> 1)
      t.equal((await store.find([session.token])).sessions.length, 1)
      running--
    }, LONG)))
  }
  const alone = await opened(t, poolFor(t, { uri: url, connectionLimit: 1 }))
  await t.rejects(exclusivelyOf(alone)('a', async () => {}), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: 'Exclusive work holds a connection while it runs, and needs another to reach its session: give the pool of the sessions 2 connections or more, not 1' })
})

t.test('on a pool that is not its own the store leaves locks and settings as they were', async t => {
  const { url } = await makeDatabase(t)
  const pool = createPool({ uri: url, connectionLimit: 2 })
  t.teardown(async () => { await pool.end() })
  const connections = await Promise.all([pool.getConnection(), pool.getConnection()])
  for (const [i, connection] of connections.entries()) await connection.query(`SELECT GET_LOCK('of the application ${i}', 0)`)
  for (const connection of connections) await connection.query('SET SESSION wait_timeout = 4321')
  for (const connection of connections) connection.release()
  const store = await opened(t, pool, { createTable: true })
  for (let i = 0; i < 4; i++) {
    await exclusivelyOf(store)('a', async () => {
      const [[row] = []] = await pool.query<RowDataPacket[]>('SELECT @@SESSION.wait_timeout AS idle')
      t.equal(row?.['idle'], 4321, 'another connection is not the lock\'s')
    }, LONG)
  }
  for (const connection of await Promise.all([pool.getConnection(), pool.getConnection()])) {
    const [[row] = []] = await connection.query<RowDataPacket[]>('SELECT @@SESSION.wait_timeout AS idle, (IS_USED_LOCK(\'of the application 0\') = CONNECTION_ID()) + (IS_USED_LOCK(\'of the application 1\') = CONNECTION_ID()) AS held')
    t.match(row, { idle: 4321, held: 1 })
    connection.release()
  }
})

t.test('a lock takes four statements, two of which let the server free it within a minute if the machine vanishes', async t => {
  const { url } = await makeDatabase(t)
  let sent: string[] = []
  const pool = meddledPool(poolFor(t, { uri: url }), (_connection, { sql }) => { sent.push(sql.replace(/'.*?'/, '?')); return false })
  const store = await opened(t, pool, { createTable: true })
  await exclusivelyOf(store)('a', async () => {})
  sent = []
  await exclusivelyOf(store)('a', async () => { sent.push('the work') }, LONG)
  t.match(sent.filter(sql => sql !== 'DO 0'), [/^SELECT GET_LOCK\(\?, 2\), @@SESSION.wait_timeout/, 'SET SESSION wait_timeout = 60', 'the work', 'SELECT RELEASE_LOCK(?)', /^SET SESSION wait_timeout = \d+$/])
})

t.test('a server whose locks are those of one node is refused with its name, and one that keeps nobody out', async t => {
  const { url } = await makeDatabase(t)
  for (const locksAreLocalTo of ['a node of a Galera cluster', 'in a replication group with several primaries']) {
    const options = { createTable: true, cleanupInterval: 0 }
    const store = new SqlStore(new MysqlDatabase(url, options, { locksAreLocalTo }), options)
    t.teardown(async () => { await store.close() })
    await store.open({ warn () {}, error () {} })
    await t.rejects(store.exclusively('a', async () => {}), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: new RegExp(`^Exclusive work cannot keep other processes out: the server \\(.+\\) is ${locksAreLocalTo}, and GET_LOCK holds on one of its nodes alone\\.`) })
  }
})

t.test('a lock that keeps nobody out, and a server without such locks, are refused', async t => {
  const { url } = await makeDatabase(t)
  const answering = (answer: (sql: string) => [error: Error | null, result: unknown] | undefined) => meddledPool(poolFor(t, { uri: url }), (_connection, { sql }, callback) => {
    const answered = answer(sql)
    if (answered !== undefined) callback(...answered)
    return answered !== undefined
  })
  const toAll = await opened(t, answering(sql => sql.includes('GET_LOCK') ? [null, [[1, 28_800, 0]]] : sql.includes('IS_USED_LOCK') ? [null, [[1, 0]]] : undefined), { createTable: true })
  await t.rejects(exclusivelyOf(toAll)('a', async () => {}), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /^Exclusive work cannot keep other processes out: a lock that one connection has taken with GET_LOCK does not keep another one out \(the server is .+\)\. Does the pool reach several servers\?$/ })
  const none = await opened(t, answering(sql => sql.includes('GET_LOCK') ? [Object.assign(new Error('unsupported: GET_LOCK'), { errno: 1235, sqlState: '42000' }), undefined] : undefined))
  await t.rejects(exclusivelyOf(none)('a', async () => {}), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /^Exclusive work needs GET_LOCK and IS_USED_LOCK, which the server \(.+\) does not carry out: unsupported: GET_LOCK$/ })
})
