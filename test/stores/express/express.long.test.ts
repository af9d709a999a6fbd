/* Where express-session keeps its sessions: read for a migration, and used as a store of ours. */
import t, { type Test } from 'tap'
import { connectStore, type ExpressStore } from '../../../plugin/index.js'
import { ExpressMssql } from '../../../stores/express/mssql.js'
import { ExpressMysql, type ExpressColumns } from '../../../stores/express/mysql.js'
import { makeDatabase } from '../../support/database.js'
import { startSite } from '../../support/site.js'
import { makeSqlServer, runsOnSqlServer } from '../../support/sql-server.js'

const TIMEOUT = 60_000
/** As express-mysql-session creates it. */
const MYSQL_TABLE = 'CREATE TABLE sessions (session_id varchar(128) COLLATE utf8mb4_general_ci NOT NULL, expires int(11) unsigned NOT NULL, data mediumtext COLLATE utf8mb4_bin, PRIMARY KEY (session_id)) ENGINE=InnoDB'
/** As the README of connect-mssql-v2 says. */
const MSSQL_TABLE = 'CREATE TABLE sessions (sid nvarchar(255) NOT NULL PRIMARY KEY, session nvarchar(max) NOT NULL, expires datetime NOT NULL)'
const DATA = JSON.stringify({ cookie: { path: '/' }, user: 'ada' })

function mysqlOf (t: Test, url: string, table?: string, columns?: ExpressColumns): ExpressMysql {
  const source = new ExpressMysql(url, TIMEOUT, table, columns)
  t.teardown(async () => { await source.close() })
  return source
}

t.test('a row of express-mysql-session is read and ended by its exact id, with its expiry to the second', async t => {
  const { url, connection } = await makeDatabase(t)
  await connection.query(MYSQL_TABLE)
  await connection.query('INSERT INTO sessions VALUES (?, 2000000000, ?)', ['One', DATA])
  const source = mysqlOf(t, url)
  await source.check()
  t.same(await source.read('One'), { data: JSON.parse(DATA) as unknown, expires: new Date(2_000_000_000_000) })
  t.equal(await source.read('one'), undefined, 'the collation takes no other id for it')
  t.equal(await source.read('two'), undefined)
  await source.end('two')
  await source.end('One')
  t.equal(await source.read('One'), undefined)
})

t.test('table and columns may have other names, and data the type JSON', async t => {
  const { url, connection, name } = await makeDatabase(t)
  await connection.query('CREATE TABLE `old ``sessions` (`the id` VARCHAR(100) PRIMARY KEY, `end` BIGINT, `values` JSON)')
  await connection.query('INSERT INTO `old ``sessions` VALUES (?, 2000000000, ?)', ['one', DATA])
  const source = mysqlOf(t, url, `${name}.old \`sessions`, { session_id: 'the id', expires: 'end', data: 'values' })
  t.match(await source.read('one'), { data: { user: 'ada' } })
})

t.test('data that is no JSON object is told without a word of it', async t => {
  const { url, connection } = await makeDatabase(t)
  await connection.query(MYSQL_TABLE)
  await connection.query('INSERT INTO sessions VALUES (\'one\', 2000000000, \'{hunter2\'), (\'two\', 2000000000, \'[]\'), (\'three\', 2000000000, NULL)')
  const source = mysqlOf(t, url)
  for (const id of ['one', 'two', 'three']) await t.rejects(source.read(id), { name: 'SyntaxError', message: 'its data is no JSON object' })
})

t.test('a table that is missing or another one is told with its name', async t => {
  const { url, connection } = await makeDatabase(t)
  await t.rejects(mysqlOf(t, url, 'nothing').check(), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: 'There is no table nothing with earlier sessions. Name it: fromExpress({ table: ... })' })
  await connection.query('CREATE TABLE sessions (token CHAR(43) PRIMARY KEY)')
  await t.rejects(mysqlOf(t, url).check(), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /^The table sessions is not one of earlier sessions: Unknown column/ })
  await t.rejects(mysqlOf(t, 'mysql://root@127.0.0.1:1/x').check(), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /the earlier sessions cannot be read/ })
})

