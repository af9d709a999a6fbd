import { Readable } from 'node:stream'
import { createPool } from 'mysql2'
import { createConnection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { mysqlStore, type SessionOptions } from '../../../plugin/index.js'
import { hashToken, newToken } from '../../../plugin/token.js'
import { dataOf, makeApplication, mysqlOptions, newSession, type Deed, type Visit } from '../../support/application.js'
import { Barrier } from '../../support/barrier.js'
import { makeDatabase, waitUntilBlocked, type Database } from '../../support/database.js'
import { startServer } from '../../support/mysql-server.js'
import { startProxy, through } from '../../support/proxy.js'

const rejections: unknown[] = []
process.on('unhandledRejection', error => { rejections.push(error) })

/** An application whose way to the database can be disturbed, and one that is not disturbed. */
async function disturbed (t: Test, options: SessionOptions = {}, prepare: Parameters<typeof makeApplication>[3] = () => {}) {
  const database = await makeDatabase(t)
  const calm = makeApplication(t, mysqlOptions(database))
  await calm.app.ready()
  const proxy = await startProxy(t, Number(new URL(database.url).port))
  const application = makeApplication(t, { ...mysqlOptions(database), mysql: through(proxy, database.url), ...options }, {}, prepare)
  await application.app.ready()
  return { database, proxy, application, calm }
}

const put = (key: string, value: unknown): Deed => ({ session }) => { session.put(key, value); return 'a secret' }

function isRefused (t: Test, visit: Visit): void {
  t.equal(visit.status, 503)
  t.match(JSON.parse(visit.body), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  t.notMatch(visit.body, 'secret')
  t.match(visit.headers['retry-after'], /^\d+$/)
  t.equal(visit.token, undefined, 'no cookie')
  t.match(visit.headers['content-type'], 'application/json')
}

t.test('a commit that fails is answered with 503, nothing of the handler\'s body, and no cookie; the same request again succeeds', async t => {
  const { proxy, application, calm } = await disturbed(t)
  const token = await newSession(calm)
  const discarded: string[] = []
  const deeds: Record<string, Deed> = {
    'a body': put('a', 1),
    'headers about the body': async ({ session }, reply) => {
      session.put('a', 1)
      reply.headers({ etag: '"1"', 'content-encoding': 'x', location: '/secret', 'cache-control': 'public, max-age=3600', 'content-disposition': 'attachment' })
      reply.code(201)
      return 'a secret'
    },
    'a stream': ({ session }, reply) => {
      session.put('a', 1)
      return reply.type('text/csv').send(Readable.from(['a ', 'secret']).on('close', () => { discarded.push('stream') }))
    },
    'a web stream': ({ session }, reply) => {
      session.put('a', 1)
      return reply.type('text/csv').send(new ReadableStream({ cancel () { discarded.push('web stream') } }))
    },
    'a response': ({ session }, reply) => {
      session.put('a', 1)
      return reply.send(new Response(new ReadableStream({ cancel () { discarded.push('response') } }), { status: 201 }))
    },
    'an error': ({ session }) => {
      session.put('a', 1)
      throw Object.assign(new Error('a secret'), { statusCode: 418 })
    },
    'a new token': ({ session }) => { session.renewToken(); return 'a secret' },
    'a sign-out': async ({ session }) => { await session.destroy(); return 'a secret' },
    'a sign-out that is not waited for': ({ session }) => { void session.destroy(); return 'a secret' },
    'a commit of its own': async ({ session }) => {
      session.put('a', 1)
      await session.commit()
      return 'a secret'
    },
    'a commit of its own whose failure it does not mind': async ({ session }) => {
      session.put('a', 1)
      await session.commit().catch(() => {})
      return 'a secret'
    },
    'a merge': async ({ session }) => {
      await session.mergeSession(await newSession(calm))
      return 'a secret'
    }
  }
  for (const [name, deed] of Object.entries(deeds)) {
    await t.test(name, async t => {
      const visit = await application.visit(token, async (request, reply) => {
        proxy.refuse()
        return await deed(request, reply)
      })
      isRefused(t, visit)
      for (const header of ['etag', 'content-encoding', 'location', 'cache-control', 'content-disposition']) t.equal(visit.headers[header], undefined, header)
      proxy.resume()
      t.match(await dataOf(application, token), { user: 'ada' }, 'the session is as it was')
    })
  }
  t.strictSame(discarded, ['stream', 'web stream', 'response'], 'streams that nobody reads are closed')
  proxy.resume()
  t.equal((await application.visit(token, put('a', 1))).status, 200)
  t.strictSame(await dataOf(calm, token), { user: 'ada', a: 1 })

  const anonymous = await application.visit(undefined, async (request, reply) => {
    proxy.refuse()
    return await put('a', 1)(request, reply)
  })
  isRefused(t, anonymous)
})

t.test('a request that cannot be loaded is answered with 503, and the handler does not run', async t => {
  const { proxy, application, calm } = await disturbed(t)
  const token = await newSession(calm)
  proxy.refuse()
  let ran = false
  isRefused(t, await application.visit(token, () => { ran = true; return 'a secret' }))
  t.equal(ran, false)
  t.equal((await application.visit(undefined, () => 'ok')).status, 200, 'without a cookie nothing is asked')
  proxy.resume()
  t.strictSame(await dataOf(application, token), { user: 'ada' })
})

t.test('a failed commit reaches the application\'s error handler, with the status set', async t => {
  const { proxy, application, calm } = await disturbed(t, {}, app => {
    app.setErrorHandler<Error & { code: string }>((error, _request, reply) => reply.type('text/html').send(`<p>${error.code} ${reply.statusCode}</p>`))
  })
  const token = await newSession(calm)
  const visit = await application.visit(token, async (request, reply) => {
    proxy.refuse()
    return await put('a', 1)(request, reply)
  })
  t.equal(visit.status, 503)
  t.equal(visit.body, '<p>FST_SESSION_STORE_UNAVAILABLE 503</p>')
  t.ok(visit.headers['retry-after'])
  t.equal(visit.token, undefined)

  proxy.resume()
  const failing = await application.visit(token, async ({ session }) => {
    session.put('a', 1)
    proxy.refuse()
    throw Object.assign(new Error('a secret'), { code: 'a secret' })
  })
  isRefused(t, failing)
})

t.test('an onSend hook of the application that throws after the commit does not commit, or count, twice', async t => {
  let failing = false
  const { application, calm } = await disturbed(t, {}, app => {
    app.addHook('onSend', async () => { if (failing) throw new Error('the hook fails') })
  })
  const token = await newSession(calm)
  failing = true
  const visit = await application.visit(token, ({ session }) => { session.update('n', n => Number(n ?? 0) + 1); return 'ok' })
  t.equal(visit.status, 500)
  const created = await application.visit(undefined, put('a', 1))
  t.equal(created.status, 500)
  t.equal([created.headers['set-cookie']].flat().length, 1, 'the cookie of what was committed is set once')
  failing = false
  t.strictSame(await dataOf(calm, token), { user: 'ada', n: 1 })
  t.strictSame(await dataOf(calm, created.token), { a: 1 })
})

t.test('a renewal that fails half way leaves the old session as it was', async t => {
  const { database, proxy, application, calm } = await disturbed(t)
  for (const text of ['START TRANSACTION', 'FSS1 renewed as', '"half":1', 'COMMIT']) {
    const token = await newSession(calm)
    const cut = proxy.cutBefore(text)
    const visit = await application.visit(token, async ({ session }) => {
      session.renewToken()
      session.put('half', 1)
      // Once is repeated; so the way is closed as soon as it has happened.
      void cut.then(() => { proxy.refuse() })
      return 'a secret'
    })
    isRefused(t, visit)
    proxy.resume()
    t.strictSame(await dataOf(calm, token), { user: 'ada' }, `cut before ${text}`)
    await database.connection.query('DELETE FROM sessions')
  }
})

t.test('a merge that fails half way leaves both sessions as they were', async t => {
  const { proxy, application, calm } = await disturbed(t)
  for (const text of ['START TRANSACTION', '"half":1', 'COMMIT']) {
    const token = await newSession(calm, { a: 1 })
    const other = await newSession(calm, { b: 1 })
    const visit = await application.visit(token, async ({ session }) => {
      await session.mergeSession(other)
      session.put('half', 1)
      void proxy.cutBefore(text).then(() => { proxy.refuse() })
      return 'a secret'
    })
    isRefused(t, visit)
    proxy.resume()
    t.strictSame(await dataOf(calm, token), { a: 1 }, `cut before ${text}`)
    t.strictSame(await dataOf(calm, other), { b: 1 })
  }
})

t.test('what is cut before it was carried out, or after, is done once', async t => {
  const { database, proxy, application, calm } = await disturbed(t)
  const count: Deed = ({ session }) => { session.update('n', n => Number(n ?? 0) + 1); return 'ok' }
  const answer = { answer: (text: string) => proxy.loseAnswerTo(text), statement: (text: string) => proxy.cutBefore(text) }
  for (const [what, disturb] of Object.entries(answer)) {
    await t.test(`an update whose ${what} is lost`, async t => {
      const token = await newSession(calm, { n: 0 })
      await application.visit(token, count)
      const lost = disturb('"n":2')
      const visit = await application.visit(token, count)
      await lost
      t.equal(visit.status, 200)
      t.strictSame(await dataOf(calm, token), { n: 2 })
      t.equal((await application.visit(token, count)).status, 200)
      t.strictSame(await dataOf(calm, token), { n: 3 })
    })
    await t.test(`a renewal whose ${what} is lost`, async t => {
      const token = await newSession(calm, { n: 0 })
      const lost = disturb('COMMIT')
      const visit = await application.visit(token, (request, reply) => { request.session.renewToken(); return count(request, reply) })
      await lost
      t.equal(visit.status, 200)
      t.strictSame(await dataOf(calm, visit.token), { n: 1 })
      t.strictSame(await dataOf(calm, token), {})
    })
    await t.test(`a sign-out whose ${what} is lost`, async t => {
      const token = await newSession(calm)
      const lost = disturb(hashToken(token))
      const visit = await application.visit(undefined, async () => {
        const { body } = await application.visit(token, async ({ session }) => { await session.destroy(); return 'signed out' })
        return body
      })
      await lost
      t.equal(visit.body, 'signed out')
      t.strictSame(await dataOf(calm, token), {})
    })
    await t.test(`a read whose ${what} is lost`, async t => {
      const token = await newSession(calm)
      const lost = disturb(hashToken(token))
      t.strictSame(await dataOf(application, token), { user: 'ada' })
      await lost
    })
  }
  await t.test('a new session whose answer is lost is found', async t => {
    await database.connection.query('DELETE FROM sessions')
    const lost = proxy.loseAnswerTo('"fresh":1')
    const { status, token } = await application.visit(undefined, put('fresh', 1))
    await lost
    t.equal(status, 200)
    t.strictSame(await dataOf(calm, token), { fresh: 1 })
    const [rows] = await database.connection.query('SELECT 1 FROM sessions')
    t.equal((rows as unknown[]).length, 1)
  })
  await t.test('a new session whose statement is lost is made under another token', async t => {
    const lost = proxy.cutBefore('"fresh":2')
    const { status, token } = await application.visit(undefined, put('fresh', 2))
    await lost
    t.equal(status, 200)
    t.strictSame(await dataOf(calm, token), { fresh: 2 })
  })
  await t.test('a count among others, whose answer is lost, is exact', async t => {
    const token = await newSession(calm, { n: 0 })
    const lost = proxy.loseAnswerTo('"n":')
    const loaded = new Barrier(20)
    const visits = await Promise.all(Array.from({ length: 20 }, async () => await application.visit(token, async (request, reply) => {
      await loaded.arrive()
      return await count(request, reply)
    })))
    await lost
    t.strictSame(visits.filter(({ status }) => status !== 200), [])
    t.strictSame(await dataOf(calm, token), { n: 20 })
  })
})

t.test('a real deadlock is repeated', async t => {
  const database = await makeDatabase(t)
  const application = makeApplication(t, mysqlOptions(database))
  const tokens = [await newSession(application, { a: 1 }), await newSession(application, { b: 1 })]
  const [low, high] = tokens.toSorted((a, b) => hashToken(a) < hashToken(b) ? -1 : 1) as [string, string]
  const { connection } = database
  // We hold the higher row; the merge takes the lower one and waits for ours; then we ask for the lower one.
  await connection.query('START TRANSACTION')
  await connection.query('UPDATE sessions SET expiry = expiry + INTERVAL 1 SECOND WHERE token = ?', [hashToken(high)])
  // The more a transaction has changed, the less it is chosen as the victim.
  await connection.query(`INSERT INTO sessions (token, data, expiry) VALUES ${Array.from({ length: 50 }, (_, i) => `('weight${i}', 'x', UTC_TIMESTAMP(6))`).join()}`)
  const visiting = application.visit(low, async ({ session }) => {
    await session.mergeSession(high)
    session.put('merged', true)
    return 'ok'
  })
  await waitUntilBlocked(database)
  await connection.query('UPDATE sessions SET expiry = expiry + INTERVAL 1 SECOND WHERE token = ?', [hashToken(low)])
  await connection.query('ROLLBACK')
  t.equal((await visiting).status, 200)
  t.strictSame(await dataOf(application, low), { a: 1, b: 1, merged: true })
  const [[{ Value: deadlocks } = {}]] = await connection.query('SHOW GLOBAL STATUS LIKE \'Innodb_deadlocks\'') as unknown as [Array<{ Value?: string }>]
  if (deadlocks !== undefined) t.ok(Number(deadlocks) > 0, 'there was a deadlock')
})

/** Locks the row of a session until the function that it gives is called. */
async function lockRow ({ connection }: Database, token: string): Promise<() => Promise<void>> {
  await connection.query('START TRANSACTION')
  await connection.query('SELECT 1 FROM sessions WHERE token = ? FOR UPDATE', [hashToken(token)])
  return async () => { await connection.query('ROLLBACK') }
}

const locked: Record<string, Deed> = {
  'writes to': put('a', 1),
  renews: ({ session }) => { session.renewToken(); return 'ok' },
  ends: async ({ session }) => { await session.destroy(); return 'ok' },
  'only touches': () => 'ok',
}
for (const [what, deed] of Object.entries(locked)) {
  t.test(`somebody else holds the row of a session, whose browser sends many requests that it ${what}: all others are answered meanwhile`, async t => {
    const database = await makeDatabase(t)
    const options = { ...mysqlOptions(database), ...(what === 'only touches' ? { idleTimeout: 3_600_000, touchInterval: 0 } : {}) }
    const application = makeApplication(t, options)
    const victim = await newSession(application)
    const others = await Promise.all(Array.from({ length: 20 }, async () => await newSession(application)))
    const unlock = await lockRow(database, victim)

    const loaded = new Barrier(8)
    const waiting = Array.from({ length: 8 }, async () => await application.visit(victim, async (request, reply) => {
      await loaded.arrive()
      return await deed(request, reply)
    }))
    await loaded.full
    for (let round = 0; round < 3; round++) {
      const all = new Barrier(20)
      const visits = await Promise.all(others.map(async (other, i) => await application.visit(other, async request => {
        await all.arrive()
        if (i % 4 === 0) request.session.renewToken()
        request.session.put('round', round)
        return 'ok'
      })))
      t.strictSame(visits.filter(({ status }) => status !== 200), [], 'all others are answered')
      visits.forEach(({ token }, i) => { others[i] = token ?? others[i] as string })
    }
    await unlock()
    for (const { status } of await Promise.all(waiting)) t.ok([200, 409, 503].includes(status), String(status))
    await application.app.close()
  })
}

t.test('a server that accepts and never answers costs each request its time and no more, and the user\'s pool nothing', async t => {
  const database = await makeDatabase(t)
  const proxy = await startProxy(t, Number(new URL(database.url).port))
  const pool = createPool({ uri: through(proxy, database.url), connectionLimit: 10 })
  t.teardown(() => { pool.end(() => {}) })
  const token = await newSession(makeApplication(t, mysqlOptions(database)))
  const application = makeApplication(t, { ...mysqlOptions(database), mysql: pool, storeTimeout: 300 })
  await application.app.ready()

  proxy.stall()
  for (let round = 0; round < 2; round++) {
    const visits = await Promise.all(Array.from({ length: 20 }, async () => await application.visit(token, put('a', 1))))
    for (const visit of visits) isRefused(t, visit)
  }
  const whileStalled = await Promise.all(Array.from({ length: 5 }, async () => await application.visit(undefined, put('b', 1))))
  for (const visit of whileStalled) isRefused(t, visit)
  proxy.resume()
  t.equal((await application.visit(token, put('a', 1))).status, 200)
  // Every connection can be had, so none has been kept.
  const all = await Promise.all(Array.from({ length: 10 }, async () => await pool.promise().getConnection()))
  await Promise.all(all.map(async connection => await connection.query('SELECT 1')))
  for (const connection of all) connection.release()
})

t.test('when the user\'s pool has no free connection, requests are answered with 503', async t => {
  const database = await makeDatabase(t)
  const pool = createPool({ uri: database.url, connectionLimit: 3 })
  t.teardown(() => { pool.end(() => {}) })
  const token = await newSession(makeApplication(t, mysqlOptions(database)))
  const application = makeApplication(t, { ...mysqlOptions(database), mysql: pool, storeTimeout: 1000 })
  await application.app.ready()
  const taken = await Promise.all(Array.from({ length: 3 }, async () => await pool.promise().getConnection()))
  isRefused(t, await application.visit(token, put('a', 1)))
  for (const connection of taken) connection.release()
  t.equal((await application.visit(token, put('a', 1))).status, 200)
  const again = await Promise.all(Array.from({ length: 3 }, async () => await pool.promise().getConnection()))
  for (const connection of again) connection.release()
})

t.test('in a short time too a locked row costs only its own requests', async t => {
  const database = await makeDatabase(t)
  const application = makeApplication(t, { ...mysqlOptions(database), storeTimeout: 900 })
  const tokens = await Promise.all(Array.from({ length: 10 }, async () => await newSession(application)))
  const unlock = await lockRow(database, tokens[4] as string)
  const loaded = new Barrier(10)
  const visits = await Promise.all(tokens.map(async token => await application.visit(token, async (request, reply) => {
    await loaded.arrive()
    return await put('a', 1)(request, reply)
  })))
  t.strictSame(visits.map(({ status }) => status), tokens.map((_, i) => i === 4 ? 503 : 200))
  await unlock()
})

t.test('a pool of one connection is not lost to a statement that nobody can end', async t => {
  const database = await makeDatabase(t)
  const pool = createPool({ uri: database.url, connectionLimit: 1 })
  t.teardown(() => { pool.end(() => {}) })
  const application = makeApplication(t, { ...mysqlOptions(database), mysql: pool, storeTimeout: 900 })
  const tokens = [await newSession(application), await newSession(application)]
  const unlock = await lockRow(database, tokens[0] as string)
  const loaded = new Barrier(2)
  const visits = await Promise.all(tokens.map(async token => await application.visit(token, async (request, reply) => {
    await loaded.arrive()
    return await put('a', 1)(request, reply)
  })))
  isRefused(t, visits[0] as Visit)
  await unlock()
  for (const token of tokens) t.equal((await application.visit(token, put('b', 1))).status, 200)
})

t.test('while 10,000 requests wait, the next one is refused at once', async t => {
  const database = await makeDatabase(t)
  const proxy = await startProxy(t, Number(new URL(database.url).port))
  const store = mysqlStore(through(proxy, database.url), { createTable: true, cleanupInterval: 0, storeTimeout: 3000 })
  const application = makeApplication(t, { store })
  const token = await newSession(application)
  proxy.stall()
  let answered = 0
  const waiting = Array.from({ length: 10_000 }, async () => { await store.find([token]).catch(() => {}); answered++ })
  const visit = await application.visit(token, () => 'a secret')
  t.equal(answered, 0, 'the others still wait')
  isRefused(t, visit)
  t.match(visit.body, '10000 requests are waiting')
  await Promise.all(waiting)
  proxy.resume()
  t.equal((await application.visit(token, () => 'ok')).status, 200)
})

t.test('while 10,000 requests wait for the first contact, the next one is refused at once', async t => {
  const database = await makeDatabase(t)
  const proxy = await startProxy(t, Number(new URL(database.url).port))
  proxy.stall()
  const store = mysqlStore(through(proxy, database.url), { createTable: true, cleanupInterval: 0, storeTimeout: 60_000 })
  const token = newToken()
  let answered = 0
  const waiting = Array.from({ length: 10_000 }, async () => { await store.find([token]); answered++ })
  await t.rejects(store.find([token]), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /10000 requests are waiting/ })
  t.equal(answered, 0, 'the others still wait')
  proxy.resume()
  await Promise.all(waiting)
  await store.close()
})

t.test('four rows are locked by somebody else, and a request waits for each: reads and writes of other sessions do not notice', async t => {
  const database = await makeDatabase(t)
  const application = makeApplication(t, { ...mysqlOptions(database), storeTimeout: 60_000 })
  const tokens = await Promise.all(Array.from({ length: 6 }, async () => await newSession(application)))
  const [reader, writer, ...victims] = tokens as [string, string, ...string[]]
  await database.connection.query('START TRANSACTION')
  // One by one: of a small table the server would lock all rows.
  for (const token of victims) await database.connection.query('SELECT 1 FROM sessions WHERE token = ? FOR UPDATE', [hashToken(token)])

  let answered = 0
  const waiting = victims.map(async token => {
    const { status } = await application.visit(token, put('a', 1))
    answered++
    return status
  })
  await waitUntilBlocked(database, 2)
  t.strictSame(await dataOf(application, reader), { user: 'ada' })
  t.equal((await application.visit(writer, put('a', 1))).status, 200)
  t.equal(answered, 0, 'the rows are still locked')
  await database.connection.query('ROLLBACK')
  t.strictSame(await Promise.all(waiting), [200, 200, 200, 200], 'and when they are free they are written')
})

t.test('a database that is down at start is warned of once, and used when it is up', async t => {
  const database = await makeDatabase(t)
  const proxy = await startProxy(t, Number(new URL(database.url).port))
  proxy.refuse()
  const application = makeApplication(t, { ...mysqlOptions(database), mysql: through(proxy, database.url) })
  await application.app.ready()
  t.equal(application.log.length, 1)
  t.match(application.log[0], { level: 40, msg: /cannot be reached/, err: { code: /ECONNRESET|PROTOCOL_CONNECTION_LOST/ } })
  isRefused(t, await application.visit(undefined, put('a', 1)))
  t.equal((await application.visit(undefined, () => 'ok')).status, 200)
  proxy.resume()
  const token = await newSession(application)
  t.strictSame(await dataOf(application, token), { user: 'ada' })
})

t.test('a database that is up later, without the table, is told of by each request', async t => {
  const database = await makeDatabase(t)
  const proxy = await startProxy(t, Number(new URL(database.url).port))
  proxy.refuse()
  const application = makeApplication(t, { ...mysqlOptions(database), mysql: through(proxy, database.url), createTable: false })
  await application.app.ready()
  proxy.resume()
  const visit = await application.visit(undefined, put('a', 1))
  t.equal(visit.status, 500)
  t.match(JSON.parse(visit.body), { code: 'FST_SESSION_TABLE_MISSING', message: /schema\/mysql\.sql/ })
  t.equal(visit.token, undefined)
})

t.test('a database without the table stops the application before it starts, and the error names the schema file', async t => {
  const database = await makeDatabase(t)
  const application = makeApplication(t, { ...mysqlOptions(database), createTable: false })
  await t.rejects(async () => { await application.app.ready() }, { code: 'FST_SESSION_TABLE_MISSING', message: /sessions.*schema\/mysql\.sql/ })
})

t.test('a wrong password stops the application before it starts, and the error says so without it', async t => {
  const database = await makeDatabase(t)
  const url = new URL(database.url)
  url.username = 'nobody'
  url.password = 'a-password'
  const application = makeApplication(t, { ...mysqlOptions(database), mysql: url.href })
  await t.rejects(async () => { await application.app.ready() }, { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /password((?!a-password).)*ER_ACCESS_DENIED(_NO_PASSWORD)?_ERROR/ })
})

t.test('a table that is dropped while the application runs is told of, and found again when it is back', async t => {
  const database = await makeDatabase(t)
  const application = makeApplication(t, { ...mysqlOptions(database) })
  const token = await newSession(application)
  await database.connection.query('RENAME TABLE sessions TO elsewhere')
  const second = makeApplication(t, { ...mysqlOptions(database), createTable: false })
  await t.rejects(async () => { await second.app.ready() }, { code: 'FST_SESSION_TABLE_MISSING' })
  const visits = await Promise.all([application.visit(token, () => 'a secret'), application.visit(token, () => 'a secret')])
  for (const visit of visits) {
    t.equal(visit.status, 500)
    t.match(JSON.parse(visit.body), { code: 'FST_SESSION_TABLE_MISSING' })
  }
  await database.connection.query('DROP TABLE IF EXISTS sessions; RENAME TABLE elsewhere TO sessions')
  t.strictSame(await dataOf(application, token), { user: 'ada' })
})

t.test('a database that is killed and started again while the application runs is used again', async t => {
  const server = await startServer()
  t.teardown(async () => { await server.stop() })
  const admin = await createConnection(server.url())
  await admin.query('CREATE DATABASE killed')
  admin.destroy()
  const application = makeApplication(t, { store: 'mysql', mysql: server.url('killed'), createTable: true })
  const token = await newSession(application)
  await server.kill()
  isRefused(t, await application.visit(token, put('a', 1)))
  await server.start()
  t.strictSame(await dataOf(application, token), { user: 'ada' })
  t.equal((await application.visit(token, put('a', 1))).status, 200)
  const visit = await application.visit(token, async (request, reply) => {
    await server.kill()
    return await put('b', 1)(request, reply)
  })
  isRefused(t, visit)
  await server.start()
  t.strictSame(await dataOf(application, token), { user: 'ada', a: 1 })
})

t.test('connections that the administrator kills are replaced', async t => {
  const database = await makeDatabase(t)
  const application = makeApplication(t, mysqlOptions(database))
  const token = await newSession(application)
  const [own] = await database.connection.query('SELECT CONNECTION_ID() AS id') as unknown as [Array<{ id: number }>]
  const kill = async () => {
    const [rows] = await database.connection.query('SELECT ID FROM information_schema.PROCESSLIST WHERE DB = ? AND ID <> ?', [database.name, own[0]?.id]) as unknown as [Array<{ ID: number }>]
    t.ok(rows.length > 0)
    for (const { ID } of rows) await database.connection.query(`KILL ${ID}`)
  }
  await kill()
  t.strictSame(await dataOf(application, token), { user: 'ada' })

  const unlock = await lockRow(database, token)
  const visiting = application.visit(token, put('a', 1))
  await waitUntilBlocked(database)
  await kill()
  await unlock()
  t.equal((await visiting).status, 200)
  t.strictSame(await dataOf(application, token), { user: 'ada', a: 1 })
})

t.test('in all this no rejection was left unhandled', async t => {
  t.strictSame(rejections, [])
})
