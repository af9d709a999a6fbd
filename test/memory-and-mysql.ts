import t, { type Test } from 'tap'
import { memoryStore, mysqlStore, type SessionStore } from '../plugin/index.js'
import { makeDatabase } from './database.js'

/** Makes a store of its own for each application, which closes it. Of MySQL all of a file's are on one table. */
export type MakeStore = () => SessionStore

/** Runs the same tests on the memory store and on the MySQL store. */
export function onMemoryAndMysql (tests: (t: Test, makeStore: MakeStore) => void | Promise<void>): void {
  t.test('in memory', async t => { await tests(t, () => memoryStore()) })
  t.test('in MySQL', async t => {
    const { url } = await makeDatabase(t)
    await tests(t, () => mysqlStore(url, { createTable: true, cleanupInterval: 0 }))
  })
}
