import t from 'tap'
import { startTdsFront } from './front.js'
import { failure, mssql } from './mssql-driver.js'
import type { MssqlPool, MssqlRequest } from './mssql-driver.js'
import { makeMariaDb } from '../support/mariadb.js'
import { until } from '../support/until.js'

const mariadb = await makeMariaDb(t)
const front = await startTdsFront({ mariadb })
const pool = await connect()
await pool.request().batch(`CREATE TABLE sessions (token CHAR(43) COLLATE Latin1_General_100_BIN2 PRIMARY KEY, data VARBINARY(MAX) NOT NULL, expiry DATETIME2(6) NOT NULL);
  CREATE INDEX sessions_expiry_idx ON sessions (expiry);`)
t.teardown(async () => {
  await pool.close()
  await front.close()
})
t.beforeEach(async () => {
  front.faults.reset()
  await pool.request().batch("DELETE FROM sessions; INSERT INTO sessions VALUES ('a', 0x01, DATEADD(hour, 1, SYSUTCDATETIME())), ('b', 0x01, DATEADD(hour, 1, SYSUTCDATETIME())), ('c', 0x01, DATEADD(hour, 1, SYSUTCDATETIME()))")
  front.statements.length = 0
})

async function connect (more: object = {}): Promise<MssqlPool> {
  const created = new mssql.ConnectionPool({ ...front.config, connectionTimeout: 60_000, requestTimeout: 60_000, ...more })
  created.on('error', () => {})
  return await created.connect()
}

const WRITE = 'UPDATE sessions SET data = 0x02 OUTPUT inserted.token WHERE token = @t'

function withToken (request: MssqlRequest, token: string): MssqlRequest {
  return request.input('t', mssql.Char(43), token)
}

async function write (parent: MssqlPool | InstanceType<typeof mssql.Transaction>, token: string, before = '') {
  return await withToken(new mssql.Request(parent), token).query(before + WRITE)
}

async function data (token: string): Promise<unknown> {
  return (await withToken(pool.request(), token).query('SELECT data FROM sessions WITH (NOLOCK) WHERE token = @t')).recordset[0]?.['data']
}

t.test('a transaction is committed or rolled back as a whole', async (t) => {
  const transaction = new mssql.Transaction(pool)
  await transaction.begin()
  t.same((await write(transaction, 'a')).recordset.length, 1)
  await transaction.rollback()
  t.same(await data('a'), Buffer.from([1]))
  const second = new mssql.Transaction(pool)
  await second.begin(mssql.ISOLATION_LEVEL['SERIALIZABLE'])
  await write(second, 'a')
  t.same((await new mssql.Request(second).query('SELECT @@TRANCOUNT AS n, XACT_STATE() AS s')).recordset, [{ n: 1, s: 1 }])
  await second.commit()
  t.same(await data('a'), Buffer.from([2]))
  t.same(front.statements.filter(({ kind }) => kind === 'transaction').map(({ sql }) => sql), ['BEGIN TRANSACTION', 'ROLLBACK TRANSACTION', 'BEGIN TRANSACTION', 'COMMIT TRANSACTION'])
})

t.test('transactions in T-SQL; an sp_executesql that leaves one open is error 266', async (t) => {
  await pool.request().query("SET XACT_ABORT ON; BEGIN TRAN; UPDATE sessions SET data = 0x03 WHERE token = 'a'; COMMIT")
  t.same(await data('a'), Buffer.from([3]))
  await pool.request().query("BEGIN TRAN; UPDATE sessions SET data = 0x04 WHERE token = 'a'; ROLLBACK")
  t.same(await data('a'), Buffer.from([3]))
  t.equal(await failure(pool.request().query("SET XACT_ABORT ON; BEGIN TRAN; UPDATE sessions SET data = 0x05 WHERE token = 'a'; INSERT INTO sessions VALUES ('b', 0x, SYSUTCDATETIME()); COMMIT")), 2627)
  t.same(await data('a'), Buffer.from([3]), 'XACT_ABORT has rolled it back')
  t.equal(await failure(pool.request().query('COMMIT')), 3902)
  const own = await connect({ pool: { max: 1 } })
  t.equal(await failure(own.request().query('BEGIN TRAN')), 266)
  await own.close()
})

t.test('a locked row is waited for, others are not', async (t) => {
  const transaction = new mssql.Transaction(pool)
  await transaction.begin()
  await write(transaction, 'a')
  let done = false
  const waiting = write(pool, 'a').then(() => { done = true })
  await write(pool, 'b')
  await withToken(pool.request(), 'c').input('t1', mssql.Char(43), 'b').query('DELETE FROM sessions WHERE token IN (@t, @t1)')
  t.equal(await failure(write(pool, 'a', 'SET LOCK_TIMEOUT 0; ')), 1222)
  t.same((await pool.request().query('SELECT token FROM sessions WITH (UPDLOCK, READPAST)')).recordset.length, 0)
  const reading = pool.request()
  reading.overrides.requestTimeout = 300
  t.equal(await failure(reading.query("SELECT token FROM sessions WHERE token = 'a'")), 'ETIMEOUT', 'readers wait for writers')
  t.notOk(done)
  await transaction.commit()
  await waiting
})