t.test('a row of connect-mssql-v2 is read and ended', { skip: !runsOnSqlServer && 'SQL Server runs in test:all' }, async t => {
  const { config, query } = await makeSqlServer(t)
  await query(MSSQL_TABLE)
  await query(`INSERT INTO sessions (sid, session, expires) VALUES (N'one', N'${DATA}', DATEADD(hour, 1, GETUTCDATE()))`)
  const source = new ExpressMssql(config, TIMEOUT)
  t.teardown(async () => { await source.close() })
  await source.check()
  const found = await source.read('one')
  t.match(found, { data: { user: 'ada' } })
  const left = Number(found?.expires) - Date.now()
  t.ok(left > 3_500_000 && left <= 3_601_000, String(left))
  t.equal(await source.read('two'), undefined)
  await source.end('one')
  t.equal(await source.read('one'), undefined)
  const other = new ExpressMssql(config, TIMEOUT, 'nothing')
  t.teardown(async () => { await other.close() })
  await t.rejects(other.check(), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: 'There is no table nothing with earlier sessions. Name it: fromExpress({ table: ... })' })
})

/** A store as many are: it keeps JSON, and calls back later. */
function makeStore () {
  const rows = new Map<string, string>()
  const store: ExpressStore = {
    get: (id, callback) => { setImmediate(() => { callback(null, (rows.has(id) ? JSON.parse(rows.get(id) as string) : null) as never) }) },
    set: (id, session, callback) => { rows.set(id, JSON.stringify(session)); setImmediate(callback) },
    destroy: (id, callback) => { rows.delete(id); setImmediate(callback) }
  }
  return { store, rows }
}

t.test('connectStore keeps sessions in a store for express-session: as text, with the expiry in its cookie', async t => {
  const { store, rows } = makeStore()
  const site = await startSite(t, { store: connectStore(store) })
  const browser = site.browser()
  await browser.visit(session => { session.put('user', 'ada'); session.put('since', new Date(0)) })
  t.same((await browser.visit(session => session.data())).value, { user: 'ada', since: new Date(0) })
  const [kept] = [...rows.values()].map(row => JSON.parse(row) as { cookie: { expires: string, maxAge: number }, text: string })
  t.match(kept?.text, /^FSS1 .*"user":"ada"/s)
  t.ok(Math.abs(Date.parse(String(kept?.cookie.expires)) - Date.now() - 24 * 3_600_000) < 60_000)
  await browser.visit(async session => { await session.destroy() })
  t.equal(rows.size, 0)
})

t.test('connectStore keeps bytes that are no text', async t => {
  const { store, rows } = makeStore()
  const connected = connectStore(store)
  const data = Buffer.from([0xff, 0, 0xfe])
  await connected.commit('token', data, new Date(Date.now() + 1000))
  t.same(await connected.find('token'), data)
  t.match([...rows.values()][0], /"bytes":"/)
  rows.set('other', '{"cookie":{}}')
  t.equal(await connected.find('other'), null)
})

t.test('what such a store fails with reaches the request as a 503; ENOENT is no session', async t => {
  const { store } = makeStore()
  const failing: ExpressStore = { ...store, get: (_id, callback) => { callback(Object.assign(new Error('gone'), { code: 'ENOENT' })) }, set: async () => { throw new Error('connection lost') } }
  const site = await startSite(t, { store: connectStore(failing) })
  const browser = site.browser()
  browser.jar.set('session', 'x'.repeat(43))
  t.same((await browser.visit(session => session.data())).value, {})
  t.match((await browser.visit(session => { session.put('user', 'ada') })).response.json(), { statusCode: 503, code: 'FST_SESSION_STORE_UNAVAILABLE' })
})

t.test('connectStore refuses what is no store for express-session', async t => {
  t.throws(() => connectStore({} as ExpressStore), { code: 'FST_SESSION_INVALID_OPTION', message: 'connectStore needs a store of express-session, an object with the methods get, set and destroy, not another object' })
  await t.rejects(startSite(t, { store: makeStore().store as never }), { message: /A store for express-session goes through connectStore: write { store: connectStore\(store\) }/ })
})
