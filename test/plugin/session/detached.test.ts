/* Sessions outside of a request: `app.sessions.load`, and `isEnded`, which asks the store. */
import { setFlagsFromString } from 'node:v8'
import { runInNewContext } from 'node:vm'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import sessions, { memoryStore, type Session, type SessionOptions } from '../../../plugin/index.js'
import { movableClock } from '../../support/clock.js'
import { startSite } from '../../support/site.js'
import { FaultyStore } from '../support/faulty-store.js'

/** A site with a browser that is signed in. */
async function startSignedIn (t: Test, options: SessionOptions = {}) {
  const site = await startSite(t, options)
  const browser = site.browser()
  await browser.visit(session => { session.put('user', 'ada') })
  /** The session, which must be there. */
  const load = async (source: string = browser.token): Promise<Session> => {
    const session = await site.app.sessions.load(source)
    if (session === undefined) throw new Error('there is no session')
    return session
  }
  return { ...site, newBrowser: () => site.browser(), browser, load }
}

const LOST = 'A session that was loaded outside of a request was changed, and the change was not saved: call await session.commit()'

/** Collects garbage until this is true. */
async function collectGarbage (until: () => boolean): Promise<void> {
  setFlagsFromString('--expose-gc')
  const collect = runInNewContext('gc') as () => void
  while (!until()) {
    collect()
    await new Promise(resolve => setImmediate(resolve))
  }
}

t.test('a session outside of a request', async t => {
  const { app, browser, load, log } = await startSignedIn(t, { store: memoryStore({ cleanupInterval: 0 }), storeTimeout: 60_000 })

  t.test('a session is loaded by a whole Cookie header or by its token, read, changed and committed', async t => {
    const session = await load(`theme=dark; session=${browser.token}; lang=en`)
    t.equal(session.get('user'), 'ada')
    session.put('seen', 1)
    await session.commit()
    t.strictSame((await load()).data(), { user: 'ada', seen: 1 })
    t.strictSame((await browser.visit(session => session.data())).value, { user: 'ada', seen: 1 })
  })

  t.test('a change outside merges with one in a request', async t => {
    const [session, other] = [await load(), await load()]
    await Promise.all([session, other].map(async (session, i) => { session.put(`key${i}`, i); await session.commit() }))
    t.match((await load()).data(), { key0: 0, key1: 1 })
  })

  t.test('renewToken gives a new token, and the old one leads to no session', async t => {
    const session = await load()
    const old = session.token
    session.renewToken()
    t.equal(session.token, old)
    await session.commit()
    t.not(session.token, old)
    t.equal(await app.sessions.load(old), undefined)
    browser.jar.set('session', session.token)
    t.equal((await load()).get('user'), 'ada')
  })

  t.test('isEnded tells a sign-out elsewhere, and neither a change nor a renewal is one', async t => {
    const session = await load()
    t.equal(await session.isEnded(), false)
    await browser.visit(session => { session.put('n', 1) })
    t.equal(await session.isEnded(), false)
    for (let i = 0; i < 3; i++) {
      await browser.visit(session => { session.renewToken() })
      t.equal(await session.isEnded(), false)
    }
    await browser.visit(async session => { await session.destroy() })
    t.equal(await session.isEnded(), true)
  })

  t.test('destroy ends the session for all', async t => {
    await browser.visit(session => { session.put('user', 'ada') })
    const [session, other] = [await load(), await load()]
    await session.destroy()
    t.equal(session.status, 'destroyed')
    t.equal(await session.isEnded(), true)
    t.equal(await other.isEnded(), true)
    t.equal(await app.sessions.load(browser.token), undefined)
    other.put('late', true)
    await t.rejects(other.commit(), { code: 'FST_SESSION_GONE' })
  })

  t.strictSame(log.complaints, [])
})

t.test('a source without a live session gives undefined, and a malformed one costs no query', async t => {
  const { app } = await startSignedIn(t)
  const { loads } = app.sessions.stats()
  for (const source of [undefined, '', 'session=', 'session=short', 'other=1; x', 'a'.repeat(42), `${'a'.repeat(42)}.`]) t.equal(await app.sessions.load(source), undefined)
  t.equal(app.sessions.stats().loads, loads)
  for (const source of ['a'.repeat(43), `session=${'a'.repeat(43)}`]) t.equal(await app.sessions.load(source), undefined)
  t.equal(app.sessions.stats().loads, loads + 2)
})

t.test('of several cookies of the name the first that is live is used', async t => {
  const { browser, load } = await startSignedIn(t)
  t.equal((await load(`session=${'a'.repeat(43)}; session=${browser.token}`)).get('user'), 'ada')
})

t.test('a source that is no text is refused, and the error does not repeat it', async t => {
  const { app, browser } = await startSignedIn(t)
  for (const [source, shown] of [[null, 'null'], [7, '7'], [{ cookie: browser.token }, 'another object'], [[browser.token], 'an array']] as const) {
    await t.rejects(app.sessions.load(source as never), {
      code: 'FST_SESSION_INVALID_ARGUMENT', message: `load needs a Cookie header, like request.headers.cookie, or a token, not ${shown}`
    })
  }
})

t.test('a registration of another name loads its own sessions, by its own cookie', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(sessions, {})
  await app.register(sessions, { name: 'adminSession', cookie: { name: 'admin' } })
  app.get('/', async request => {
    const { adminSession } = request as unknown as { adminSession: Session }
    adminSession.put('root', true)
    await adminSession.commit()
    return adminSession.token
  })
  const { body: token } = await app.inject('/')
  const { adminSessions } = app as unknown as { adminSessions: typeof app.sessions }
  t.equal((await adminSessions.load(`session=${token}; admin=${token}`))?.get('root'), true)
  for (const source of [token, `admin=${token}`, `session=${token}`]) t.equal(await app.sessions.load(source), undefined)
})

