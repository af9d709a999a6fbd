import t, { type Test } from 'tap'
import { mssqlStore } from '../../../stores/mssql/mssql.js'
import type { SessionStore } from '../../../stores/store.js'
import { newToken } from '../../../plugin/token.js'
import { makeDatabase } from '../../support/database.js'
import { frontOnly, makeFront, type SqlServer } from '../../support/sql-server.js'
import { mssql, type MssqlPool } from '../../tds/mssql-driver.js'

/*
 * A pool that the application uses too. The driver hands on a connection as its last user left it, so the store must be right
 * on any connection, and leave it as it was.
 */

const HOUR = 3_600_000
const silent = { warn () {}, error () {} }
const session = (text = 'data') => ({ token: newToken(), data: Buffer.from(`${newToken().slice(0, 16)}${text.repeat(10)}`), ttl: HOUR })
const seen = ({ data }: { readonly data: Buffer }) => ({ bytes: data, whole: true })

interface Used {
  readonly server: SqlServer
  readonly pool: MssqlPool
  readonly store: SessionStore
  /** Does this on a connection of the pool, as somebody of the application. */
  batch (sql: string): Promise<void>
}

async function usedPool (t: Test, { max = 1, moreDatabases = [] as readonly string[], babelfish = false } = {}): Promise<Used> {
  const server = await makeFront(t, { moreDatabases, babelfish })
  const pool = await new mssql.ConnectionPool({ ...server.config, pool: { max } }).connect()
  pool.on('error', () => {})
  t.teardown(async () => { await pool.close() })
  const store = mssqlStore(pool as never, { createTable: true, cleanupInterval: 0, storeTimeout: 30_000 })
  t.teardown(async () => { await store.close() })
  await store.open(silent)
  return { server, pool, store, batch: async sql => { await pool.request().batch(sql) } }
}

const LEFT: ReadonlyArray<readonly [what: string, sql: string]> = [
  ['an open transaction', 'IF @@TRANCOUNT = 0 BEGIN TRANSACTION; UPDATE sessions SET data = 0x00 WHERE token = \'other\''],
  ['an open transaction in another', 'BEGIN TRANSACTION; BEGIN TRANSACTION'],
  ['IMPLICIT_TRANSACTIONS', 'SET IMPLICIT_TRANSACTIONS ON'],
  ['NOCOUNT', 'SET NOCOUNT ON'],
  ['ROWCOUNT', 'SET ROWCOUNT 1'],
  ['TEXTSIZE', 'SET TEXTSIZE 5'],
  ['LOCK_TIMEOUT', 'SET LOCK_TIMEOUT 0'],
  ['XACT_ABORT', 'SET XACT_ABORT ON'],
  ['an isolation level', 'SET TRANSACTION ISOLATION LEVEL SERIALIZABLE'],
  ['another database', 'USE tenant']
]

for (const [what, sql] of LEFT) {
  t.test(`with a connection on which somebody has left ${what}, everything is as without`, frontOnly, async t => {
    const tenant = await makeDatabase(t, 'MariaDB')
    const { server, store, batch } = await usedPool(t, { moreDatabases: [tenant.name] })
    await server.query('INSERT INTO sessions (token, data, expiry) VALUES (\'other\', 0x78, \'2120-01-01\')')
    const leave = async () => { await batch(sql.replace('tenant', tenant.name)) }
    const [one, two, three] = [session('one'), session('two'), session('three')] as const
    const all = [one, two, three]

    await leave()
    t.strictSame(await Promise.all(all.map(async each => await store.insert(each))), [true, true, true])
    await leave()
    const { sessions } = await store.find(all.map(({ token }) => token))
    t.strictSame(sessions.map(({ data }) => Buffer.from(data).toString()).sort(), all.map(({ data }) => data.toString()).sort())
    await leave()
    const changed = all.map(each => ({ ...each, data: session('changed').data, seen: seen(each) }))
    for (const { kind } of await Promise.all(changed.map(async each => await store.update(each)))) t.equal(kind, 'saved')
    await leave()
    await Promise.all(changed.map(async each => { await store.touch({ ...each, seen: seen(each), ttl: 3 * HOUR, atLeast: 0 }) }))
    await leave()
    const renewed = session('renewed')
    await store.rewrite([one.token], () => [{ kind: 'insert', session: renewed }, { kind: 'move', token: one.token, to: renewed.token }])
    await leave()
    await store.delete(two.token)

    const rows = await server.query('SELECT token, data, DATEDIFF(minute, SYSUTCDATETIME(), expiry) AS minutes FROM sessions WHERE token <> \'other\'')
    const expected = [[one.token, 'FSS1 renewed as', false], [three.token, changed[2]?.data.toString(), true], [renewed.token, renewed.data.toString(), false]]
    const told = rows.map(({ token, data, minutes }) => [token, String(data).startsWith('FSS1') ? 'FSS1 renewed as' : String(data), Number(minutes) > 100])
    t.strictSame(told.sort(), expected.sort(), 'committed, and nothing else')
    t.strictSame(await server.query('SELECT data FROM sessions WHERE token = \'other\''), [{ data: Buffer.from('x') }], 'what was left open is undone')

    await server.query('UPDATE sessions SET expiry = \'2020-01-01\'')
    await leave()
    t.equal(await store.deleteExpired(10), 4)
  })
}

t.test('the cleanup of more rows than a batch has goes on under NOCOUNT', frontOnly, async t => {
  const { server, store, batch } = await usedPool(t)
  await Promise.all(Array.from({ length: 300 }, async () => await store.insert({ ...session(), ttl: 0 })))
  await batch('SET NOCOUNT ON')
  t.equal(await store.deleteExpired(1000), 300)
  t.strictSame(await server.query('SELECT token FROM sessions'), [])
})

