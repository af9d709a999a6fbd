import t, { type Test } from '../../support/test.js'
import { makeSqlServer, SCS_TABLE } from '../../support/sql-server.js'
import { mssql, type MssqlPool } from '../../tds/mssql-driver.js'
import { mssqlStore, type MssqlSource, type MssqlStoreOptions } from '../../../stores/mssql/mssql.js'
import { storeContract } from '../../../stores/testing/testing.js'

t.test('on SQL Server, in the table of schema/mssql.sql', async t => {
  const { config } = await makeSqlServer(t)
  await runOn(t, config, { createTable: true })
})

t.test('on SQL Server, in the table of SCS\'s README', async t => {
  const { config, query } = await makeSqlServer(t)
  await query(SCS_TABLE)
  await runOn(t, config)
})

t.test('on SQL Server, with a connection string', async t => {
  const { url, query } = await makeSqlServer(t)
  await query(SCS_TABLE)
  await runQuickOn(t, url)
})

t.test('on SQL Server, with a table of another schema', async t => {
  const { config, query } = await makeSqlServer(t)
  await query('CREATE SCHEMA auth')
  await runQuickOn(t, config, { table: 'auth.sessions', createTable: true })
})

t.test('on SQL Server, with a table of an odd name', async t => {
  const { config } = await makeSqlServer(t)
  await runQuickOn(t, config, { table: 'se]ss[ions\'s "☃" -- @t0', createTable: true })
})

t.test('on SQL Server, with a pool that is connected', async t => {
  const { config, query } = await makeSqlServer(t)
  await query(SCS_TABLE)
  const pool = poolFor(t, config)
  await pool.connect()
  await runQuickOn(t, pool)
  t.strictSame((await pool.request().query('SELECT 1 AS one')).recordset, [{ one: 1 }], 'which is not closed')
})

t.test('on SQL Server, with a pool that is not connected yet', async t => {
  const { config, query } = await makeSqlServer(t)
  await query(SCS_TABLE)
  const pool = poolFor(t, config)
  await runQuickOn(t, pool)
  t.strictSame((await pool.request().query('SELECT 1 AS one')).recordset, [{ one: 1 }], 'which is not closed')
})

t.test('on SQL Server, with what fastify-mssql decorates an application with', async t => {
  const { config, query } = await makeSqlServer(t)
  await query(SCS_TABLE)
  const pool = poolFor(t, config)
  await pool.connect()
  await runQuickOn(t, { pool, sqlTypes: mssql } as unknown as MssqlSource)
  t.strictSame((await pool.request().query('SELECT 1 AS one')).recordset, [{ one: 1 }], 'which is not closed')
})

for (const options of [{ useUTC: false }, { arrayRowMode: true, camelCaseColumns: true }]) {
  t.test(`on SQL Server, with the driver's options ${JSON.stringify(options)}`, async t => {
    const { config, query } = await makeSqlServer(t)
    await query(SCS_TABLE)
    await runQuickOn(t, { ...config, ...options, options: { ...config.options, ...options } })
  })
}

t.test('on SQL Server, with a pool of one connection', async t => {
  const { config, query } = await makeSqlServer(t)
  await query(SCS_TABLE)
  await runQuickOn(t, { ...config, pool: { max: 1 } })
})

function poolFor (t: Test, config: object): MssqlPool {
  const pool = new mssql.ConnectionPool(config)
  pool.on('error', () => {})
  t.teardown(async () => { await pool.close() })
  return pool
}

/** The front stands before a MariaDB that other tests use too, so it gets more time than a request would. */
const OPTIONS = { cleanupInterval: 0, storeTimeout: 30_000 }

async function runOn (t: Test, source: MssqlSource, options: MssqlStoreOptions = {}): Promise<void> {
  for (const { name, run } of storeContract(() => mssqlStore(source, { ...OPTIONS, ...options }))) await t.test(name, run)
}

/** How a pool was made, or set up, does not change what happens to many rows: that is tried on the tables above. */
async function runQuickOn (t: Test, source: MssqlSource, options: MssqlStoreOptions = {}): Promise<void> {
  const quick = storeContract(() => mssqlStore(source, { ...OPTIONS, ...options })).filter(({ name }) => !/at once|together|too late|two hundred/.test(name))
  for (const { name, run } of quick) await t.test(name, run)
}
