import { once } from 'node:events'
import { createServer, type AddressInfo } from 'node:net'
import t, { type Test } from 'tap'
import type { SessionOptions, StoreLog } from '../../../plugin/index.js'
import { hashToken, newToken } from '../../../plugin/token.js'
import { mssqlStore, type MssqlStoreOptions } from '../../../stores/mssql/mssql.js'
import type { SessionStore } from '../../../stores/store.js'
import { dataOf, makeApplication, newSession, type Application, type Deed } from '../../support/application.js'
import { frontOnly, makeFront, makeSqlServer, mssqlOptions, type SqlServer } from '../../support/sql-server.js'
import { mssql, type MssqlPool } from '../../tds/mssql-driver.js'

const HOUR = 3_600_000
const silent: StoreLog = { warn: () => {}, error: () => {} }
const read: Deed = ({ session }) => String(session.get('user'))
const change: Deed = ({ session }) => { session.update('n', n => Number(n ?? 0) + 1); return 'ok' }

const unhandled: unknown[] = []
process.on('unhandledRejection', reason => { unhandled.push(reason) })
t.teardown(() => { if (unhandled.length > 0) throw new Error(`rejections were not handled: ${unhandled.join('; ')}`) })

/** A store that is open, and is closed with the test. */
async function openStore (t: Test, server: SqlServer, options: MssqlStoreOptions = {}): Promise<SessionStore> {
  const store = mssqlStore(server.config, { createTable: true, cleanupInterval: 0, storeTimeout: 60_000, ...options })
  t.teardown(async () => { await store.close() })
  await store.open(silent)
  return store
}

function poolFor (t: Test, config: object): MssqlPool {
  const pool = new mssql.ConnectionPool(config)
  pool.on('error', () => {})
  t.teardown(async () => { await pool.close() })
  return pool
}

const session = (text = 'data', token = newToken()) => ({ token, data: Buffer.from(`${newToken().slice(0, 16)}${text}`), ttl: HOUR })
const seen = ({ data }: { data: Buffer }) => ({ bytes: data, whole: true })

async function onFront (t: Test, options: SessionOptions = {}) {
  const server = await makeFront(t)
  const application = makeApplication(t, { ...mssqlOptions(server), ...options })
  await application.app.ready()
  return { server, front: server.front, application }
}

async function works (t: Test, application: Application, token: string): Promise<void> {
  t.equal((await application.visit(token, read)).body, 'ada', 'the next request is served')
}

