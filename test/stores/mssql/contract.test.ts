import t from 'tap'
import { makeSqlServer } from '../../support/sql-server.js'
import { mssqlStore } from '../../../stores/mssql/mssql.js'
import { runContractOnOneStore } from '../../support/contract.js'

// A store for each case, other tables, pools and connections: contract.long.test.ts.
t.test('the SQL Server store keeps the contract in the table of schema/mssql.sql, with its owners', async t => {
  const { config } = await makeSqlServer(t)
  await runContractOnOneStore(t, () => mssqlStore(config, { createTable: true, owners: true, cleanupInterval: 0, storeTimeout: 60_000 }))
})
