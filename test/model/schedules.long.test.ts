import { memoryStore, mssqlStore, mysqlStore } from '../../plugin/index.js'
import { makeDatabase } from '../support/database.js'
import { makeSqlServer } from '../support/sql-server.js'
import t, { type Test } from 'tap'
import { playAll, SEED } from './play-all.js'

/** How many schedules, of which store. `npm run fuzz -- schedules` sets both. */
const RUNS = Number(process.env['FUZZ_RUNS'] || 200)
const STORES = (process.env['FUZZ_STORES'] || 'memory,mysql,mssql').split(',')

const OPTIONS = { createTable: true, cleanupInterval: 0 }
const TESTS: Readonly<Record<string, (t: Test) => Promise<void>>> = {
  memory: async t => {
    const store = memoryStore({ cleanupInterval: 0 })
    await playAll(t, RUNS, () => store)
  },
  mysql: async t => {
    const { url } = await makeDatabase(t)
    await playAll(t, RUNS, () => mysqlStore(url, OPTIONS))
  },
  mssql: async t => {
    const { config } = await makeSqlServer(t)
    await playAll(t, RUNS, () => mssqlStore(config, OPTIONS))
  }
}

for (const [name, test] of Object.entries(TESTS)) {
  if (STORES.includes(name)) t.test(`sessions do what the model says: ${RUNS} schedules, ${name}, seed ${SEED}`, test)
}
