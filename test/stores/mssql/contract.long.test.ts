import t from 'tap'
import { mssqlStore } from '../../../stores/mssql/mssql.js'
import { runContract } from '../../support/contract.js'
import { frontOnly, makeFront, makeSqlServer, SCS_TABLE } from '../../support/sql-server.js'

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

t.test('the SQL Server store keeps the contract on Babelfish', frontOnly, async t => {
  const { config } = await makeFront(t, { babelfish: true })
  await runContract(t, () => mssqlStore(config, { ...OPTIONS, createTable: true }))
})
