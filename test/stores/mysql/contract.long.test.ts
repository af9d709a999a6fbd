import t from 'tap'
import { mysqlStore } from '../../../stores/mysql/mysql.js'
import { runContract } from '../../support/contract.js'
import { makeDatabase, SCS_TABLE } from '../../support/database.js'
import { SETTINGS } from './settings.js'

const OPTIONS = { cleanupInterval: 0, storeTimeout: 60_000 }

t.test('the MySQL store keeps the contract in the table of SCS\'s README', async t => {
  const { url, connection } = await makeDatabase(t)
  await connection.query(SCS_TABLE)
  await runContract(t, () => mysqlStore(url, OPTIONS))
})

t.test('the MySQL store keeps the contract in the table of schema/mysql.sql, without its owners', async t => {
  const { url } = await makeDatabase(t)
  await runContract(t, () => mysqlStore(url, { ...OPTIONS, createTable: true }))
})

for (const { name, make } of SETTINGS) {
  t.test(`the MySQL store keeps the contract with ${name}`, async t => {
    const { source, options, check } = await make(t)
    await runContract(t, () => mysqlStore(source, { ...OPTIONS, ...options }))
    await check?.()
  })
}