t.test('with READ_COMMITTED_SNAPSHOT readers do not wait', async (t) => {
  const other = await startTdsFront({ mariadb, readCommittedSnapshot: true })
  const otherPool = await new mssql.ConnectionPool(other.config).connect()
  const transaction = new mssql.Transaction(otherPool)
  await transaction.begin()
  await write(transaction, 'a')
  t.same((await otherPool.request().query("SELECT data FROM sessions WHERE token = 'a'")).recordset, [{ data: Buffer.from([1]) }])
  await transaction.rollback()
  await otherPool.close()
  await other.close()
})

t.test('a deadlock takes one of the two, whose transaction is over', async (t) => {
  const [one, two] = [new mssql.Transaction(pool), new mssql.Transaction(pool)]
  await Promise.all([one.begin(), two.begin()])
  await write(one, 'a')
  await write(two, 'b')
  const results = await Promise.all([failure(write(one, 'b')), failure(write(two, 'a'))])
  t.same(results.map(String).sort(), ['1205', 'no error'])
  const [victim, winner] = results[0] === 1205 ? [one, two] : [two, one]
  t.equal(await failure(victim.commit()), 'EABORT')
  await winner.commit()
  t.same(await data('a'), Buffer.from([2]))
})

t.test('a request that times out is cancelled in the database, and its connection goes on', async (t) => {
  const own = await connect({ pool: { max: 1 } })
  const spid = async () => (await own.request().query('SELECT @@SPID AS n')).recordset[0]?.['n']
  const before = await spid()
  const transaction = new mssql.Transaction(pool)
  await transaction.begin()
  await write(transaction, 'a')
  for (const sql of [WRITE, "WAITFOR DELAY '00:00:20'", "EXEC sp_getapplock 'held', 'Exclusive', 'Session', 20000"]) {
    if (sql.startsWith('EXEC')) await new mssql.Request(transaction).query("EXEC sp_getapplock 'held', 'Exclusive', 'Session', 0")
    const request = withToken(own.request(), 'a')
    request.overrides.requestTimeout = 200
    t.equal(await failure(request.query(sql)), 'ETIMEOUT')
    t.equal(await spid(), before)
  }
  const cancelled = withToken(own.request(), 'a')
  const updates = () => front.statements.filter(({ sql }) => sql.includes('UPDATE')).length
  const earlier = updates()
  const waiting = failure(cancelled.query(WRITE))
  await until(() => updates() > earlier)
  cancelled.cancel()
  t.equal(await waiting, 'ECANCEL')
  t.equal(await spid(), before)
  await transaction.rollback()
  t.same(await data('a'), Buffer.from([1]), 'none of them was carried out later')
  await own.close()
})

t.test('a client that goes away while it waits for a lock leaves nothing behind', async (t) => {
  const transaction = new mssql.Transaction(pool)
  await transaction.begin()
  await write(transaction, 'a')
  const own = await connect({ pool: { max: 1 } })
  front.statements.length = 0
  const waiting = failure(write(own, 'a'))
  const waiter = () => front.statements.find(({ sql }) => sql.includes('UPDATE'))
  await until(() => waiter() !== undefined)
  front.dropConnection(waiter()?.connection ?? 0)
  t.match(await waiting, /^E(SOCKET|CLOSE|CONNRESET)/)
  await transaction.rollback()
  // Takes its turn after all that wait for the row.
  const { recordset: [row] } = await withToken(pool.request(), 'a').query('SELECT data FROM sessions WITH (UPDLOCK) WHERE token = @t')
  t.same(row?.['data'], Buffer.from([1]))
  await own.close()
})

t.test('application locks exclude, and one of a transaction ends with it', async (t) => {
  const get = (owner: string) => `DECLARE @x int; EXEC @x = sp_getapplock @Resource = 'cleanup', @LockMode = 'Exclusive', @LockOwner = '${owner}', @LockTimeout = 0; SELECT @x AS result`
  const [one, two] = [await connect({ pool: { max: 1 } }), await connect({ pool: { max: 1 } })]
  t.same((await one.request().query(get('Session'))).recordset, [{ result: 0 }])
  t.same((await two.request().query(get('Session'))).recordset, [{ result: -1 }])
  await one.request().query("EXEC sp_releaseapplock 'cleanup', 'Session'")
  t.equal(await failure(one.request().query("EXEC sp_releaseapplock 'cleanup', 'Session'")), 1223)
  const transaction = new mssql.Transaction(two)
  await transaction.begin()
  t.same((await new mssql.Request(transaction).query(get('Transaction'))).recordset, [{ result: 0 }])
  t.same((await one.request().query(get('Session'))).recordset, [{ result: -1 }])
  await transaction.commit()
  t.same((await one.request().query(get('Session'))).recordset, [{ result: 0 }])
  await one.close()
  await until(async () => (await two.request().query(get('Session'))).recordset[0]?.['result'] === 0)
  await two.close()
})

