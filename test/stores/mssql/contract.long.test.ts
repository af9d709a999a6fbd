import t, { type Test } from 'tap'
import { mssqlStore, type MssqlSource, type MssqlStoreOptions } from '../../../stores/mssql/mssql.js'
import { runBriefly, runContract } from '../../support/contract.js'
import { frontOnly, makeFront, makeSqlServer, SCS_TABLE } from '../../support/sql-server.js'
import { mssql, type MssqlPool } from '../../tds/mssql-driver.js'

const OPTIONS = { cleanupInterval: 0, storeTimeout: 60_000 }

t.test('the SQL Server store keeps the contract in the table of SCS\'s README', async t => {
  const { config, query } = await makeSqlServer(t)
  await query(SCS_TABLE)
  await runContract(t, () => mssqlStore(config, OPTIONS))
})

t.test('the SQL Server store keeps the contract with a pool of one connection', async t => {
  const { config } = await makeSqlServer(t)
  await runContract(t, () => mssqlStore({ ...config, pool: { max: 1 } }, { ...OPTIONS, createTable: true }))
})

t.test('the SQL Server store keeps the contract with an owner of another collation', async t => {
  const { config, query } = await makeSqlServer(t)
  await query(`${SCS_TABLE} ALTER TABLE sessions ADD owner VARCHAR(300) NULL`)
  await query('CREATE INDEX whose ON sessions (owner, expiry)')
  await runContract(t, () => mssqlStore(config, { ...OPTIONS, owners: true }))
})

t.test('the SQL Server store keeps the contract on Babelfish', frontOnly, async t => {
  const { config } = await makeFront(t, { babelfish: true })
  await runContract(t, () => mssqlStore(config, { ...OPTIONS, createTable: true, owners: true }))
})

t.test('every method of the SQL Server store works with a connection string', async t => {
  const { url, query } = await makeSqlServer(t)
  await query(SCS_TABLE)
  await runOn(t, url)
})

t.test('every method of the SQL Server store works with a table of another schema', async t => {
  const { config, query } = await makeSqlServer(t)
  await query('CREATE SCHEMA auth')
  await runOn(t, config, { table: 'auth.sessions', createTable: true })
})

t.test('every method of the SQL Server store works with a table of an odd name', async t => {
  const { config, query } = await makeSqlServer(t)
  // Babelfish cannot parse a name with a closing bracket in it, however it is quoted.
  const [{ babelfish } = {}] = await query('SELECT CAST(SERVERPROPERTY(\'BabelfishVersion\') AS varchar(20)) AS babelfish')
  const bracket = babelfish === null ? ']' : ''
  await runOn(t, config, { table: `se${bracket}ss[ions's "☃" -- @t0`, createTable: true, owners: true })
})

for (const state of ['connected', 'not connected yet', 'decorated by fastify-mssql']) {
  t.test(`every method of the SQL Server store works with a pool that is ${state}, and does not close it`, async t => {
    const { config, query } = await makeSqlServer(t)
    await query(SCS_TABLE)
    const pool = poolFor(t, config)
    if (state !== 'not connected yet') await pool.connect()
    await runOn(t, state.startsWith('decorated') ? { pool, sqlTypes: mssql } as unknown as MssqlSource : pool)
    t.strictSame((await pool.request().query('SELECT 1 AS one')).recordset, [{ one: 1 }])
  })
}

for (const options of [{ useUTC: false }, { arrayRowMode: true, camelCaseColumns: true }]) {
  t.test(`every method of the SQL Server store works with the driver's options ${JSON.stringify(options)}`, async t => {
    const { config, query } = await makeSqlServer(t)
    await query(SCS_TABLE)
    await runOn(t, { ...config, ...options, options: { ...config.options, ...options } })
  })
}

t.test('every method of the SQL Server store works with a pool of one connection', async t => {
  const { config, query } = await makeSqlServer(t)
  await query(SCS_TABLE)
  await runOn(t, { ...config, pool: { max: 1 } })
})

function poolFor (t: Test, config: object): MssqlPool {
  const pool = new mssql.ConnectionPool(config)
  pool.on('error', () => {})
  t.teardown(async () => { await pool.close() })
  return pool
}

async function runOn (t: Test, source: MssqlSource, options: MssqlStoreOptions = {}): Promise<void> {
  await runBriefly(t, () => mssqlStore(source, { ...OPTIONS, ...options }))
}
