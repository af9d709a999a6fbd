import { once } from 'node:events'
import { createPool } from 'mysql2'
import t from 'tap'
import { mysqlStore, textCodec, type SessionStore } from '../../../plugin/index.js'
import { newToken } from '../../../plugin/token.js'
import { makeDatabase } from '../../support/database.js'
import { startProxy, through } from '../../support/proxy.js'

/*
 * A database whose answers take long is asked for several times of what it can answer. What it can answer is counted in
 * places of items in statements, so no figure depends on how fast this machine is.
 */

const ANSWER_TIME = 300
const STORE_TIMEOUT = 3000
/** One statement is under way at a time on such a pool. */
const CONNECTIONS = 2
/** The most items in a statement of the store. */
const PLACES = 52
/** So many times as many requests come as can be answered. */
const OVERLOAD = 4
/** The requests that come while one statement is answered. Each needs a place in two statements: it reads and then writes. */
const ARRIVALS = PLACES / 2 * OVERLOAD

t.test('of a database that is asked for four times of what it can answer, hardly anything is wasted, and no connection is lost', async t => {
  const database = await makeDatabase(t)
  const proxy = await startProxy(t, Number(new URL(database.url).port))
  const pool = createPool({ uri: through(proxy, database.url), connectionLimit: CONNECTIONS })
  t.teardown(async () => { await pool.promise().end() })
  const store = mysqlStore(pool, { createTable: true, cleanupInterval: 0, storeTimeout: STORE_TIMEOUT })
  await store.open({ warn () {}, error () {} })
  const tokens = Array.from({ length: 500 }, newToken)
  await Promise.all(tokens.map(async token => { await store.insert({ token, data: encode(0), ttl: 3_600_000 }) }))

  let statements = 0
  pool.on('acquire', () => { statements++ })
  const { connections } = proxy
  proxy.delay(ANSWER_TIME)
  const requests: Array<Promise<boolean>> = []
  // Several times as long as a request waits.
  for (let i = 0; i < 5 * STORE_TIMEOUT / ANSWER_TIME; i++) {
    const next = once(pool, 'acquire')
    for (let j = 0; j < ARRIVALS; j++) requests.push(isAnswered(store, tokens[requests.length % tokens.length] as string))
    // The next ones come when another statement has been sent, however long that takes here.
    await next
  }
  const answered = await Promise.all(requests)
  proxy.delay(0)

  const places = statements * PLACES
  const used = 2 * answered.filter(Boolean).length
  t.comment(`${requests.length} requests; of ${places} places in ${statements} statements ${used} were of use`)
  t.ok(used > 0.7 * places, `${used} of ${places}`)
  t.equal(proxy.connections, connections, 'no further connection was made')
  await store.close()
})

/** A request that reads its session and changes it. */
async function isAnswered (store: SessionStore, token: string): Promise<boolean> {
  const deadline = performance.now() + STORE_TIMEOUT
  try {
    const { sessions: [found] } = await store.find([token])
    if (found === undefined) return false
    const seen = { bytes: found.data.subarray(0, 21), whole: false }
    await store.update({ token, data: encode(1), ttl: 3_600_000, seen }, deadline - performance.now())
    return true
  } catch {
    return false
  }
}

function encode (n: number): Uint8Array {
  return textCodec.encode({ deadline: Date.now() + 3_600_000, rememberMe: undefined, values: new Map([['n', n]]) })
}
