import type { RowDataPacket } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { connected, engineUrls } from './engine.js'
import { mysqlStore } from '../../stores/mysql/mysql.js'
import { neverAtOnce } from '../support/exclusive-processes.js'
import { exclusivelyOf, LONG } from '../support/exclusive.js'

/** What a store says that refuses exclusive work; undefined if it does the work. */
async function refusalOf (t: Test, url: string): Promise<unknown> {
  const store = mysqlStore(url, { createTable: true, cleanupInterval: 0, storeTimeout: LONG })
  t.teardown(async () => { await store.close() })
  await store.open({ warn () {}, error () {} })
  return await exclusivelyOf(store)('of an engine', async () => undefined, LONG).catch((error: unknown) => error)
}

t.test('exclusive work never runs in two processes at once, or is refused with the name of the engine', async t => {
  const [first, second] = engineUrls()
  const refusals = [await refusalOf(t, first), await refusalOf(t, second)]
  if (refusals[0] === undefined) {
    t.equal(refusals[1], undefined)
    await neverAtOnce(t, { kind: 'mysql', name: 'a thousand times', times: 286 }, [first, second, first, second])
    return
  }
  const [[server]] = await (await connected(t)).query<RowDataPacket[]>('SELECT VERSION() AS version')
  for (const refusal of refusals) {
    t.match(refusal, { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /^Exclusive work / })
    if (refusal instanceof Error) t.ok(refusal.message.includes(`the server (${server?.['version']})`), refusal.message)
  }
})
