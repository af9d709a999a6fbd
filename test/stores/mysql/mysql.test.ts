import { randomBytes } from 'node:crypto'
import { once, type EventEmitter } from 'node:events'
import { register } from 'node:module'
import { createConnection, type RowDataPacket } from 'mysql2'
import { createConnection as createPromiseConnection } from 'mysql2/promise'
import t from 'tap'
import { makeDatabase, SCS_TABLE } from '../../support/database.js'
import { dataOf, HOUR, newSession, opened, poolFor, scsDatabase, whole } from '../../support/mysql-store.js'
import { mysqlStore, type MysqlSource } from '../../../stores/mysql/mysql.js'
import type { openPool } from '../../../stores/mysql/pool.js'
import { inspectServer } from '../../../stores/mysql/abilities.js'
import { plain } from '../../../stores/mysql/dialect.js'
import type { NewSession } from '../../../stores/store.js'

t.test('what does not fit into a BLOB is refused before it is sent, with the limit named', async t => {
  const { url, connection } = await scsDatabase(t)
  const pool = poolFor(t, { uri: url })
  pool.on('connection', other => { other.query('SET sql_mode = \'\'') })
  const store = await opened(t, pool)
  const fits = newSession(randomBytes(65_535))
  t.equal(await store.insert(fits), true)
  const tooLarge = newSession(randomBytes(65_536), fits.token)
  const refusal = { code: 'FST_SESSION_TOO_LARGE', message: 'A session of 65536 bytes does not fit: the limit is 65535 bytes (the column data of sessions). It was not saved' }
  await t.rejects(store.insert({ ...tooLarge, token: 'x'.repeat(43) }), refusal)
  await t.rejects(store.update({ ...tooLarge, seen: whole(fits.data) }), refusal)
  await t.rejects(store.rewrite([fits.token], () => [{ kind: 'update', session: tooLarge }]), refusal)
  const [rows] = await connection.query<RowDataPacket[]>('SELECT data FROM sessions')
  t.strictSame(rows.map(({ data }) => Buffer.compare(data as Buffer, fits.data)), [0], 'and nothing is cut')
})

t.test('a MEDIUMBLOB takes a megabyte', async t => {
  const { url } = await makeDatabase(t)
  const store = await opened(t, url, { createTable: true })
  const session = newSession(randomBytes(1_000_000))
  t.equal(await store.insert(session), true)
  const { sessions: [found] } = await store.find([session.token])
  t.equal(Buffer.compare(found?.data ?? Buffer.alloc(0), session.data), 0)
})

t.test('createTable makes the table once, under any name, and leaves one that is there alone', async t => {
  const { url, connection } = await makeDatabase(t)
  const session = newSession()
  for (const table of ['sessions', 'web `sessions`']) {
    await t.rejects(opened(t, url, { table, cleanupInterval: 0 }), { code: 'FST_SESSION_TABLE_MISSING', message: new RegExp(`no table ${table}.*schema/mysql.sql`) })
    await (await opened(t, url, { table, createTable: true })).insert(session)
    t.equal(await dataOf(await opened(t, url, { table, createTable: true }), session.token), 'data')
  }
  const [rows] = await connection.query<RowDataPacket[]>('SHOW TABLES')
  t.equal(rows.length, 2)
})

t.test('two processes that create the table at once both start', async t => {
  const { url } = await makeDatabase(t)
  const stores = await Promise.all([1, 2, 3].map(async () => await opened(t, url, { createTable: true })))
  const session = newSession()
  await stores[0]?.insert(session)
  for (const store of stores) t.equal(await dataOf(store, session.token), 'data')
})

const WRONG_TABLES: Array<[columns: string, message: RegExp]> = [
  ['token CHAR(43) PRIMARY KEY, data BLOB NOT NULL', /no column expiry.*expiry TIMESTAMP\(6\) is needed.*schema\/mysql\.sql/],
  ['data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL', /no column token/],
  ['token CHAR(43) PRIMARY KEY, expiry TIMESTAMP(6) NOT NULL', /no column data/],
  ['token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry INT NOT NULL', /expiry of type int/],
  ['token CHAR(42) CHARACTER SET utf8mb4 PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL', /token of type char\(42\)/],
  ['token INT PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL', /token of type int/],
  ['token CHAR(43) PRIMARY KEY, data TEXT NOT NULL, expiry TIMESTAMP(6) NOT NULL', /data of type text/],
  ['token CHAR(43) PRIMARY KEY, data BINARY(200) NOT NULL, expiry TIMESTAMP(6) NOT NULL', /data of type binary\(200\)/],
  ['token CHAR(43) NOT NULL, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL', /token of sessions is not its primary key/]
]
t.test('a table of another shape is told at the start', async t => {
  const { url, connection } = await makeDatabase(t)
  for (const [columns, message] of WRONG_TABLES) {
    await connection.query(`CREATE TABLE sessions (${columns})`)
    await t.rejects(opened(t, url, { createTable: true }), { code: 'FST_SESSION_STORE_MISCONFIGURED', message })
    await connection.query('DROP TABLE sessions')
  }
  await connection.query(SCS_TABLE.replace(')', ')').replace('NOT NULL);', 'NOT NULL) ENGINE = MyISAM;'))
  await t.rejects(opened(t, url), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /MyISAM.*ENGINE = InnoDB/ })
})

