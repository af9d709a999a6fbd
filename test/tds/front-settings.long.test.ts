import t from 'tap'
import { startTdsFront } from './front.js'
import type { TdsFront } from './front.js'
import { failure, mssql } from './mssql-driver.js'
import type { MssqlPool } from './mssql-driver.js'
import { makeMariaDb } from '../support/mariadb.js'

/* What a connection keeps from one request to the next, as the driver's pool never resets it. */

const mariadb = await makeMariaDb(t)
const { database } = mariadb
const { database: tenant } = await makeMariaDb(t)
const front = await startTdsFront({ mariadb, moreDatabases: [tenant] })
const fronts = [front]
/** One connection, so that every request meets what the ones before it left. */
const pool = await connect(front)
const other = await connect(front)
t.teardown(async () => {
  await pool.close()
  await other.close()
  for (const each of fronts) await each.close()
})

async function connect ({ config }: TdsFront): Promise<MssqlPool> {
  const created = new mssql.ConnectionPool({ ...config, connectionTimeout: 60_000, requestTimeout: 60_000, pool: { max: 1 } })
  created.on('error', () => {})
  return await created.connect()
}

const batch = async (sql: string, of = pool) => await of.request().batch(sql)
const query = async (sql: string, of = pool) => (await of.request().query(sql)).recordset
const value = async (expression: string, of = pool) => (await query(`SELECT ${expression} AS value`, of))[0]?.['value']

await batch('CREATE TABLE numbers (n INT PRIMARY KEY, data VARBINARY(MAX) NULL, name VARCHAR(MAX) NULL)')

t.beforeEach(async () => {
  await batch('IF @@TRANCOUNT > 0 ROLLBACK; SET ROWCOUNT 0; SET TEXTSIZE 2147483647; SET IMPLICIT_TRANSACTIONS OFF; SET NOCOUNT OFF; SET XACT_ABORT OFF')
  await batch('DELETE FROM numbers; INSERT INTO numbers (n, data, name) VALUES (1, 0x010203, \'one\'), (2, 0x04, \'two\'), (3, NULL, NULL)')
})

t.test('what a batch sets stays, what a query sets ends with the query', async t => {
  await batch('SET ROWCOUNT 1; SET LOCK_TIMEOUT 50')
  t.strictSame(await query('SELECT n FROM numbers'), [{ n: 1 }])
  t.equal(await value('@@LOCK_TIMEOUT'), 50)
  await query('SET ROWCOUNT 0; SET LOCK_TIMEOUT 70')
  t.equal((await query('SELECT n FROM numbers')).length, 1)
  t.equal(await value('@@LOCK_TIMEOUT'), 50)
  t.equal((await query('SET ROWCOUNT 0; SELECT n FROM numbers')).length, 3)
})

t.test('ROWCOUNT limits INSERT, UPDATE and DELETE too', async t => {
  await batch('SET ROWCOUNT 2')
  t.equal((await query('UPDATE numbers SET name = \'new\' OUTPUT inserted.n')).length, 2)
  await batch('INSERT INTO numbers (n) VALUES (4), (5), (6)')
  t.strictSame((await pool.request().query('DELETE FROM numbers WHERE n > 2')).rowsAffected, [2])
  await batch('SET ROWCOUNT 0')
  t.strictSame((await query('SELECT n FROM numbers')).map(({ n }) => n), [1, 2, 5])
})

t.test('TEXTSIZE cuts what a SELECT returns of (max) columns', async t => {
  await batch('SET TEXTSIZE 2')
  t.strictSame(await query('SELECT data, name FROM numbers WHERE n = 1'), [{ data: Buffer.from([1, 2]), name: 'on' }])
  t.equal(await value('@@TEXTSIZE'), 2)
  t.strictSame(await query('SET TEXTSIZE 2147483647; SELECT data FROM numbers WHERE n = 1'), [{ data: Buffer.from([1, 2, 3]) }])
})

