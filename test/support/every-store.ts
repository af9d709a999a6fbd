import t, { type Test } from 'tap'
import { memoryStore, mssqlStore, mysqlStore, type SessionStore } from '../../plugin/index.js'
import { makeDatabase } from './database.js'
import { makeSqlServer, runsOnSqlServer } from './sql-server.js'

/** Makes a store of its own for each application, which closes it. Of MySQL and SQL Server all of a file's are on one table. */
export type MakeStore = () => SessionStore

/** On a busy machine an answer takes long. */
const OPTIONS = { createTable: true, cleanupInterval: 0, storeTimeout: 60_000 }

/** Runs the same tests on the memory store, the MySQL store and the SQL Server store. */
export function onEveryStore (tests: (t: Test, makeStore: MakeStore) => void | Promise<void>): void {
  t.test('in memory', async t => { await tests(t, () => memoryStore()) })
  t.test('in MySQL', async t => {
    const { url } = await makeDatabase(t)
    await tests(t, () => mysqlStore(url, OPTIONS))
  })
  if (!runsOnSqlServer) return
  t.test('in SQL Server', async t => {
    const { config } = await makeSqlServer(t)
    await tests(t, () => mssqlStore(config, OPTIONS))
  })
}