t.test('every parameter has the type of its column on the wire', frontOnly, async t => {
  const server = await makeFront(t)
  const store = await openStore(t, server)
  const sessions = Array.from({ length: 5 }, (_, i) => session(String(i)))
  await Promise.all(sessions.map(async one => await store.insert(one)))
  await Promise.all(sessions.map(async ({ token }) => await store.find([token])))
  await Promise.all(sessions.map(async one => await store.update({ ...one, seen: seen(one) })))
  await Promise.all(sessions.map(async one => { await store.touch({ ...one, seen: seen(one), ttl: 2 * HOUR, atLeast: 0 }) }))
  await store.touch({ ...sessions[0] as typeof sessions[0], seen: seen(sessions[0] as typeof sessions[0]), ttl: 2 * HOUR, atLeast: 0 })
  const [first, second, third] = sessions as [typeof sessions[0], typeof sessions[0], typeof sessions[0]]
  const renewed = session('renewed')
  await store.rewrite([first.token, second.token, third.token], () => [
    { kind: 'insert', session: renewed }, { kind: 'move', token: first.token, to: renewed.token }, { kind: 'update', session: second }, { kind: 'delete', token: third.token }
  ])
  for await (const one of store.scan(2)) t.ok(one.token)
  await store.deleteExpired(10)
  await Promise.all(sessions.map(async ({ token }) => { await store.delete(token) }))

  const types: Record<string, RegExp> = {
    t: /^Char\(43\)$/,
    rows: /^VarChar\(8000\)$/,
    data: /^VarBinary\(max\)$/,
    seen: /^VarBinary\(max\)$/,
    name: /^NVarChar/,
    s: /^Int$/,
    ms: /^Int$/,
    leastS: /^Int$/,
    leastMs: /^Int$/,
    len: /^Int$/,
    n: /^Int$/
  }
  const kinds = new Set<string>()
  for (const { sql, params } of server.front.statements) {
    for (const { name, type } of params) {
      const kind = name.replace(/^@/, '').replace(/\d+$/, '')
      kinds.add(kind)
      t.match(type, types[kind] ?? /$^/, `@${name} of ${sql.slice(0, 60)}`)
      if (/^NVarChar/i.test(type)) t.match(sql, /OBJECT_ID\(/, 'a name, not a token')
    }
  }
  t.strictSame([...kinds].sort(), Object.keys(types).sort(), 'all kinds were sent')
})

t.test('the server is down at the start, and up later', frontOnly, async t => {
  const server = await makeFront(t)
  await server.front.down()
  const application = makeApplication(t, { ...mssqlOptions(server), storeTimeout: 10_000 })
  await application.app.ready()
  t.match(application.log.map(({ msg }) => msg), [/cannot be reached/])
  const { status, body } = await application.visit(newToken(), read)
  t.equal(status, 503)
  t.match(JSON.parse(body), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  await server.front.up()
  await works(t, application, await newSession(application))
})

t.test('a pool of the user\'s that could not connect is connected when the server is up', frontOnly, async t => {
  const server = await makeFront(t)
  await server.front.down()
  const pool = poolFor(t, server.config)
  const application = makeApplication(t, { ...mssqlOptions(server), mssql: pool as never, storeTimeout: 10_000 })
  await application.app.ready()
  t.equal((await application.visit(newToken(), read)).status, 503)
  await server.front.up()
  await works(t, application, await newSession(application))
})

for (const whose of ['its own', 'the user\'s, whose errors nobody listens to']) {
  t.test(`the server is killed while requests wait in a pool, ${whose}: they are refused, and it recovers`, frontOnly, async t => {
    const server = await makeFront(t)
    const { front } = server
    const pool = whose === 'its own' ? server.config : new mssql.ConnectionPool(server.config)
    const application = makeApplication(t, { ...mssqlOptions(server), mssql: pool as never, storeTimeout: 10_000 })
    const token = await newSession(application)
    front.faults.delay(60_000, /SELECT token/)
    const sent = front.statements.length
    const visits = Array.from({ length: 10 }, async () => await application.visit(token, read))
    while (front.statements.length === sent) await new Promise(resolve => setImmediate(resolve))
    await front.down()
    for (const { status } of await Promise.all(visits)) t.equal(status, 503)
    front.faults.reset()
    await front.up()
    await works(t, application, token)
    await application.app.close()
    if (pool instanceof mssql.ConnectionPool) await pool.close()
  })
}

for (const how of ['a config', 'a connection string']) {
  t.test(`an application whose server accepts connections and says nothing is closed, and leaves no connection (${how})`, async t => {
    const server = createServer(socket => { socket.resume().on('error', () => {}) }).listen(0, '127.0.0.1')
    await once(server, 'listening')
    const { port } = server.address() as AddressInfo
    // The driver is still trying when the application is closed.
    const mssql = how === 'a config'
      ? { server: '127.0.0.1', port, user: 'a', password: 'b', connectionTimeout: 1000, options: { encrypt: false } }
      : `Server=127.0.0.1,${port};User Id=a;Password=b;Encrypt=false;Connection Timeout=1`
    const application = makeApplication(t, { store: 'mssql', mssql, storeTimeout: 200 })
    await application.app.ready()
    t.match(application.log, [{ msg: /cannot be reached/ }])
    await application.app.close()
    server.close()
    await once(server, 'close')
  })
}

for (const number of [18456, 4060]) {
  t.test(`a login that is refused with ${number} fails the start, and says so`, frontOnly, async t => {
    const server = await makeFront(t)
    server.front.faults.refuseLogins(number)
    const application = makeApplication(t, mssqlOptions(server))
    await t.rejects(async () => { await application.app.ready() }, { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /user, password or database/ })
  })
}

t.test('a database that is not available yet is waited for, and not taken for a refusal', frontOnly, async t => {
  const server = await makeFront(t)
  server.front.faults.refuseLogins(40613)
  const application = makeApplication(t, { ...mssqlOptions(server), storeTimeout: 10_000 })
  await application.app.ready()
  t.equal((await application.visit(newToken(), read)).status, 503)
  server.front.faults.refuseLogins(null)
  await works(t, application, await newSession(application))
})

t.test('a slow server is answered 503, and its connection is used again', frontOnly, async t => {
  const server = await makeFront(t)
  const { front } = server
  const pool = poolFor(t, server.config)
  const application = makeApplication(t, { ...mssqlOptions(server), mssql: pool as never, storeTimeout: 5000 })
  const token = await newSession(application)
  const { connections } = front
  front.faults.delay(60_000, /SELECT token/)
  t.equal((await application.visit(token, read)).status, 503)
  front.faults.reset()
  // The driver takes the slow statement back, and hands the connection in when the server has agreed.
  while (pool.borrowed > 0) await new Promise(resolve => setImmediate(resolve))
  await works(t, application, token)
  t.equal(front.connections, connections, 'no further connection')
})

t.test('when the user\'s pool has no free connection, calls are refused, and what they wanted is not done later', frontOnly, async t => {
  const server = await makeFront(t)
  const { statements } = server.front
  const pool = poolFor(t, { ...server.config, pool: { max: 4 } })
  const store = mssqlStore(pool as never, { createTable: true, cleanupInterval: 0, storeTimeout: 5000 })
  await store.open(silent)
  const theirs = Array.from({ length: 4 }, () => new mssql.Transaction(pool))
  for (const transaction of theirs) await transaction.begin()
  statements.length = 0
  const refused = { code: 'FST_SESSION_STORE_UNAVAILABLE' }
  await Promise.all([
    t.rejects(store.insert(session()), refused),
    t.rejects(store.rewrite([newToken()], () => [{ kind: 'insert', session: session() }]), refused)
  ])
  // It waits until both are given up.
  await store.close()
  t.ok(pool.pending > 0)
  for (const transaction of theirs) await transaction.rollback()
  while (pool.borrowed > 0 || pool.pending > 0) await new Promise(resolve => setImmediate(resolve))
  t.strictSame(statements.filter(({ sql }) => /INSERT/.test(sql)), [])
})

t.test('a transaction that was given up is undone as soon as the server lets its statement go', frontOnly, async t => {
  const server = await makeFront(t)
  const pool = poolFor(t, server.config)
  const store = mssqlStore(pool as never, { createTable: true, cleanupInterval: 0, storeTimeout: 5000 })
  await store.open(silent)
  const [one, other] = [session(), session()]
  await store.insert(one)
  await store.insert(other)
  server.front.faults.delay(60_000, /SELECT token/)
  server.front.faults.deafen()
  // It has locked both rows when it is held up.
  await t.rejects(store.rewrite([one.token, other.token], () => []), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  // It waits until that is given up.
  await store.close()
  t.equal(pool.borrowed, 1)
  server.front.faults.hear()
  while (pool.borrowed > 0) await new Promise(resolve => setImmediate(resolve))
  t.equal(server.front.statements.at(-1)?.sql, 'ROLLBACK TRANSACTION')
  await pool.request().query('UPDATE sessions SET expiry = expiry')
})

for (const [what, match, deed] of [
  ['a read', /SELECT token/, read], ['a save', /UPDATE .* SET data/, change], ['a renewal', /INSERT/, ({ session }) => { session.renewToken(); return 'ok' }],
  ['a sign-out', /DELETE/, async ({ session }) => { await session.destroy(); return 'ok' }]
] as ReadonlyArray<readonly [string, RegExp, Deed]>) {
  t.test(`${what} that was a deadlock's victim is repeated`, frontOnly, async t => {
    const { front, application } = await onFront(t)
    const token = await newSession(application)
    front.faults.failStatement(1, 1205, match)
    t.equal((await application.visit(token, deed)).status, 200)
    t.equal(front.statements.filter(({ error }) => error === 1205).length, 1)
    t.strictSame(application.log, [])
  })

  for (const fault of ['dropBefore', 'dropMidPacket'] as const) {
    t.test(`${what} whose connection was lost ${fault === 'dropBefore' ? 'before' : 'after'} it was carried out is done, once`, frontOnly, async t => {
      const { server, front, application } = await onFront(t)
      const token = await newSession(application, { user: 'ada', n: 1 })
      front.faults[fault](1, match)
      const visit = await application.visit(token, deed)
      t.equal(visit.status, 200)
      if (deed === change) t.strictSame(await dataOf(application, token), { user: 'ada', n: 2 })
      if (visit.token) t.strictSame(await dataOf(application, visit.token), { user: 'ada', n: 1 })
      const live = await server.query('SELECT token FROM sessions WHERE expiry > SYSUTCDATETIME()')
      t.equal(live.length, what === 'a sign-out' ? 0 : 1)
    })
  }
}

t.test('a new session whose answer was lost is there once', frontOnly, async t => {
  const { server, front, application } = await onFront(t)
  front.faults.dropMidPacket(1, /INSERT/)
  const token = await newSession(application)
  t.strictSame(await dataOf(application, token), { user: 'ada' })
  t.strictSame(await server.query('SELECT token FROM sessions'), [{ token: hashToken(token) }])
})

for (const fault of ['dropBefore', 'dropMidPacket'] as const) {
  t.test(`a renewal whose COMMIT was ${fault === 'dropBefore' ? 'lost' : 'carried out, its answer lost,'} ends with one live session`, frontOnly, async t => {
    const { server, front, application } = await onFront(t)
    const token = await newSession(application)
    front.faults[fault](1, /COMMIT/)
    const visit = await application.visit(token, ({ session }) => { session.renewToken(); return 'ok' })
    t.equal(visit.status, 200)
    t.strictSame(await dataOf(application, visit.token), { user: 'ada' })
    t.equal((await server.query('SELECT token FROM sessions WHERE expiry > SYSUTCDATETIME()')).length, 1)
  })
}

t.test('answers in packets of a byte are understood', frontOnly, async t => {
  const { front, application } = await onFront(t)
  front.faults.splitPackets(1)
  const token = await newSession(application)
  await application.visit(token, change)
  t.strictSame(await dataOf(application, token), { user: 'ada', n: 1 })
})

t.test('a row that somebody has locked is waited for, no longer than the timeout', async t => {
  const server = await makeSqlServer(t)
  const application = makeApplication(t, { ...mssqlOptions(server), storeTimeout: 6000 })
  const token = await newSession(application)
  const transaction = new mssql.Transaction(await poolFor(t, server.config).connect())
  await transaction.begin()
  await new mssql.Request(transaction).query(`UPDATE sessions SET expiry = expiry WHERE token = '${hashToken(token)}'`)
  const refused = await application.visit(token, change)
  t.equal(refused.status, 503)
  await transaction.rollback()
  t.equal((await application.visit(token, change)).status, 200)
})

t.test('of sessions that are read in one statement only the one whose row is locked waits', async t => {
  const server = await makeSqlServer(t)
  const application = makeApplication(t, { ...mssqlOptions(server), storeTimeout: 3000 })
  const tokens = await Promise.all(Array.from({ length: 8 }, async () => await newSession(application)))
  const [locked, ...others] = tokens as [string, ...string[]]
  const transaction = new mssql.Transaction(await poolFor(t, server.config).connect())
  await transaction.begin()
  await new mssql.Request(transaction).query(`UPDATE sessions SET expiry = expiry WHERE token = '${hashToken(locked)}'`)
  const waiting = [locked, locked, locked].map(async token => await application.visit(token, read))
  for (const { status } of await Promise.all(others.map(async token => await application.visit(token, read)))) t.equal(status, 200, 'in the same statement')
  for (const { status } of await Promise.all(others.map(async token => await application.visit(token, read)))) t.equal(status, 200, 'afterwards')
  const isSnapshot = (await Promise.all(waiting)).every(({ status }) => status === 200)
  t.ok(isSnapshot || (await Promise.all(waiting)).every(({ status }) => status === 503))
  await transaction.rollback()
  await works(t, application, locked)
})

t.test('a pool of the user\'s works after the application is closed; the store\'s own is closed, and leaves nothing', async t => {
  const server = await makeSqlServer(t)
  await server.query('SELECT 1 AS one')
  const pool = poolFor(t, server.config)
  const application = makeApplication(t, { ...mssqlOptions(server), mssql: pool as never })
  await newSession(application)
  await application.app.close()
  t.strictSame((await pool.request().query('SELECT 1 AS one')).recordset, [{ one: 1 }])
  await pool.close()

  const others = 'SELECT COUNT(*) AS n FROM sys.dm_exec_sessions WHERE database_id = DB_ID() AND session_id <> @@SPID'
  const own = makeApplication(t, { ...mssqlOptions(server), cleanupInterval: 1000 })
  await newSession(own)
  const { front } = server
  const count = async () => front === undefined ? Number((await server.query(others))[0]?.['n']) : front.connections - 1
  t.ok(await count() > 0)
  await own.app.close()
  for (let i = 0; i < 5000 && await count() > 0; i++) await new Promise(resolve => setImmediate(resolve))
  t.equal(await count(), 0)
})

t.test('createTable makes the table, twice and by several at once', async t => {
  const server = await makeSqlServer(t)
  await Promise.all([openStore(t, server), openStore(t, server), openStore(t, server)])
  const store = await openStore(t, server)
  const one = session()
  await store.insert(one)
  t.equal((await (await openStore(t, server)).find([one.token])).sessions.length, 1)
})

t.test('a missing table fails the start, and the error names the file that makes it', async t => {
  const server = await makeSqlServer(t)
  const application = makeApplication(t, { ...mssqlOptions(server), createTable: false })
  await t.rejects(async () => { await application.app.ready() }, { code: 'FST_SESSION_TABLE_MISSING', message: /schema\/mssql\.sql/ })
})

t.test('a table that was taken away is missed by its name, and used again when it is back', async t => {
  const server = await makeSqlServer(t)
  const application = makeApplication(t, { ...mssqlOptions(server) })
  const token = await newSession(application)
  await server.query('DROP TABLE sessions')
  t.match(JSON.parse((await application.visit(token, read)).body), { code: 'FST_SESSION_TABLE_MISSING' })
  await works(t, application, await newSession(application))
})

for (const table of [
  'CREATE TABLE sessions (token CHAR(32) PRIMARY KEY, data VARBINARY(MAX) NOT NULL, expiry DATETIME2(6) NOT NULL)',
  'CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, expiry DATETIME2(6) NOT NULL)',
  'CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data VARBINARY(MAX) NOT NULL)'
]) {
  t.test(`a table of other columns fails the start: ${table}`, async t => {
    const server = await makeSqlServer(t)
    await server.query(table)
    const application = makeApplication(t, mssqlOptions(server))
    await t.rejects(async () => { await application.app.ready() }, { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /token CHAR\(43\)/ })
  })
}

t.test('a session of a megabyte is kept; one that the column cannot hold is refused', async t => {
  const server = await makeSqlServer(t)
  const store = await openStore(t, server)
  const large = { ...session(), data: Buffer.alloc(1_000_000, 'large') }
  t.equal(await store.insert(large), true)
  t.ok(large.data.equals((await store.find([large.token])).sessions[0]?.data as Uint8Array))
  t.match(await store.update({ ...large, data: Buffer.alloc(1_000_000, 'other'), seen: seen(large) }), { kind: 'saved' })

  await server.query('CREATE TABLE small (token CHAR(43) PRIMARY KEY, data VARBINARY(100) NOT NULL, expiry DATETIME2(6) NOT NULL)')
  const small = await openStore(t, server, { table: 'small' })
  t.equal(await small.insert({ ...session(), data: Buffer.alloc(100, 1) }), true)
  await t.rejects(small.insert({ ...session(), data: Buffer.alloc(101, 1) }), { code: 'FST_SESSION_TOO_LARGE' })
})
