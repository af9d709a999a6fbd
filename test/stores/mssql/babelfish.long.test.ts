import t, { type Test } from 'tap'
import { mssqlStore } from '../../../stores/mssql/mssql.js'
import { runBriefly } from '../../support/contract.js'
import { dataOf, makeApplication, newSession, type Deed } from '../../support/application.js'
import { frontOnly, makeFront, mssqlOptions } from '../../support/sql-server.js'
import { failure, mssql, type MssqlPool } from '../../tds/mssql-driver.js'

/*
 * The store on an engine that speaks T-SQL without being SQL Server: no table hints, no MERGE, no count where there is
 * OUTPUT, errors without a number. See tds/babelfish.ts.
 */

const change: Deed = ({ session }) => { session.update('n', n => Number(n ?? 0) + 1); return 'ok' }

async function poolFor (t: Test, config: object): Promise<MssqlPool> {
  const pool = new mssql.ConnectionPool(config)
  pool.on('error', () => {})
  t.teardown(async () => { await pool.close() })
  return await pool.connect()
}

t.test('the engine is the one that is meant', frontOnly, async t => {
  const server = await makeFront(t, { babelfish: true })
  const pool = await poolFor(t, server.config)
  const run = async (sql: string) => await pool.request().query(sql)
  await server.query('CREATE TABLE a (token CHAR(43) PRIMARY KEY, n INT)')
  t.strictSame((await run('INSERT INTO a (token, n) VALUES (\'x\', 1), (\'y\', 2)')).rowsAffected, [2])
  t.match(await run('UPDATE a SET n = 3 OUTPUT inserted.token'), { rowsAffected: [0], recordset: [{}, {}] })
  t.equal(await failure(run('DELETE FROM a WITH (READPAST)')), 33557097)
  t.equal(await failure(run('SELECT n FROM a WITH (NOLOCK)')), 33557097)
  t.type(await failure(run('MERGE a AS t USING (SELECT 1) AS s (n) ON t.n = s.n WHEN MATCHED THEN DELETE;')), 'number')
  t.equal(await failure(run('SELECT n FROM b')), 33557097)
  t.equal(await failure(run('INSERT INTO a (token) VALUES (\'x\')')), 2627)
})

// The whole contract runs there in contract.long.test.ts.
t.test('every method of the store works on Babelfish', frontOnly, async t => {
  const { config } = await makeFront(t, { babelfish: true })
  await runBriefly(t, () => mssqlStore(config, { createTable: true, cleanupInterval: 0, storeTimeout: 60_000 }))
})

t.test('a row that stays locked is told by the words of the error, and the others of its batch are saved', frontOnly, async t => {
  const server = await makeFront(t, { babelfish: true })
  const application = makeApplication(t, { ...mssqlOptions(server), storeTimeout: 6000 })
  const tokens = await Promise.all(Array.from({ length: 5 }, async () => await newSession(application, { n: 0 })))
  const transaction = new mssql.Transaction(await poolFor(t, server.config))
  await transaction.begin()
  await new mssql.Request(transaction).query('UPDATE sessions SET expiry = expiry WHERE token = (SELECT MAX(token) FROM sessions)')
  const visits = await Promise.all(tokens.map(async token => await application.visit(token, change)))
  t.strictSame(visits.map(({ status }) => status).sort(), [200, 200, 200, 200, 503])
  await transaction.rollback()
  for (const token of tokens) await application.visit(token, change)
  for (const [i, token] of tokens.entries()) {
    const { n } = await dataOf(application, token) as { n: number }
    // A 503 says that the change may or may not have been saved: the row was unlocked just after it.
    t.ok(visits[i]?.status === 503 ? n === 1 || n === 2 : n === 2, `${visits[i]?.status}: ${n}`)
  }
})

for (const number of [1205, 3960]) {
  t.test(`a statement that was undone by ${number} is repeated`, frontOnly, async t => {
    const server = await makeFront(t, { babelfish: true })
    const application = makeApplication(t, mssqlOptions(server))
    const token = await newSession(application)
    server.front.faults.failStatement(1, number, /UPDATE/)
    t.equal((await application.visit(token, change)).status, 200)
    t.strictSame(application.log, [])
  })
}

t.test('a table that was taken away, and rights that are missing, are told as what they are', frontOnly, async t => {
  const server = await makeFront(t, { babelfish: true })
  const application = makeApplication(t, mssqlOptions(server))
  const token = await newSession(application)
  server.front.faults.failStatement(1, 229, /SELECT/)
  t.match(JSON.parse((await application.visit(token, change)).body), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /a right on their table/ })
  await server.query('DROP TABLE sessions')
  t.match(JSON.parse((await application.visit(token, change)).body), { code: 'FST_SESSION_TABLE_MISSING' })
})

t.test('the cleanup deletes what has expired', frontOnly, async t => {
  const server = await makeFront(t, { babelfish: true })
  const store = mssqlStore(server.config, { createTable: true, cleanupInterval: 0 })
  t.teardown(async () => { await store.close() })
  await store.open({ warn () {}, error () {} })
  await server.query('INSERT INTO sessions (token, data, expiry) VALUES (\'a\', 0x78, \'2020-01-01\'), (\'b\', 0x78, \'2020-01-01\'), (\'c\', 0x78, \'2120-01-01\')')
  t.equal(await store.deleteExpired(1), 1)
  t.equal(await store.deleteExpired(10), 1)
  t.equal(await store.deleteExpired(10), 0)
})
