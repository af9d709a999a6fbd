import t from 'tap'
import { engineUrls } from './engine.js'
import { mysqlStore } from '../../stores/mysql/mysql.js'
import { storeContract } from '../../stores/testing/index.js'

for (const { name, run } of storeContract(() => mysqlStore(engineUrls()[0], { createTable: true, owners: true, cleanupInterval: 0 }))) void t.test(name, run)
