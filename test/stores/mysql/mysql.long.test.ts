import { randomBytes } from 'node:crypto'
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import { type RowDataPacket } from 'mysql2'
import { createConnection as createPromiseConnection } from 'mysql2/promise'
import t from 'tap'
import { SCS_TABLE } from '../../support/database.js'
import { startServer } from '../../support/mysql-server.js'
import { dataOf, HOUR, newSession, opened, poolFor, scsDatabase, whole } from '../../support/mysql-store.js'
import { mysqlStore } from '../../../stores/mysql/mysql.js'
import type { Outcome, SessionStore, StoredSession } from '../../../stores/store.js'

t.test('what the server takes no packet for is refused, and many large sessions go in several statements', async t => {
  const server = await startServer(['--max-allowed-packet=256K'])
  t.teardown(async () => { await server.stop() })
  const admin = await createPromiseConnection({ uri: server.url(), multipleStatements: true })
  await admin.query('CREATE DATABASE sessions')
  await admin.end()
  const store = await opened(t, server.url('sessions'), { createTable: true })
  await t.rejects(store.insert(newSession(randomBytes(300_000))), { code: 'FST_SESSION_TOO_LARGE', message: /max_allowed_packet/ })
  const sizes = [200_000, ...Array.from({ length: 20 }, () => 60_000), ...Array.from({ length: 32 }, () => 100), 220_000]
  const sessions = sizes.map(size => newSession(randomBytes(size)))
  t.strictSame(await Promise.all(sessions.map(async session => await store.insert(session))), sessions.map(() => true))
  const changes = sessions.map(({ token, data }) => newSession(randomBytes(data.length), token))
  const outcomes = await Promise.all(changes.map(async (change, i) => await store.update({ ...change, seen: { bytes: sessions[i]?.data.subarray(0, 20) ?? change.data, whole: false } })))
  t.strictSame(outcomes, changes.map(() => ({ kind: 'saved' })))
  for (const { token, data } of changes) t.equal(Buffer.compare((await store.find([token])).sessions[0]?.data ?? Buffer.alloc(0), data), 0)
})

t.test('where the expiry would set itself with every update, sessions live', async t => {
  const server = await startServer(['--explicit-defaults-for-timestamp=OFF'])
  t.teardown(async () => { await server.stop() })
  const admin = await createPromiseConnection({ uri: server.url(), multipleStatements: true })
  await admin.query(`CREATE DATABASE a; CREATE DATABASE b; USE a; ${SCS_TABLE}`)
  const [[scs]] = await admin.query<RowDataPacket[]>('SHOW CREATE TABLE sessions') as unknown as [[{ 'Create Table': string }]]
  t.match(scs['Create Table'], /ON UPDATE/i, 'the table of SCS is like that here')
  for (const database of ['a', 'b']) {
    const store = await opened(t, server.url(database), { createTable: true })
    const session = newSession()
    await store.insert(session)
    t.same(await store.update({ ...session, data: Buffer.from('next'), seen: whole(session.data) }), { kind: 'saved' })
    await store.rewrite([session.token], () => [{ kind: 'update', session: { ...session, data: Buffer.from('last') } }])
    t.equal(await dataOf(store, session.token), 'last')
  }
  const ours = newSession()
  await (await opened(t, server.url('b'))).insert(ours)
  await admin.query('UPDATE b.sessions SET data = ? WHERE token = ?', ['by hand', ours.token])
  t.equal(await dataOf(await opened(t, server.url('b')), ours.token), 'by hand', 'our own table never sets it')
  await admin.end()
})

t.test('the rights that the README asks for are enough', async t => {
  const server = await startServer()
  t.teardown(async () => { await server.stop() })
  const admin = await createPromiseConnection({ uri: server.url(), multipleStatements: true })
  await admin.query('CREATE DATABASE shop; CREATE USER app@\'127.0.0.1\' IDENTIFIED BY \'secret\'; GRANT SELECT, INSERT, UPDATE, DELETE, CREATE ON shop.sessions TO app@\'127.0.0.1\'')
  const url = `mysql://app:secret@127.0.0.1:${server.port}/shop`
  await opened(t, url, { createTable: true })
  await admin.query('REVOKE CREATE ON shop.sessions FROM app@\'127.0.0.1\'')
  const errors: unknown[] = []
  const store = mysqlStore(url, { cleanupInterval: 1 })
  await store.open({ warn: details => { errors.push(details) }, error: details => { errors.push(details) } })

  const [session, renewed] = [newSession(), newSession()]
  await store.insert({ ...newSession(), ttl: 1 })
  await store.insert(session)
  t.same(await store.update({ ...session, seen: whole(session.data) }), { kind: 'saved' })
  await store.touch({ token: session.token, seen: whole(session.data), ttl: 2 * HOUR, atLeast: 0 })
  await store.rewrite([session.token], () => [{ kind: 'move', token: session.token, to: renewed.token }, { kind: 'insert', session: renewed }])
  const tokens: string[] = []
  for await (const { token } of store.scan()) tokens.push(token)
  t.strictSame(tokens, [renewed.token])
  await store.delete(session.token)
  t.equal(await dataOf(store, renewed.token), undefined)
  // The cleanup runs by itself.
  const rows = async () => (await admin.query<RowDataPacket[]>('SELECT token FROM shop.sessions WHERE token <> ?', [session.token]))[0].length
  for (let i = 0; i < 1000 && await rows() > 0; i++) await store.find([])
  t.equal(await rows(), 0)
  await store.close()
  await admin.end()
  t.strictSame(errors, [])
})

