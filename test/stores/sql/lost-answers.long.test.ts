import { createPool, type PoolConnection } from 'mysql2'
import t, { type Test } from 'tap'
import { mysqlStore, textCodec, type MysqlStoreOptions, type Seen, type SessionStore, type StoredSession } from '../../../plugin/index.js'
import type { Abilities } from '../../../stores/mysql/abilities.js'
import { plain } from '../../../stores/mysql/dialect.js'
import { MysqlDatabase } from '../../../stores/mysql/mysql.js'
import { SqlStore } from '../../../stores/sql/sql-store.js'
import { newToken } from '../../../plugin/token.js'
import { latch } from '../../support/barrier.js'
import { makeDatabase, type Database } from '../../support/database.js'
import { meddledPool, type Callback, type Meddle } from '../../support/meddled-pool.js'

/*
 * What a write did must be counted once, whatever is lost of its answer, or of what is asked after it.
 */

/** A store whose statements a test gets in the way of, and one that is left alone. */
async function stores (t: Test, meddle: Meddle, more: MysqlStoreOptions = {}, forced: Partial<Abilities> = {}): Promise<{ store: SessionStore, calm: SessionStore, database: Database }> {
  const database = await makeDatabase(t)
  const { url } = database
  const pool = createPool({ uri: url, connectionLimit: 10 })
  const options = { createTable: true, cleanupInterval: 0, ...more }
  const calm = mysqlStore(url, options)
  let isOpen = false
  const store = new SqlStore(new MysqlDatabase(meddledPool(pool, (...call) => isOpen && meddle(...call)), options, forced), options)
  t.teardown(async () => {
    await store.close()
    await calm.close()
    await new Promise(resolve => pool.end(resolve))
  })
  const log = { warn () {}, error () {} }
  await calm.open(log)
  await store.open(log)
  isOpen = true
  return { store, calm, database }
}

const TTL = 60_000
const encode = (n: number) => textCodec.encode({ deadline: Date.now() + TTL, rememberMe: undefined, values: new Map([['n', n]]) })
const headOf = (data: Uint8Array): Seen => ({ bytes: data.subarray(0, 21), whole: false })
const nIn = (session: StoredSession | undefined) => session === undefined ? undefined : textCodec.decode(session.data).values.get('n')

async function numbers (store: SessionStore, tokens: readonly string[]): Promise<unknown[]> {
  const { sessions } = await store.find(tokens)
  return tokens.map(token => nIn(sessions.find(session => session.token === token)))
}

const FAULTS: ReadonlyArray<readonly [string, (connection: PoolConnection, callback: Callback) => void]> = [
  ['fails', (_connection, callback) => { callback(Object.assign(new Error('Query execution was interrupted'), { errno: 1969 }), undefined) }],
  ['is lost', (connection, callback) => { connection.destroy(); callback(new Error('read ECONNRESET'), undefined) }]
]

for (const [what, fault] of FAULTS) {
  t.test(`of two sessions in one statement one is saved and the other not: it is told so, though the question after it ${what}`, async t => {
    let armed = false
    const { store, calm } = await stores(t, (connection, { sql }, callback) => {
      if (!armed || !sql.includes('SELECT')) return false
      armed = false
      fault(connection, callback)
      return true
    })
    const [first, second] = [newToken(), newToken()]
    const [one, two] = [encode(1), encode(1)]
    await calm.insert({ token: first, data: one, ttl: TTL })
    await calm.insert({ token: second, data: two, ttl: TTL })
    await calm.update({ token: second, data: encode(5), ttl: TTL, seen: headOf(two) })
    armed = true
    const [saved, missed] = await Promise.allSettled([
      store.update({ token: first, data: encode(2), ttl: TTL, seen: headOf(one) }),
      store.update({ token: second, data: encode(2), ttl: TTL, seen: headOf(two) })
    ])
    t.notOk(armed, 'it was asked')
    t.match(saved, { status: 'fulfilled', value: { kind: 'saved' } }, 'not changed by another, which would be applied again')
    if (missed.status === 'fulfilled') t.equal(missed.value.kind, 'changed')
    else t.match(missed.reason, { code: 'FST_SESSION_STORE_UNAVAILABLE' })
    t.strictSame(await numbers(calm, [first, second]), [2, 5])
  })
}