t.test('a session that has ended stays ended: no change of it begins another', async t => {
  const { browser, load, app } = await startSignedIn(t)
  const [session, renewing] = [await load(), await load()]
  await browser.visit(async session => { await session.destroy() })
  for (let i = 0; i < 2; i++) {
    session.put('n', i)
    await t.rejects(session.commit(), { code: 'FST_SESSION_GONE' })
  }
  renewing.renewToken()
  renewing.put('n', 1)
  await t.rejects(renewing.commit(), { code: 'FST_SESSION_GONE' })
  await session.destroy()
  session.put('n', 2)
  await t.rejects(session.commit(), { code: 'FST_SESSION_GONE' })
  t.equal(app.sessions.stats().begins, 1)
})

t.test('reload shows what others have saved, and a session that has ended is an error', async t => {
  const { browser, load } = await startSignedIn(t)
  const session = await load()
  await browser.visit(session => { session.put('n', 1) })
  t.equal(session.get('n'), undefined)
  await session.reload()
  t.equal(session.get('n'), 1)
  await browser.visit(async session => { await session.destroy() })
  await t.rejects(session.reload(), { code: 'FST_SESSION_GONE' })
  t.equal(await session.isEnded(), true)
})

t.test('with idleTimeout, touch prolongs the session and loading does not; keepAlive says what to call', async t => {
  const clock = movableClock(t)
  const { load, app, browser } = await startSignedIn(t, { store: memoryStore({ cleanupInterval: 0 }), idleTimeout: 600_000 })
  const session = await load()
  t.throws(() => { session.keepAlive() }, { code: 'FST_SESSION_INVALID_ARGUMENT', message: /Call await session\.touch\(\)/ })
  for (let i = 0; i < 3; i++) {
    clock.forward(400_000)
    t.equal(await session.isEnded(), false)
    await session.touch()
  }
  clock.forward(400_000)
  await load()
  clock.forward(400_000)
  t.equal(await app.sessions.load(browser.token), undefined)
  t.equal(await session.isEnded(), true)
})

t.test('a session of properties has its keys as properties outside of a request, too', async t => {
  const { load } = await startSignedIn(t, { properties: true })
  t.match(await load() as unknown, { user: 'ada' })
})

t.test('a change that nothing has saved when the session is forgotten is warned about', async t => {
  const { load, log } = await startSignedIn(t)
  await (async () => { (await load()).put('lost', 1) })()
  await (async () => { const session = await load(); session.put('saved', 1); await session.commit() })()
  await (async () => { t.equal((await load()).get('saved'), 1) })()
  await collectGarbage(() => log.complaints.length > 0)
  t.strictSame(log.complaints, [LOST])
})

t.test('an object that was changed into what no session can keep is warned about when the session is forgotten', async t => {
  const { load, browser, log } = await startSignedIn(t)
  await browser.visit(session => { session.put('list', []) })
  await (async () => { ((await load()).get('list') as unknown[]).push(() => {}) })()
  await collectGarbage(() => log.complaints.length > 0)
  t.strictSame(log.complaints, [LOST])
})

t.test('a property that a session does not have is warned about outside of a request, too', async t => {
  const { load, log } = await startSignedIn(t)
  t.equal(Reflect.get(await load(), 'user'), undefined)
  t.match(log.complaints, [/^The property user of a session was read, .*use session\.get\('user'\)/])
})

t.test('an operation that fails is an error for whoever awaits it, and else is logged and ends no process', async t => {
  const faulty = new FaultyStore()
  const { load, log } = await startSignedIn(t, { store: faulty.store })
  const session = await load()
  for (const fails of [true, false]) {
    if (fails) faulty.fails('find')
    const ended = session.isEnded()
    if (fails) await t.rejects(ended, { code: 'FST_SESSION_STORE_UNAVAILABLE' })
    else t.equal(await ended, false)
  }
  t.strictSame(log.complaints, [])
  faulty.fails('update')
  session.put('n', 1)
  void session.commit()
  while (log.complaints.length === 0) await new Promise(resolve => setImmediate(resolve))
  t.match(log.complaints, [/commit\(\) of the session failed, and the application did not await it$/])
  faulty.fails('find')
  await t.rejects(load(), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
})

t.test('a request that never had a session is not ended; one that has destroyed its own is', async t => {
  const { newBrowser, browser } = await startSignedIn(t)
  t.equal((await newBrowser().visit(async session => await session.isEnded())).value, false)
  t.strictSame((await browser.visit(async session => {
    const before = await session.isEnded()
    session.put('n', 1)
    await session.destroy()
    return [before, await session.isEnded()]
  })).value, [false, true])
})

t.test('a renewed session is known to go on for longer than its old row is kept, if it is asked for now and then', async t => {
  const clock = movableClock(t)
  const store = memoryStore({ cleanupInterval: 0 })
  const { browser, load } = await startSignedIn(t, { store })
  const [asking, silent] = [await load(), await load()]
  await browser.visit(session => { session.renewToken() })
  t.equal(await asking.isEnded(), false)
  clock.forward(120_000)
  t.equal(await store.deleteExpired(10), 1)
  t.equal(await asking.isEnded(), false)
  t.equal(await silent.isEnded(), true, 'its row is gone, and nothing says where to')
})