t.test('eight stores that count on few rows at once: as many are saved as were counted', async t => {
  const { url } = await scsDatabase(t)
  const stores = await Promise.all(Array.from({ length: 8 }, async () => await opened(t, url)))
  const counters = Array.from({ length: 5 }, () => newSession(`${randomBytes(8).toString('hex')} 0`))
  for (const counter of counters) await stores[0]?.insert(counter)
  let saved = 0
  await Promise.all(stores.flatMap(store => counters.map(async ({ token }) => {
    for (let i = 0; i < 20; i++) {
      const { sessions: [found] } = await store.find([token])
      const data = Buffer.from((found as StoredSession).data)
      const next = Buffer.from(`${randomBytes(8).toString('hex')} ${Number(data.subarray(17)) + 1}`)
      const outcome: Outcome = await store.update({ token, data: next, ttl: HOUR, seen: { bytes: data.subarray(0, 16), whole: false } })
      if (outcome.kind === 'saved') saved++
    }
  })))
  const texts = await Promise.all(counters.map(async ({ token }) => await dataOf(stores[0] as SessionStore, token)))
  t.equal(texts.reduce((sum, text) => sum + Number(text?.slice(17)), 0), saved)
  t.ok(saved >= 5 * 20, 'somebody was first each time')
})

t.test('a scan of a hundred thousand sessions holds a few pages of them, whatever is in their rows', async t => {
  const { url, connection } = await scsDatabase(t)
  await connection.query('INSERT INTO sessions VALUES (LEFT(SHA2(0, 256), 40), REPEAT(\'x\', 500), UTC_TIMESTAMP() + INTERVAL 2 DAY)')
  for (let rows = 1; rows < 100_000; rows *= 2) {
    await connection.query(`INSERT INTO sessions SELECT LEFT(SHA2(CONCAT(token, ${rows}), 256), 40), data, expiry FROM sessions`)
  }
  await connection.query('UPDATE sessions SET data = 0xff00fe WHERE token LIKE \'7%\' LIMIT 10')
  const store = await opened(t, url)
  setFlagsFromString('--expose-gc')
  const collectGarbage = runInNewContext('gc') as () => void
  const used = () => {
    collectGarbage()
    const { arrayBuffers, heapUsed } = process.memoryUsage()
    return arrayBuffers + heapUsed
  }
  let [count, damaged, most, previous] = [0, 0, 0, '']
  const before = used()
  for await (const { token, data } of store.scan(500)) {
    if (token <= previous) t.fail('in order')
    previous = token
    if (data.length === 3) damaged++
    if (++count % 10_000 === 0) most = Math.max(most, used() - before)
  }
  t.equal(count, 131_072)
  t.equal(damaged, 10)
  t.ok(most < 20e6, `${Math.round(most / 1e6)} of 80 MB`)
})

for (const connectionLimit of [1, 2, 3, 10]) {
  t.test(`a pool of ${connectionLimit} is enough, and no more than half of it is used at once`, async t => {
    const { url, connection } = await scsDatabase(t)
    const pool = poolFor(t, { uri: url, connectionLimit })
    let [lent, most] = [0, 0]
    pool.on('acquire', () => { most = Math.max(most, ++lent) })
    pool.on('release', () => { lent-- })
    await connection.query('INSERT INTO sessions SELECT LEFT(SHA2(1, 256), 40), \'x\', UTC_TIMESTAMP() - INTERVAL 1 DAY')
    for (let rows = 1; rows < 4000; rows *= 2) {
      await connection.query(`INSERT INTO sessions SELECT LEFT(SHA2(CONCAT(token, ${rows}), 256), 40), data, expiry FROM sessions`)
    }
    const store = await opened(t, pool, { cleanupInterval: 1 })
    const work = async () => {
      const session = newSession()
      t.equal(await store.insert(session), true)
      const next = newSession('next', session.token)
      t.same(await store.update({ ...next, seen: whole(session.data) }), { kind: 'saved' })
      await store.rewrite([session.token], () => [{ kind: 'update', session }])
      t.equal(await dataOf(store, session.token), 'data')
      await store.deleteExpired(1)
      await store.delete(session.token)
    }
    await Promise.all(Array.from({ length: 20 }, work))
    // The cleanup has come to an end when nothing that is expired is left.
    for (let left = 1, rounds = 0; left > 0; rounds++) {
      if (rounds === 1000) t.fail('it does not end')
      const [[row]] = await connection.query('SELECT COUNT(*) AS n FROM sessions') as unknown as [[{ n: number }]]
      left = row.n
      await work()
    }
    await store.close()
    t.ok(most <= Math.max(1, connectionLimit >> 1), `${most} of ${connectionLimit}`)
  })
}