t.test('a write whose answer is lost, and whose repetition is refused, is not taken for another\'s', async t => {
  let updates = 0
  const { store, calm } = await stores(t, (connection, statement, callback) => {
    if (!statement.sql.includes('UPDATE') || ++updates > 2) return false
    if (updates === 2) {
      callback(Object.assign(new Error('Lock wait timeout exceeded'), { errno: 1205 }), undefined)
    } else {
      connection.execute(statement as never, () => {
        connection.destroy()
        callback(new Error('read ECONNRESET'), undefined)
      })
    }
    return true
  })
  const tokens = [newToken(), newToken()]
  const data = tokens.map(() => encode(1))
  for (const [i, token] of tokens.entries()) await calm.insert({ token, data: data[i] as Uint8Array, ttl: TTL })
  const updated = await Promise.allSettled(tokens.map(async (token, i) => await store.update({ token, data: encode(2), ttl: TTL, seen: headOf(data[i] as Uint8Array) })))
  for (const outcome of updated) {
    if (outcome.status === 'fulfilled') t.equal(outcome.value.kind, 'saved')
    else t.match(outcome.reason, { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  }
  t.strictSame(await numbers(calm, tokens), [2, 2])
})

t.test('headers of two lengths go in two statements: what the first has saved is saved, though the second fails', async t => {
  let updates = 0
  const { store, calm } = await stores(t, (_connection, { sql }, callback) => {
    if (!sql.includes('UPDATE') || ++updates !== 2) return false
    callback(Object.assign(new Error('Lock wait timeout exceeded'), { errno: 1205 }), undefined)
    return true
  })
  const [first, second] = [newToken(), newToken()]
  const [one, two] = [encode(1), encode(1)]
  await calm.insert({ token: first, data: one, ttl: TTL })
  await calm.insert({ token: second, data: two, ttl: TTL })
  const [saved, other] = await Promise.all([
    store.update({ token: first, data: encode(2), ttl: TTL, seen: headOf(one) }),
    store.update({ token: second, data: encode(2), ttl: TTL, seen: { bytes: two.subarray(0, 20), whole: false } })
  ])
  t.equal(saved.kind, 'saved')
  t.equal(other.kind, 'changed', 'it is told what there is, and tries again')
  t.strictSame(await numbers(calm, [first, second]), [2, 1])
})

t.test('a transaction whose COMMIT was not answered is not repeated if somebody has written on top of it', async t => {
  let lose: (() => Promise<unknown>) | undefined
  const { store, calm } = await stores(t, (connection, { sql }, callback) => {
    if (sql !== 'COMMIT' || lose === undefined) return false
    const then = lose
    lose = undefined
    connection.query('COMMIT', () => {
      void then().then(() => {
        connection.destroy()
        callback(new Error('read ECONNRESET'), undefined)
      })
    })
    return true
  })
  const token = newToken()
  const increment = (store: SessionStore) => {
    let times = 0
    const done = store.rewrite([token], ({ sessions: [session] }) => {
      times++
      return [{ kind: 'update', session: { token, data: encode(Number(nIn(session)) + 1), ttl: TTL } }]
    })
    return { done, times: () => times }
  }
  await calm.insert({ token, data: encode(0), ttl: TTL })

  lose = async () => {}
  const alone = increment(store)
  await alone.done
  t.equal(alone.times(), 1)
  t.strictSame(await numbers(calm, [token]), [1], 'nobody was in between: it is known to be done')

  lose = async () => { await increment(calm).done }
  const overwritten = increment(store)
  await t.rejects(overwritten.done, { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  t.equal(overwritten.times(), 1)
  t.strictSame(await numbers(calm, [token]), [3], 'both were counted once')
})

t.test('a transaction of which the COMMIT did not arrive is repeated', async t => {
  let times = 0
  let armed = true
  const { store, calm } = await stores(t, (connection, { sql }, callback) => {
    if (sql !== 'COMMIT' || !armed) return false
    armed = false
    connection.destroy()
    callback(new Error('read ECONNRESET'), undefined)
    return true
  })
  const [token, renewed] = [newToken(), newToken()]
  await calm.insert({ token, data: encode(0), ttl: TTL })
  await store.rewrite([token], ({ sessions: [session] }) => {
    times++
    return [{ kind: 'move', token, to: renewed }, { kind: 'insert', session: { token: renewed, data: encode(Number(nIn(session)) + 1), ttl: TTL } }]
  })
  t.equal(times, 2)
  t.strictSame(await numbers(calm, [token, renewed]), [undefined, 1])
})

t.test('after a failover, connections to a server that is read-only now are given up, and the write goes to the new one', async t => {
  const demoted = new Set<number | null>()
  let isOver = false
  const { store, calm } = await stores(t, (connection, { sql }, callback) => {
    if (isOver && demoted.size === 0) demoted.add(connection.threadId)
    if (!demoted.has(connection.threadId) || !/UPDATE|INSERT|DELETE/.test(sql)) return false
    callback(Object.assign(new Error('The MySQL server is running with the --read-only option'), { errno: 1290 }), undefined)
    return true
  })
  const [token, renewed] = [newToken(), newToken()]
  const [one, two] = [encode(1), encode(2)]
  await calm.insert({ token, data: one, ttl: TTL })
  isOver = true
  t.strictSame(await store.update({ token, data: two, ttl: TTL, seen: headOf(one) }), { kind: 'saved' })
  demoted.clear()
  await store.rewrite([token], () => [{ kind: 'move', token, to: renewed }, { kind: 'insert', session: { token: renewed, data: two, ttl: TTL } }])
  t.strictSame(await numbers(calm, [token, renewed]), [undefined, 2])
})

t.test('a first contact takes no longer than the timeout, however many questions it has', async t => {
  let asked = 0
  const warnings: string[] = []
  const { url } = await makeDatabase(t)
  const pool = createPool({ uri: url, connectionLimit: 10 })
  const slow: Meddle = (connection, statement, callback) => {
    asked++
    setTimeout(() => connection.query(statement as never, callback as never), 200)
    return true
  }
  const store = mysqlStore(meddledPool(pool, slow), { createTable: true, cleanupInterval: 0, storeTimeout: 500 })
  t.equal(await store.open({ warn (_details, message) { warnings.push(message) }, error () {} }), undefined)
  t.match(warnings, [/cannot be reached/])
  t.ok(asked <= 3, 'the time is that of all questions together')
  await store.close()
  await new Promise(resolve => pool.end(resolve))
})

t.test('where a server cannot bound the wait for a lock: while a statement that waited is being killed, no other is sent that the kill could hit', async t => {
  const killing = latch()
  const kill = latch()
  let isUnderWay = false
  const updated = latch()
  const sent: string[] = []
  const { store, calm, database: { connection } } = await stores(t, (other, statement, callback) => {
    if (isUnderWay) sent.push(statement.sql)
    if (statement.sql.startsWith('KILL')) {
      isUnderWay = true
      killing.open()
      void kill.opened.then(() => {
        isUnderWay = false
        other.query(statement as never, callback as never)
      })
      return true
    }
    if (!statement.sql.includes('UPDATE')) return false
    other.execute(statement as never, (error: Error | null, result: unknown) => {
      updated.open()
      callback(error, result)
    })
    return true
  }, { storeTimeout: 2400 }, { dialect: plain, countsRows: false })
  const [locked, changed] = [newToken(), newToken()]
  const [one, two] = [encode(1), encode(1)]
  await calm.insert({ token: locked, data: one, ttl: TTL })
  await calm.insert({ token: changed, data: two, ttl: TTL })
  await calm.update({ token: changed, data: encode(5), ttl: TTL, seen: headOf(two) })
  await connection.query('START TRANSACTION')
  await connection.query('SELECT token FROM sessions WHERE token = ? FOR UPDATE', [locked])
  const outcomes = Promise.all([
    store.update({ token: locked, data: encode(2), ttl: TTL, seen: headOf(one) }),
    store.update({ token: changed, data: encode(2), ttl: TTL, seen: headOf(two) })
  ])
  await killing.opened
  await connection.query('COMMIT')
  await updated.opened
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(sent, [])
  kill.open()
  t.match(await outcomes, [{ kind: 'saved' }, { kind: 'changed' }])
})

t.test('a write that the database undoes again and again for a deadlock is saved in the end, alone and in a transaction', async t => {
  let left = 8
  const { store, calm } = await stores(t, (_connection, statement, callback) => {
    if (!/UPDATE/.test(statement.sql) || left-- <= 0) return false
    callback(Object.assign(new Error('Deadlock found when trying to get lock'), { errno: 1213 }), undefined)
    return true
  }, { storeTimeout: 60_000 })
  const token = newToken()
  const data = encode(1)
  await calm.insert({ token, data, ttl: TTL })
  t.match(await store.update({ token, data: encode(2), ttl: TTL, seen: headOf(data) }), { kind: 'saved' })
  t.ok(left < 0, 'all of them were met')
  left = 8
  // Its SELECT ends in FOR UPDATE.
  await store.rewrite([token], ({ sessions: [session] }) => [{ kind: 'update', session: { token, data: encode(Number(nIn(session)) + 1), ttl: TTL } }])
  t.ok(left < 0)
  t.strictSame(await numbers(calm, [token]), [3])
})