t.test('with IMPLICIT_TRANSACTIONS a statement on a table begins a transaction, which stays open', async t => {
  await batch('SET IMPLICIT_TRANSACTIONS ON')
  t.equal(await value('@@TRANCOUNT'), 0, 'a SELECT without a table begins none')
  t.equal(Number(await value('@@OPTIONS')) & 2, 2)
  await query('UPDATE numbers SET name = \'uncommitted\' WHERE n = 1')
  t.equal(await value('@@TRANCOUNT'), 1)
  t.equal(await failure(query('SET LOCK_TIMEOUT 0; SELECT name FROM numbers WHERE n = 1', other)), 1222)
  await batch('ROLLBACK')
  await query('SET IMPLICIT_TRANSACTIONS OFF; UPDATE numbers SET name = \'saved\' WHERE n = 1')
  t.equal(await value('@@TRANCOUNT'), 0)
  t.strictSame(await query('SELECT name FROM numbers WHERE n = 1', other), [{ name: 'saved' }])
})

t.test('a transaction that a batch has left open is still there; THROW under XACT_ABORT ends it', async t => {
  await batch('BEGIN TRANSACTION; UPDATE numbers SET name = \'left\' WHERE n = 1')
  t.equal(await value('@@TRANCOUNT'), 1)
  t.equal(await failure(query('SET XACT_ABORT ON; IF @@TRANCOUNT > 0 THROW 50001, \'a transaction is open\', 1; UPDATE numbers SET name = \'never\'')), 50001)
  t.equal(await value('@@TRANCOUNT'), 0)
  t.strictSame((await query('SELECT name FROM numbers WHERE n < 3', other)).map(({ name }) => name), ['one', 'two'])
})

t.test('USE changes what names without a database mean, in a query until it ends', async t => {
  const admin = new mssql.ConnectionPool({ ...front.config, pool: { max: 1 } })
  await admin.connect()
  await batch(`USE ${tenant}; CREATE TABLE numbers (n INT PRIMARY KEY); INSERT INTO numbers (n) VALUES (77)`)
  t.equal(await value('DB_NAME()'), tenant)
  t.strictSame(await query('SELECT n FROM numbers'), [{ n: 77 }])
  t.equal((await query(`SELECT n FROM [${database}].[dbo].[numbers]`)).length, 3, 'a name with its database means the same everywhere')
  await query(`UPDATE [${database}].[dbo].[numbers] SET name = 'there' WHERE n = 1`)
  t.strictSame(await query(`USE ${database}; SELECT name FROM numbers WHERE n = 1`), [{ name: 'there' }])
  t.equal(await value('DB_NAME()'), tenant)
  t.equal(await failure(batch('USE nowhere')), 911)
  await batch(`USE ${database}`)
  t.equal((await query('SELECT n FROM numbers')).length, 3)
  await admin.close()
})

t.test('OUTPUT without INTO is refused on a table with an enabled trigger for the same event', async t => {
  await batch('CREATE TRIGGER audit ON numbers AFTER UPDATE, DELETE AS BEGIN SET NOCOUNT ON; INSERT INTO log SELECT n FROM inserted; END')
  t.equal(await failure(query('UPDATE numbers SET name = \'x\' OUTPUT inserted.n WHERE 1 = 0')), 334)
  t.equal(await failure(query('DELETE FROM numbers OUTPUT deleted.n')), 334)
  t.strictSame(await query('INSERT INTO numbers (n) OUTPUT inserted.n VALUES (9)'), [{ n: 9 }])
  t.strictSame((await pool.request().query('UPDATE numbers SET name = \'x\' WHERE n = 9')).rowsAffected, [1])
  await batch('DROP TRIGGER audit')
  t.equal((await query('DELETE FROM numbers OUTPUT deleted.n')).length, 4)
})

t.test('a request is recorded with its size', async t => {
  front.statements.length = 0
  await pool.request().input('d', mssql.VarBinary(mssql.MAX), Buffer.alloc(1000)).query('SELECT DATALENGTH(@d) AS n')
  const [{ bytes } = { bytes: 0 }] = front.statements
  t.ok(bytes > 1000 && bytes < 1300, String(bytes))
})

t.test('Babelfish cannot parse a name with a closing bracket in it', async t => {
  const babelfish = await startTdsFront({ mariadb, babelfish: true })
  fronts.push(babelfish)
  const there = await connect(babelfish)
  t.equal(await failure(query('SELECT 1 AS [a]]b]', there)), 33557097)
  t.strictSame(await query('SELECT 1 AS [a[b]', there), [{ 'a[b': 1 }])
  await there.close()
})
