/* Exclusive work in several processes, one of which is killed: the work never runs in two of them at once. */
import { setTimeout as sleep } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { makeDatabase } from '../../support/database.js'
import { neverAtOnce } from '../../support/exclusive-processes.js'
import { aborted, exclusivelyOf, lasting, LONG } from '../../support/exclusive.js'
import { opened, poolFor } from '../../support/mysql-store.js'
import { startProxy, through } from '../../support/proxy.js'
import { frontOnly, makeFront, makeSqlServer } from '../../support/sql-server.js'
import { mssqlStore, type MssqlConfig } from '../../../stores/mssql/mssql.js'
import type { SessionStore } from '../../../stores/store.js'

t.test('a thousand times from four processes, of which one is killed in the middle (MySQL)', async t => {
  const { url } = await makeDatabase(t)
  await neverAtOnce(t, { kind: 'mysql', name: 'a thousand times', times: 286 }, [url, url, url, url])
})

t.test('work that does not end with the application is told, and its lock is free', async t => {
  const { url } = await makeDatabase(t)
  const store = await opened(t, url, { createTable: true, storeTimeout: 3000 })
  const { work, begun, end } = lasting()
  const running = exclusivelyOf(store)('a', work, LONG)
  const lost = await begun
  await store.close()
  t.match(await aborted(lost), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: 'The session store is not available: it was closed with the application before the exclusive work ended' })
  t.equal(await exclusivelyOf(await opened(t, url))('a', async () => 'next', LONG), 'next')
  end()
  t.equal(await running, 'done')
})

t.test('work whose connection goes dead is told within seconds, though nobody says so', async t => {
  const { url } = await makeDatabase(t)
  const proxy = await startProxy(t, Number(new URL(url).port || 3306))
  const store = await opened(t, through(proxy, url), { createTable: true, storeTimeout: 3000 })
  const { work, begun, end } = lasting()
  const running = exclusivelyOf(store)('a', work, LONG)
  const lost = await begun
  proxy.forget()
  t.match(await aborted(lost), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: 'The session store is not available: the connection that kept others out was lost' })
  end()
  t.equal(await running, 'done')
})

t.test('work goes on beyond the idle limit of its connection, which is asked about its lock meanwhile', async t => {
  const { url } = await makeDatabase(t)
  const pool = poolFor(t, { uri: url })
  pool.on('connection', connection => { connection.query('SET SESSION wait_timeout = 4') })
  const store = await opened(t, pool, { createTable: true })
  t.equal(await exclusivelyOf(store)('a', async lost => {
    await sleep(7000)
    return lost.aborted
  }, LONG), false)
})

t.test('a hundred times from four processes, of which one is killed in the middle (SQL Server)', async t => {
  const { config } = await makeSqlServer(t)
  await neverAtOnce(t, { kind: 'mssql', name: 'a hundred times', times: 29 }, [config, config, config, config])
})

t.test('on SQL Server two stores keep each other out, and one that is closed refuses who waits', async t => {
  const { config } = await makeSqlServer(t)
  const [first, second] = [openedOnSqlServer(t, config), openedOnSqlServer(t, config)]
  await (await first).exclusively?.('a', async () => {
    await t.rejects(exclusivelyOf(await second)('a', async () => {}, 50), { code: 'FST_SESSION_STORE_UNAVAILABLE', statusCode: 503 })
    t.equal(await exclusivelyOf(await second)('b', async () => 'b', LONG), 'b')
    const waiting = t.rejects(exclusivelyOf(await second)('a', async () => {}, LONG), { message: 'The session store is not available: it was closed with the application' })
    await (await second).close()
    await waiting
  }, LONG)
  const alone = await openedOnSqlServer(t, { ...config, pool: { max: 1 } })
  await t.rejects(exclusivelyOf(alone)('a', async () => {}), { code: 'FST_SESSION_STORE_MISCONFIGURED' })
})

t.test('on SQL Server work whose connection is lost is told, and the lock is free', frontOnly, async t => {
  const { config, front } = await makeFront(t)
  const store = await openedOnSqlServer(t, config)
  const { work, begun, end } = lasting()
  const running = exclusivelyOf(store)('a', work, LONG)
  const lost = await begun
  front.faults.dropBefore(1, /@@TRANCOUNT/)
  t.match(await aborted(lost), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: 'The session store is not available: the connection that kept others out was lost' })
  t.equal(await exclusivelyOf(await openedOnSqlServer(t, config))('a', async () => 'next', LONG), 'next')
  end()
  t.equal(await running, 'done')
  t.equal(await exclusivelyOf(store)('a', async () => 'again', LONG), 'again')
})

t.test('on SQL Server a lock that is lost while it is waited for is waited for again', frontOnly, async t => {
  const { config, front } = await makeFront(t)
  const store = await openedOnSqlServer(t, config)
  for (const error of [1205, 40197]) {
    front.faults.dropBefore(1, /sp_getapplock/)
    t.equal(await exclusivelyOf(store)('a', async () => 'done', LONG), 'done')
    front.faults.failStatement(1, error, /sp_getapplock/)
    const outcome = exclusivelyOf(store)('a', async () => 'done', LONG)
    if (error === 1205) t.equal(await outcome, 'done')
    else await t.rejects(outcome, { code: 'FST_SESSION_STORE_UNAVAILABLE', message: 'The session store is not available: the database cannot serve requests now (40197)' })
  }
})

async function openedOnSqlServer (t: Test, config: MssqlConfig): Promise<SessionStore> {
  const store = mssqlStore(config, { createTable: true, cleanupInterval: 0, storeTimeout: LONG })
  t.teardown(async () => { await store.close() })
  await store.open({ warn () {}, error () {} })
  return store
}
