/* Owners while several writers change the same sessions, and while answers are lost: the column always says what the data says. */
import { randomBytes } from 'node:crypto'
import { createPool } from 'mysql2'
import t from 'tap'
import { makeDatabase } from '../../support/database.js'
import { meddledPool } from '../../support/meddled-pool.js'
import { makeSqlServer } from '../../support/sql-server.js'
import { MysqlDatabase, mysqlStore } from '../../../stores/mysql/mysql.js'
import { mssqlStore } from '../../../stores/mssql/mssql.js'
import { SqlStore } from '../../../stores/sql/sql-store.js'
import type { SessionStore } from '../../../stores/store.js'

const HOUR = 3_600_000
const OPTIONS = { createTable: true, owners: true, cleanupInterval: 0, storeTimeout: 60_000 }
const HEADER = 12
const newToken = () => randomBytes(32).toString('base64url')
/** Data that says whose session it is. */
const dataFor = (owner: string) => Buffer.concat([randomBytes(HEADER), Buffer.from(owner)])
const ownerIn = (data: Uint8Array) => Buffer.from(data.subarray(HEADER)).toString()
const headOf = (data: Uint8Array) => ({ bytes: data.subarray(0, HEADER), whole: false })
const any = <T>(all: readonly T[]) => all[Math.floor(Math.random() * all.length)] as T
const open = async (store: SessionStore) => { await store.open({ warn () {}, error () {} }); return store }

/** Changes sessions again and again: their owner, their data, or both rows of a pair in a transaction. */
async function write (store: SessionStore, tokens: readonly string[], owners: readonly string[], times: number): Promise<void> {
  for (let i = 0; i < times; i++) {
    const token = any(tokens)
    const { sessions: [session] } = await store.find([token])
    if (session === undefined) continue
    const former = ownerIn(session.data)
    const owner = Math.random() < 0.5 ? former : any(owners)
    const next = { token, data: dataFor(owner), ttl: HOUR, ...(owner !== former || Math.random() < 0.2) && { owner } }
    if (Math.random() < 0.2) {
      const other = any(tokens)
      await store.rewrite([token, other], ({ sessions }) => sessions.map(({ token, data }) => {
        const owner = any([ownerIn(data), any(owners)])
        return { kind: 'update', session: { token, data: dataFor(owner), ttl: HOUR, owner } }
      }))
    } else {
      await store.update({ ...next, seen: headOf(session.data), expiryStays: Math.random() < 0.5 })
    }
  }
}

for (const [name, make] of [
  ['MySQL', async (t: Parameters<typeof makeDatabase>[0]) => { const { url } = await makeDatabase(t); return () => mysqlStore(url, OPTIONS) }],
  ['MySQL, where each session has a statement of its own', async (t: Parameters<typeof makeDatabase>[0]) => { const { url } = await makeDatabase(t); return () => new SqlStore(new MysqlDatabase(url, OPTIONS, { countsRows: false }), OPTIONS) }],
  ['SQL Server', async (t: Parameters<typeof makeDatabase>[0]) => { const { config } = await makeSqlServer(t); return () => mssqlStore(config, OPTIONS) }]
] as const) {
  t.test(`two stores that change the owners of twenty sessions at once: each session is found under the owner that its data names (${name})`, async t => {
    const makeStore = await make(t)
    const stores = [await open(makeStore()), await open(makeStore())] as const
    t.teardown(async () => { for (const store of stores) await store.close() })
    const owners = Array.from({ length: 6 }, (_, i) => `owner-${i}`)
    const tokens = Array.from({ length: 20 }, newToken)
    await Promise.all(tokens.map(async token => { const owner = any(owners); await stores[0].insert({ token, data: dataFor(owner), ttl: HOUR, owner }) }))
    await Promise.all(stores.flatMap(store => Array.from({ length: 12 }, async () => { await write(store, tokens, owners, 25) })))
    let found = 0
    for (const owner of owners) {
      for await (const session of stores[0].scan(7, { owner })) {
        found++
        if (ownerIn(session.data) !== owner) t.fail(`a session of ${ownerIn(session.data)} stands under ${owner}`)
      }
    }
    t.equal(found, tokens.length, 'each once')
  })
}

for (const loses of ['before', 'after'] as const) {
  t.test(`an update with an owner, beside one without, whose connection is lost ${loses} it was carried out, is saved once with its owner`, async t => {
    const { url } = await makeDatabase(t)
    const pool = createPool({ uri: url })
    let left = 0
    const meddled = meddledPool(pool, (connection, statement, callback) => {
      if (!statement.sql.includes('UPDATE') || !statement.sql.includes('owner = ?') || left-- <= 0) return false
      const lose = () => { connection.destroy(); callback(new Error('read ECONNRESET'), undefined) }
      if (loses === 'before') lose()
      else connection.execute(statement as never, lose)
      return true
    })
    const store = await open(new SqlStore(new MysqlDatabase(meddled, OPTIONS), OPTIONS))
    t.teardown(async () => { await store.close(); await new Promise(resolve => pool.end(resolve)) })
    const sessions = await Promise.all([0, 1, 2, 3].map(async () => {
      const session = { token: newToken(), data: dataFor('before'), ttl: HOUR, owner: 'before' }
      await store.insert(session)
      return session
    }))
    left = 1
    const outcomes = await Promise.all(sessions.map(async ({ token, data }, i) => {
      const owner = i % 2 === 0 ? 'before' : 'after'
      return await store.update({ token, data: dataFor(owner), ttl: HOUR, seen: headOf(data), ...owner === 'after' && { owner } })
    }))
    t.same(outcomes, sessions.map(() => ({ kind: 'saved' })))
    for (const owner of ['before', 'after']) {
      const found: string[] = []
      for await (const { data } of store.scan(100, { owner })) found.push(ownerIn(data))
      t.same(found, [owner, owner])
    }
  })
}
