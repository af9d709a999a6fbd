import { randomBytes } from 'node:crypto'
import { once, type EventEmitter } from 'node:events'
import { register } from 'node:module'
import { setTimeout as sleep } from 'node:timers/promises'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { createConnection, createPool, type Pool, type PoolOptions, type RowDataPacket } from 'mysql2'
import { createConnection as createPromiseConnection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { makeDatabase, SCS_TABLE, type Database } from '../../support/database.js'
import { startServer } from '../../support/mysql-server.js'
import { mysqlStore, type MysqlSource, type MysqlStoreOptions } from '../../../stores/mysql/mysql.js'
import type { openPool } from '../../../stores/mysql/pool.js'
import { inspectServer } from '../../../stores/mysql/abilities.js'
import { plain } from '../../../stores/mysql/dialect.js'
import type { NewSession, Outcome, SessionStore, StoredSession } from '../../../stores/store.js'

const HOUR = 3_600_000
const quiet = { warn () {}, error () {} }
const newSession = (data: string | Uint8Array = 'data', token = randomBytes(32).toString('base64url')): NewSession => ({ token, data: Buffer.from(data), ttl: HOUR })
const whole = (data: Uint8Array) => ({ bytes: data, whole: true })

async function opened (t: Test, source: MysqlSource, options: MysqlStoreOptions = {}): Promise<SessionStore> {
  const store = mysqlStore(source, { cleanupInterval: 0, ...options })
  t.teardown(async () => { await store.close() })
  await store.open(quiet)
  return store
}

async function scsDatabase (t: Test): Promise<Database> {
  const database = await makeDatabase(t)
  await database.connection.query(SCS_TABLE)
  return database
}

function poolFor (t: Test, options: PoolOptions): Pool {
  const pool = createPool(options)
  t.teardown(async () => { await pool.promise().end() })
  return pool
}

async function dataOf (store: SessionStore, token: string): Promise<string | undefined> {
  const { sessions: [session] } = await store.find([token])
  return session === undefined ? undefined : Buffer.from(session.data).toString()
}

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

t.test('what the server takes no packet for is refused, and many large sessions go in several statements', async t => {
  const server = await startServer(['--max-allowed-packet=256K'])
  t.teardown(async () => { await server.stop() })
  const admin = await createPromiseConnection({ uri: server.url(), multipleStatements: true })
  await admin.query('CREATE DATABASE sessions')
  await admin.end()
  const store = await opened(t, server.url('sessions'), { createTable: true })
  await t.rejects(store.insert(newSession(randomBytes(300_000))), { code: 'FST_SESSION_TOO_LARGE', message: /max_allowed_packet/ })
  const sizes = [200_000, ...Array.from({ length: 20 }, () => 60_000), ...Array.from({ length: 32 }, () => 100), 220_000]
  const sessions = sizes.map(size => newSession(randomBytes(size)))
  t.strictSame(await Promise.all(sessions.map(async session => await store.insert(session))), sessions.map(() => true))
  const changes = sessions.map(({ token, data }) => newSession(randomBytes(data.length), token))
  const outcomes = await Promise.all(changes.map(async (change, i) => await store.update({ ...change, seen: { bytes: sessions[i]?.data.subarray(0, 20) ?? change.data, whole: false } })))
  t.strictSame(outcomes, changes.map(() => ({ kind: 'saved' })))
  for (const { token, data } of changes) t.equal(Buffer.compare((await store.find([token])).sessions[0]?.data ?? Buffer.alloc(0), data), 0)
})

t.test('where the expiry would set itself with every update, sessions live', async t => {
  const server = await startServer(['--explicit-defaults-for-timestamp=OFF'])
  t.teardown(async () => { await server.stop() })
  const admin = await createPromiseConnection({ uri: server.url(), multipleStatements: true })
  await admin.query(`CREATE DATABASE a; CREATE DATABASE b; USE a; ${SCS_TABLE}`)
  const [[scs]] = await admin.query<RowDataPacket[]>('SHOW CREATE TABLE sessions') as unknown as [[{ 'Create Table': string }]]
  t.match(scs['Create Table'], /ON UPDATE/i, 'the table of SCS is like that here')
  for (const database of ['a', 'b']) {
    const store = await opened(t, server.url(database), { createTable: true })
    const session = newSession()
    await store.insert(session)
    t.same(await store.update({ ...session, data: Buffer.from('next'), seen: whole(session.data) }), { kind: 'saved' })
    await store.rewrite([session.token], () => [{ kind: 'update', session: { ...session, data: Buffer.from('last') } }])
    t.equal(await dataOf(store, session.token), 'last')
  }
  const ours = newSession()
  await (await opened(t, server.url('b'))).insert(ours)
  await admin.query('UPDATE b.sessions SET data = ? WHERE token = ?', ['by hand', ours.token])
  t.equal(await dataOf(await opened(t, server.url('b')), ours.token), 'by hand', 'our own table never sets it')
  await admin.end()
})

t.test('the rights that the README asks for are enough', async t => {
  const server = await startServer()
  t.teardown(async () => { await server.stop() })
  const admin = await createPromiseConnection({ uri: server.url(), multipleStatements: true })
  await admin.query('CREATE DATABASE shop; CREATE USER app@\'127.0.0.1\' IDENTIFIED BY \'secret\'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON shop.sessions TO app@\'127.0.0.1\'')
  const url = `mysql://app:secret@127.0.0.1:${server.port}/shop`
  await opened(t, url, { createTable: true })
  await admin.query('REVOKE CREATE ON shop.sessions FROM app@\'127.0.0.1\'')
  const errors: unknown[] = []
  const store = mysqlStore(url, { cleanupInterval: 1 })
  await store.open({ warn: details => { errors.push(details) }, error: details => { errors.push(details) } })

  const [session, renewed] = [newSession(), newSession()]
  await store.insert({ ...newSession(), ttl: 1 })
  await store.insert(session)
  t.same(await store.update({ ...session, seen: whole(session.data) }), { kind: 'saved' })
  await store.touch({ token: session.token, seen: whole(session.data), ttl: 2 * HOUR, atLeast: 0 })
  await store.rewrite([session.token], () => [{ kind: 'move', token: session.token, to: renewed.token }, { kind: 'insert', session: renewed }])
  const tokens: string[] = []
  for await (const { token } of store.scan()) tokens.push(token)
  t.strictSame(tokens, [renewed.token])
  await store.delete(session.token)
  t.equal(await dataOf(store, renewed.token), undefined)
  // The cleanup runs by itself.
  const rows = async () => (await admin.query<RowDataPacket[]>('SELECT token FROM shop.sessions WHERE token <> ?', [session.token]))[0].length
  for (let i = 0; i < 1000 && await rows() > 0; i++) await store.find([])
  t.equal(await rows(), 0)
  await store.close()
  await admin.end()
  t.strictSame(errors, [])
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

t.test('a URL without a database, and connections with autocommit off, are told at the start', async t => {
  const { url, name } = await scsDatabase(t)
  await t.rejects(opened(t, url.replace(name, '')), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /No database is selected/ })
  const pool = poolFor(t, { uri: url })
  pool.on('connection', connection => { connection.query('SET autocommit = 0') })
  await t.rejects(opened(t, pool), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /autocommit/ })
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

t.test('eight stores that count on few rows at once: as many are saved as were counted', async t => {
  const { url } = await scsDatabase(t)
  const stores = await Promise.all(Array.from({ length: 8 }, async () => await opened(t, url)))
  const counters = Array.from({ length: 5 }, () => newSession(`${randomBytes(8).toString('hex')} 0`))
  for (const counter of counters) await stores[0]?.insert(counter)
  let saved = 0
  await Promise.all(stores.flatMap(store => counters.map(async ({ token }) => {
    for (let i = 0; i < 20; i++) {
      const { sessions: [found] } = await store.find([token])
      const data = Buffer.from((found as StoredSession).data)
      const next = Buffer.from(`${randomBytes(8).toString('hex')} ${Number(data.subarray(17)) + 1}`)
      const outcome: Outcome = await store.update({ token, data: next, ttl: HOUR, seen: { bytes: data.subarray(0, 16), whole: false } })
      if (outcome.kind === 'saved') saved++
    }
  })))
  const texts = await Promise.all(counters.map(async ({ token }) => await dataOf(stores[0] as SessionStore, token)))
  t.equal(texts.reduce((sum, text) => sum + Number(text?.slice(17)), 0), saved)
  t.ok(saved >= 5 * 20, 'somebody was first each time')
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

t.test('a scan of a hundred thousand sessions holds a few pages of them, whatever is in their rows', async t => {
  const { url, connection } = await scsDatabase(t)
  await connection.query('INSERT INTO sessions VALUES (LEFT(SHA2(0, 256), 40), REPEAT(\'x\', 500), UTC_TIMESTAMP() + INTERVAL 2 DAY)')
  for (let rows = 1; rows < 100_000; rows *= 2) {
    await connection.query(`INSERT INTO sessions SELECT LEFT(SHA2(CONCAT(token, ${rows}), 256), 40), data, expiry FROM sessions`)
  }
  await connection.query('UPDATE sessions SET data = 0xff00fe WHERE token LIKE \'7%\' LIMIT 10')
  const store = await opened(t, url)
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const used = () => {
    collectGarbage()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return arrayBuffers + heapUsed
  }
  let [count, damaged, most, previous] = [0, 0, 0, '']
  const before = used()
  for await (const { token, data } of store.scan(500)) {
    if (token <= previous) t.fail('in order')
    previous = token
    if (data.length === 3) damaged++
    if (++count % 10_000 === 0) most = Math.max(most, used() - before)
  }
  t.equal(count, 131_072)
  t.equal(damaged, 10)
  t.ok(most < 20e6, `${Math.round(most / 1e6)} of 80 MB`)
})

t.test('the size of a scan\'s pages is checked', async t => {
  const { url } = await scsDatabase(t)
  const store = await opened(t, url)
  for (const size of [0, -1, 1.5, NaN]) {
    await t.rejects(async () => { for await (const session of store.scan(size)) t.fail(session.token) }, { code: 'FST_SESSION_INVALID_OPTION' })
  }
})

for (const connectionLimit of [1, 2, 3, 10]) {
  t.test(`a pool of ${connectionLimit} is enough, and no more than half of it is used at once`, async t => {
    const { url, connection } = await scsDatabase(t)
    const pool = poolFor(t, { uri: url, connectionLimit })
    let [lent, most] = [0, 0]
    pool.on('acquire', () => { most = Math.max(most, ++lent) })
    pool.on('release', () => { lent-- })
    await connection.query('INSERT INTO sessions SELECT LEFT(SHA2(1, 256), 40), \'x\', UTC_TIMESTAMP() - INTERVAL 1 DAY')
    for (let rows = 1; rows < 4000; rows *= 2) {
      await connection.query(`INSERT INTO sessions SELECT LEFT(SHA2(CONCAT(token, ${rows}), 256), 40), data, expiry FROM sessions`)
    }
    const store = await opened(t, pool, { cleanupInterval: 1 })
    const work = async () => {
      const session = newSession()
      t.equal(await store.insert(session), true)
      const next = newSession('next', session.token)
      t.same(await store.update({ ...next, seen: whole(session.data) }), { kind: 'saved' })
      await store.rewrite([session.token], () => [{ kind: 'update', session }])
      t.equal(await dataOf(store, session.token), 'data')
      await store.deleteExpired(1)
      await store.delete(session.token)
    }
    await Promise.all(Array.from({ length: 20 }, work))
    // The cleanup has come to an end when nothing that is expired is left.
    for (let left = 1, rounds = 0; left > 0; rounds++) {
      if (rounds === 1000) t.fail('it does not end')
      const [[row]] = await connection.query('SELECT COUNT(*) AS n FROM sessions') as unknown as [[{ n: number }]]
      left = row.n
      await work()
    }
    await store.close()
    t.ok(most <= Math.max(1, connectionLimit >> 1), `${most} of ${connectionLimit}`)
  })
}

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
  // Where the server does not end the wait by itself the store asks for a connection to do it on. (MariaDB does, in a second.)
  await Promise.race([once(pool as unknown as EventEmitter, 'enqueue'), sleep(1200)])
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
