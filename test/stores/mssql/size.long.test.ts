import { randomBytes } from 'node:crypto'
import t from 'tap'
import { mssqlStore } from '../../../stores/mssql/mssql.js'
import { newToken } from '../../../plugin/token.js'
import { frontOnly, makeFront } from '../../support/sql-server.js'

/*
 * What a batch sends. With six parameters for each row, and a CASE for each value, an update of 50 sessions of 100 bytes was
 * 57,668 bytes and 300 parameters, one of 8 sessions 9,914 bytes and 48 parameters.
 */

const HOUR = 3_600_000
const HEADER = 21
const SIZE = 100

const session = (size = SIZE) => ({ token: newToken(), data: randomBytes(size), ttl: HOUR })
const seen = ({ data }: { readonly data: Buffer }) => ({ bytes: data.subarray(0, HEADER), whole: false })

t.test('many rows travel in two parameters, and few bytes beside their data', frontOnly, async t => {
  const server = await makeFront(t)
  const { statements } = server.front
  const store = mssqlStore(server.config, { createTable: true, cleanupInterval: 0, storeTimeout: 30_000 })
  t.teardown(async () => { await store.close() })
  await store.open({ warn () {}, error () {} })
  const sent = async (work: Array<Promise<unknown>>) => {
    statements.length = 0
    await Promise.all(work)
    return statements.map(({ params, bytes }) => ({ parameters: params.length, bytes }))
  }

  for (const [n, mostBeside] of [[8, 3300], [50, 9000]] as const) {
    const sessions = Array.from({ length: n }, () => session())
    for (const { parameters } of await sent(sessions.map(async each => await store.insert(each)))) t.equal(parameters, 2)
    const [update, ...more] = await sent(sessions.map(async each => await store.update({ ...each, seen: seen(each) })))
    t.strictSame(more, [], 'one statement')
    t.equal(update?.parameters, 2)
    t.ok((update?.bytes ?? Infinity) - n * SIZE < mostBeside, `${n} rows: ${update?.bytes} bytes`)
    const [touch] = await sent(sessions.map(async each => { await store.touch({ ...each, seen: seen(each), ttl: 2 * HOUR, atLeast: 0 }) }))
    t.equal(touch?.parameters, 2)
    t.ok((touch?.bytes ?? Infinity) < mostBeside + n * HEADER, `${n} rows: ${touch?.bytes} bytes`)
  }
  const [one] = [session()] as const
  await store.insert(one)
  const [update] = await sent([store.update({ ...one, seen: seen(one) })])
  t.equal(update?.parameters, 6)
  t.ok((update?.bytes ?? Infinity) - SIZE < 1300, `1 row: ${update?.bytes} bytes`)
})

t.test('a batch is not filled up with data', frontOnly, async t => {
  const server = await makeFront(t)
  const { statements } = server.front
  const store = mssqlStore(server.config, { createTable: true, cleanupInterval: 0, storeTimeout: 30_000 })
  t.teardown(async () => { await store.close() })
  await store.open({ warn () {}, error () {} })
  const sessions = Array.from({ length: 33 }, (_, i) => session(i === 32 ? 100_000 : SIZE))
  await Promise.all(sessions.map(async each => await store.insert(each)))
  statements.length = 0
  const outcomes = await Promise.all(sessions.map(async each => await store.update({ ...each, seen: seen(each) })))
  for (const { kind } of outcomes) t.equal(kind, 'saved')
  const bytes = statements.reduce((sum, each) => sum + each.bytes, 0)
  t.ok(bytes < 115_000, `${bytes} bytes for ${sessions.reduce((sum, { data }) => sum + data.length, 0)} bytes of data`)
})