t.test('a URL without a database, and connections with autocommit off or few rows an answer, are told at the start', async t => {
  const { url, name } = await scsDatabase(t)
  await t.rejects(opened(t, url.replace(name, '')), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /No database is selected/ })
  const pool = poolFor(t, { uri: url })
  pool.on('connection', connection => { connection.query('SET autocommit = 0') })
  await t.rejects(opened(t, pool), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /autocommit/ })
  const limited = poolFor(t, { uri: url })
  limited.on('connection', connection => { connection.query('SET sql_select_limit = 1') })
  await t.rejects(opened(t, limited), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /sql_select_limit = 1,/ })
})

t.test('a server that cannot set the time zone of a statement needs connections of the store\'s own; a lost connection is told from that', async t => {
  const lost = new Error('read ECONNRESET')
  const answers = (error: Error) => async (text: string) => {
    if (text.includes('VERSION()')) return [['5.7.44', 1]]
    throw error
  }
  const syntax = Object.assign(new Error('syntax'), { errno: 1064 })
  await t.rejects(inspectServer(answers(syntax), false), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /5\.7\.44.*URL or options/ })
  t.match(await inspectServer(answers(syntax), true), { dialect: plain, countsRows: false, watchesReadOnly: false, warnings: [] })
  await t.rejects(inspectServer(answers(lost), true), lost)
})

t.test('a single connection in place of a pool is refused', async t => {
  const { url } = await makeDatabase(t)
  const pool = poolFor(t, { uri: url })
  const single = createConnection(url)
  const promised = await createPromiseConnection(url)
  const lent = await pool.promise().getConnection()
  for (const connection of [single, promised, lent, lent.connection]) {
    t.throws(() => mysqlStore(connection as unknown as MysqlSource), { code: 'FST_SESSION_INVALID_OPTION', message: /looks like a single connection/ })
  }
  lent.release()
  single.destroy()
  await promised.end()
})

t.test('without mysql2 the error says what to install', async t => {
  register(`data:text/javascript,${encodeURIComponent(`
    export async function resolve (name, context, next) {
      if (name === 'mysql2' && context.parentURL.endsWith('?without-driver')) throw Object.assign(new Error('not found'), { code: 'ERR_MODULE_NOT_FOUND' })
      return await next(name, context)
    }`)}`)
  const copy = await import(new URL('../../../stores/mysql/pool.js?without-driver', import.meta.url).href) as { openPool: typeof openPool }
  const missing = copy.openPool('mysql://127.0.0.1/sessions', 1000)
  await t.rejects(missing, { code: 'FST_SESSION_DRIVER_MISSING', message: /npm install mysql2/ })
})

t.test('nothing of the store\'s is left on the connections of a pool that is not its own', async t => {
  const { url } = await scsDatabase(t)
  const pool = poolFor(t, { uri: url, connectionLimit: 1 })
  const [[{ version }]] = await pool.promise().query('SELECT VERSION() AS version') as unknown as [[{ version: string }]]
  const isMariadb = version.includes('MariaDB')
  const state = async () => (await pool.promise().query(`SELECT @@time_zone, @@innodb_lock_wait_timeout, @@autocommit, @@sql_mode, ${isMariadb ? '@@tx_isolation, @@in_transaction' : '@@transaction_isolation'}`))[0]
  await pool.promise().query('SET time_zone = \'-03:00\'')
  await pool.promise().query('SELECT LAST_INSERT_ID(77)')
  const before = await state()
  const store = await opened(t, pool)
  const session = newSession()
  await store.insert(session)
  await store.update({ ...session, seen: whole(session.data) })
  await store.touch({ token: session.token, seen: whole(session.data), ttl: 2 * HOUR, atLeast: 0 })
  await store.rewrite([session.token], () => [{ kind: 'update', session }])
  await t.rejects(store.rewrite([session.token], () => { throw new Error('no') }), /no/)
  await store.deleteExpired(10)
  await store.delete(session.token)
  await store.close()
  t.strictSame(await state(), before)
  const [[{ id }]] = await pool.promise().query('SELECT LAST_INSERT_ID() AS id') as unknown as [[{ id: number }]]
  if (isMariadb) t.equal(id, 77)
})