t.test('a connection keeps the settings that its other users have made', frontOnly, async t => {
  const { pool, store, batch } = await usedPool(t)
  await batch('SET LOCK_TIMEOUT 1234; SET ROWCOUNT 7; SET TEXTSIZE 99; SET NOCOUNT ON; SET IMPLICIT_TRANSACTIONS ON')
  const one = session()
  await store.insert(one)
  await store.update({ ...one, seen: seen(one) })
  await store.find([one.token])
  t.strictSame((await pool.request().query('SELECT @@LOCK_TIMEOUT AS l, @@TEXTSIZE AS t, @@OPTIONS AS o, @@TRANCOUNT AS c')).recordset, [{ l: 1234, t: 99, o: 514, c: 0 }])
})

t.test('open transactions on every connection of the pool are met, one after the other', frontOnly, async t => {
  const { server, pool, store } = await usedPool(t, { max: 4 })
  const one = session()
  await store.insert(one)
  const leaving = Array.from({ length: 4 }, async () => { await pool.request().batch('BEGIN TRANSACTION; WAITFOR DELAY \'00:00:00.1\'') })
  await Promise.all(leaving)
  t.match(await store.update({ ...one, data: session('new').data, seen: seen(one) }), { kind: 'saved' })
  t.strictSame(await server.query('SELECT COUNT(*) AS n FROM sessions WHERE token = \'' + one.token + '\' AND data = 0x' + one.data.toString('hex')), [{ n: 0 }])
})

t.test('a session that another process has ended is gone, whatever transaction was left open', frontOnly, async t => {
  const { server, store, batch } = await usedPool(t)
  const one = session()
  await store.insert(one)
  await batch('SET TRANSACTION ISOLATION LEVEL SNAPSHOT; BEGIN TRANSACTION; SELECT token FROM sessions')
  await server.query('DELETE FROM sessions')
  t.strictSame((await store.find([one.token])).sessions, [])
})

t.test('a pool whose connections have IMPLICIT_TRANSACTIONS on is refused at the start', frontOnly, async t => {
  const server = await makeFront(t)
  const pool = await new mssql.ConnectionPool({ ...server.config, options: { ...server.config.options, enableImplicitTransactions: true } }).connect()
  t.teardown(async () => { await pool.close() })
  const store = mssqlStore(pool as never, { createTable: true, cleanupInterval: 0 })
  t.teardown(async () => { await store.close() })
  await t.rejects(store.open(silent), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /IMPLICIT_TRANSACTIONS/ })
})

t.test('a config with enableImplicitTransactions or a small textsize makes a pool that commits and reads all', frontOnly, async t => {
  const server = await makeFront(t)
  const store = mssqlStore({ ...server.config, options: { ...server.config.options, enableImplicitTransactions: true, textsize: 5 } }, { createTable: true, cleanupInterval: 0 })
  t.teardown(async () => { await store.close() })
  await store.open(silent)
  const one = session()
  await store.insert(one)
  t.equal((await server.query('SELECT token FROM sessions')).length, 1, 'seen by another connection')
  t.strictSame((await store.find([one.token])).sessions.map(({ data }) => Buffer.from(data).toString()), [one.data.toString()])
})

t.test('a first contact on a connection that is in another database is put off, and says why', frontOnly, async t => {
  const tenant = await makeDatabase(t, 'MariaDB')
  const server = await makeFront(t, { moreDatabases: [tenant.name] })
  const pool = await new mssql.ConnectionPool({ ...server.config, pool: { max: 1 } }).connect()
  t.teardown(async () => { await pool.close() })
  await pool.request().batch(`USE ${tenant.name}`)
  const store = mssqlStore(pool as never, { createTable: true, cleanupInterval: 0 })
  t.teardown(async () => { await store.close() })
  const warnings: object[] = []
  t.equal(await store.open({ warn: details => { warnings.push(details) }, error () {} }), undefined)
  await t.rejects(store.find([newToken()]), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: new RegExp(`in the database ${tenant.name}, not in ${server.config.database}`) })
  await pool.request().batch(`USE ${server.config.database}`)
  t.strictSame((await store.find([newToken()])).sessions, [])
})

t.test('a pool that its owner has closed stays closed', frontOnly, async t => {
  const { server, pool, store } = await usedPool(t)
  const { front } = frontOf(server)
  await pool.close()
  await t.rejects(store.find([newToken()]), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /was closed by the application/ })
  t.equal(front.connections, 0, 'no new connection')
  await pool.connect()
  t.strictSame((await store.find([newToken()])).sessions, [], 'its owner may open it again')
})

function frontOf (server: SqlServer): { readonly front: NonNullable<SqlServer['front']> } {
  if (server.front === undefined) throw new Error('there is no front')
  return { front: server.front }
}

for (const given of ['a config', 'a pool']) {
  t.test(`${given} with the option stream gives rows all the same`, frontOnly, async t => {
    const server = await makeFront(t)
    const config = { ...server.config, stream: true }
    const source = given === 'a config' ? config : await new mssql.ConnectionPool(config).connect()
    const store = mssqlStore(source as never, { createTable: true, cleanupInterval: 0 })
    t.teardown(async () => {
      await store.close()
      if ('close' in source) await source.close()
    })
    await store.open(silent)
    const one = session()
    t.equal(await store.insert(one), true)
    t.match(await store.update({ ...one, seen: seen(one) }), { kind: 'saved' })
    t.equal((await store.find([one.token])).sessions.length, 1)
    await store.delete(one.token)
    t.equal((await store.find([one.token])).sessions.length, 0)
  })
}