t.test('a connection that is reset is as new', async (t) => {
  const { Connection, Request } = (await import('tedious' as string)) as { Connection: new (config: object) => TediousConnection, Request: new (sql: string, callback: (error: Error | null) => void) => object }
  interface TediousConnection {
    connect (callback: (error?: Error) => void): void
    execSqlBatch (request: object): void
    reset (callback: (error?: Error | null) => void): void
    close (): void
    on (event: 'error', listener: () => void): void
  }
  const connection = new Connection({ server: '127.0.0.1', authentication: { type: 'default', options: { userName: 'sa', password: 'Secret-1' } }, options: { port: front.port, database: mariadb.database, encrypt: false } })
  connection.on('error', () => {})
  await new Promise<void>((resolve, reject) => connection.connect((error) => error === undefined ? resolve() : reject(error)))
  const run = async (sql: string) => await new Promise<void>((resolve, reject) => connection.execSqlBatch(new Request(sql, (error) => error === null || error === undefined ? resolve() : reject(error))))
  await run("SET LOCK_TIMEOUT 7000; BEGIN TRAN; UPDATE sessions SET data = 0x09 WHERE token = 'a'; EXEC sp_getapplock 'r', 'Exclusive', 'Session', 0")
  await new Promise<void>((resolve, reject) => connection.reset((error) => error === null || error === undefined ? resolve() : reject(error)))
  t.same(await data('a'), Buffer.from([1]))
  await run("IF @@TRANCOUNT <> 0 OR @@LOCK_TIMEOUT <> -1 THROW 50001, 'not reset', 1")
  t.same((await pool.request().query("DECLARE @x int; EXEC @x = sp_getapplock 'r', 'Exclusive', 'Session', 0; SELECT @x AS r; EXEC sp_releaseapplock 'r', 'Session'")).recordset, [{ r: 0 }])
  connection.close()
})

t.test('twenty requests at once through a pool', async (t) => {
  const results = await Promise.all(Array.from({ length: 20 }, async (_, i) => await pool.request().input('i', mssql.Int, i).query('SELECT @i AS i')))
  t.same(results.map((result) => result.recordset[0]?.['i']), Array.from({ length: 20 }, (_, i) => i))
  const inserts = await Promise.all(Array.from({ length: 20 }, async (_, i) => await withToken(pool.request(), `p${i}`).query('INSERT INTO sessions VALUES (@t, 0x, SYSUTCDATETIME())')))
  t.same(inserts.map((result) => result.rowsAffected), Array.from({ length: 20 }, () => [1]))
  t.ok(front.connections > 1 && front.connections <= 12)
})

t.test('faults: late, failing, cut before and after, refused logins, all of it down', async (t) => {
  front.faults.delay(300, /SELECT/)
  const start = Date.now()
  await pool.request().query('SELECT 1 AS one')
  t.ok(Date.now() - start >= 290)
  const late = pool.request()
  late.overrides.requestTimeout = 100
  t.equal(await failure(late.query('SELECT 1 AS one')), 'ETIMEOUT')
  front.faults.reset()

  front.faults.failStatement(2, 1205, /UPDATE/)
  await write(pool, 'a')
  front.statements.length = 0
  t.equal(await failure(write(pool, 'b')), 1205)
  t.match(front.statements, [{ sql: WRITE, error: 1205, params: [{ name: 't', type: 'Char(43)', value: 'b' }] }])
  t.same(await data('b'), Buffer.from([1]), 'it was not carried out')
  const transaction = new mssql.Transaction(pool)
  await transaction.begin()
  front.faults.failStatement(1, 1205)
  t.equal(await failure(write(transaction, 'c')), 1205)
  t.equal(await failure(transaction.commit()), 'EABORT')

  front.faults.dropBefore(1, /UPDATE/)
  t.match(await failure(write(pool, 'c')), /^E(SOCKET|CLOSE|CONNRESET)/)
  t.same(await data('c'), Buffer.from([1]))
  front.faults.dropMidPacket(1, /UPDATE/)
  t.match(await failure(write(pool, 'c')), /^E(SOCKET|CLOSE|CONNRESET)/)
  t.same(await data('c'), Buffer.from([2]), 'it was carried out, only the answer is lost')
  const lost = new mssql.Transaction(pool)
  await lost.begin()
  await write(lost, 'b')
  front.faults.dropMidPacket(1, /COMMIT/)
  t.match(await failure(lost.commit()), /^E/)
  t.same(await data('b'), Buffer.from([2]))

  for (const number of [18456, 4060, 18487]) {
    front.faults.refuseLogins(number)
    t.equal(await failure(connect()), 'ELOGIN')
  }
  front.faults.refuseLogins(null)

  await front.down()
  t.equal(front.connections, 0)
  t.match(await failure(connect()), /^E/)
  t.match(await failure(pool.request().query('SELECT 1 AS one')), /^E/)
  await front.up()
  t.same((await pool.request().query('SELECT 1 AS one')).recordset, [{ one: 1 }])
})
