import t from 'tap'
import { mysqlStore } from '../../../stores/mysql/mysql.js'
import { runContract } from '../../support/contract.js'
import { SETTINGS } from './settings.js'

for (const { name, make } of SETTINGS) {
  t.test(`the MySQL store keeps the contract with ${name}`, async t => {
    const { source, options } = await make(t)
    await runContract(t, () => mysqlStore(source, { cleanupInterval: 0, storeTimeout: 60_000, ...options }))
  })
}
