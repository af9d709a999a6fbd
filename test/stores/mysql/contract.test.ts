import t from 'tap'
import { mysqlStore } from '../../../stores/mysql/mysql.js'
import { runContractOnOneStore } from '../../support/contract.js'
import { makeDatabase } from '../../support/database.js'

// A store for each case, other tables, pools and options of the driver: contract.long.test.ts.
t.test('the MySQL store keeps the contract in the table of schema/mysql.sql, with its owners', async t => {
  const { url } = await makeDatabase(t)
  await runContractOnOneStore(t, () => mysqlStore(url, { createTable: true, owners: true, cleanupInterval: 0, storeTimeout: 60_000 }))
})