t.test('what is written on a connection whose transaction somebody has left open is saved all the same', async t => {
  const { url } = await scsDatabase(t)
  const pool = poolFor(t, { uri: url, connectionLimit: 2 })
  const [store, other] = [await opened(t, pool), await opened(t, url)]
  const leave = async () => {
    const connections = await Promise.all([pool.promise().getConnection(), pool.promise().getConnection()])
    for (const connection of connections) await connection.query('START TRANSACTION')
    for (const connection of connections) connection.release()
  }
  const session = newSession()
  const later = { ...session, data: Buffer.from('later') }
  await leave()
  t.equal(await store.insert(session), true)
  t.match((await other.find([session.token])).sessions, [{ data: session.data }])
  await leave()
  t.strictSame(await store.update({ ...later, seen: whole(session.data) }), { kind: 'saved' })
  t.match((await other.find([session.token])).sessions, [{ data: later.data }])
  await leave()
  await store.rewrite([session.token], () => [{ kind: 'update', session }])
  t.match((await other.find([session.token])).sessions, [{ data: session.data }])
  await leave()
  await store.delete(session.token)
  t.strictSame((await other.find([session.token])).sessions, [])
})

t.test('the size of a scan\'s pages is checked', async t => {
  const { url } = await scsDatabase(t)
  const store = await opened(t, url)
  for (const size of [0, -1, 1.5, NaN]) {
    await t.rejects(async () => { for await (const session of store.scan(size)) t.fail(session.token) }, { code: 'FST_SESSION_INVALID_OPTION' })
  }
})

t.test('on a pool of one, a row that somebody has locked for a while holds up its own session for no longer', async t => {
  const { url, connection } = await scsDatabase(t)
  const pool = poolFor(t, { uri: url, connectionLimit: 1 })
  const store = await opened(t, pool, { storeTimeout: 2000 })
  const session = newSession()
  await store.insert(session)
  await connection.query('START TRANSACTION; SELECT * FROM sessions FOR UPDATE')
  const waiting = t.rejects(store.update({ ...newSession('late', session.token), seen: whole(session.data) }), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  await waiting
  await connection.query('ROLLBACK')
  t.match(await dataOf(store, session.token), /^(data|late)$/)
  t.equal(await store.insert(newSession()), true, 'and the pool goes on')
})

t.test('the cleanup deletes what has expired, reports no error, and no error when it is closed meanwhile', async t => {
  const { url, connection } = await scsDatabase(t)
  await connection.query('INSERT INTO sessions SELECT LEFT(SHA2(1, 256), 40), \'x\', UTC_TIMESTAMP() - INTERVAL 1 DAY')
  for (let rows = 1; rows < 2000; rows *= 2) {
    await connection.query(`INSERT INTO sessions SELECT LEFT(SHA2(CONCAT(token, ${rows}), 256), 40), data, expiry FROM sessions`)
  }
  const errors: unknown[] = []
  const store = mysqlStore(url, { cleanupInterval: 1 })
  await store.open({ warn: details => { errors.push(details) }, error: details => { errors.push(details) } })
  const left = async () => {
    const [[row]] = await connection.query('SELECT COUNT(*) AS n FROM sessions') as unknown as [[{ n: number }]]
    return row.n
  }
  while (await left() === 2048 && errors.length === 0) await store.find([])
  await store.close()
  t.strictSame(errors, [])
  const rest = await left()
  t.ok(rest < 2048)
  t.equal(rest, await left(), 'it stays closed')
})

t.test('on a pool of one, a lock that is gone when the wait for it is to be ended does no harm', async t => {
  const { url, connection } = await scsDatabase(t)
  const pool = poolFor(t, { uri: url, connectionLimit: 1 })
  const store = await opened(t, pool)
  const sessions = [newSession(), newSession()]
  await Promise.all(sessions.map(async session => await store.insert(session)))
  await connection.query('START TRANSACTION; SELECT * FROM sessions FOR UPDATE')
  const outcomes = Promise.all(sessions.map(async session => await store.update({ ...session, data: Buffer.from('next'), seen: whole(session.data) })))
  // MariaDB ends the wait by itself, and the store gives its connection back. For others it asks for a second one, to end it.
  await Promise.race(['release', 'enqueue'].map(async event => await once(pool as unknown as EventEmitter, event)))
  await connection.query('ROLLBACK')
  t.strictSame(await outcomes, [{ kind: 'saved' }, { kind: 'saved' }])
  t.equal(await store.insert(newSession()), true, 'and the pool goes on')
})

t.test('of a small table only the rows that are concerned are locked', async t => {
  const { url, connection } = await scsDatabase(t)
  const pool = poolFor(t, { uri: url })
  const store = await opened(t, pool)
  const sessions = Array.from({ length: 60 }, () => newSession())
  await Promise.all(sessions.map(async session => await store.insert(session)))
  await connection.query('ANALYZE TABLE sessions')
  const [locked, ...others] = sessions as [NewSession, ...NewSession[]]
  await connection.query('START TRANSACTION')
  await connection.query('SELECT * FROM sessions WHERE token = ? FOR UPDATE', [locked.token])
  let statements = 0
  pool.on('acquire', () => { statements++ })
  const outcomes = await Promise.all(others.map(async session => await store.update({ ...newSession('next', session.token), seen: whole(session.data) })))
  t.strictSame(outcomes, others.map(() => ({ kind: 'saved' })))
  t.ok(statements <= 5, `${statements} statements: no batch had to be taken apart`)
  await store.rewrite(others.slice(0, 50).map(({ token }) => token), () => [])
  await connection.query('ROLLBACK')
})
