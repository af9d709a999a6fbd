/* Work that one request of a session does at a time: `session.exclusive`. */
import { setImmediate as turn } from 'node:timers/promises'
import t, { type Test } from 'tap'
import { memoryStore, type SessionOptions, type SessionStore } from '../../../plugin/index.js'
import { latch } from '../../support/barrier.js'
import { startSite } from '../../support/site.js'
import { watched } from '../../support/watched-store.js'

/** A site and a browser that is signed in. */
async function startSignedIn (t: Test, options: SessionOptions = {}) {
  const site = await startSite(t, { store: memoryStore({ cleanupInterval: 0 }), storeTimeout: 60_000, ...options })
  const browser = site.browser()
  await browser.visit(session => { session.put('user', 'ada'); session.put('n', 0) })
  const data = async () => (await browser.visit(session => session.data())).value
  return { ...site, newBrowser: () => site.browser(), browser, data }
}

const REFUSED = { code: 'FST_SESSION_INVALID_ARGUMENT' }

t.test('requests of one session do their work one after the other, each on what the one before has saved', async t => {
  const { browser, data } = await startSignedIn(t)
  let atWork = 0
  const visits = await Promise.all(Array.from({ length: 20 }, async () => await browser.copy().visit(async session => await session.exclusive(async () => {
    t.equal(++atWork, 1)
    const n = Number(session.get('n'))
    for (let i = 0; i < 3; i++) await turn()
    session.put('n', n + 1)
    atWork--
    return n
  }))))
  t.strictSame(visits.map(({ value }) => value).sort((a, b) => a - b), Array.from({ length: 20 }, (_, i) => i))
  t.strictSame(await data(), { user: 'ada', n: 20 })
})

t.test('what was changed before is saved first, and what fn has changed before the next one begins', async t => {
  const { browser, data } = await startSignedIn(t)
  const other = browser.copy()
  await browser.visit(async session => {
    session.put('before', 1)
    await session.exclusive(async lost => {
      t.equal(lost.aborted, false)
      t.match(await data(), { before: 1 })
      await other.visit(session => { session.put('theirs', 1) })
      session.put('inside', 1)
      t.notMatch(await data(), { inside: 1 })
    })
    t.equal(session.status, 'unmodified')
    t.match(await data(), { before: 1, inside: 1, theirs: 1 })
  })
})

t.test('two sessions do not keep each other out, nor requests that do not call it', async t => {
  const { browser, newBrowser, data } = await startSignedIn(t)
  const other = newBrowser()
  await other.visit(session => { session.put('user', 'bob') })
  await browser.visit(async session => await session.exclusive(async () => {
    t.equal((await other.visit(async session => await session.exclusive(() => session.get('user')))).value, 'bob')
    t.match(await data(), { user: 'ada' })
  }))
})

t.test('a function that fails drops its changes, and the next one begins', async t => {
  const { browser, data } = await startSignedIn(t)
  const { value } = await browser.visit(async session => {
    session.put('before', 1)
    const failure = new Error('no')
    await t.rejects(session.exclusive(() => { session.put('inside', 1); throw failure }), failure)
    t.notOk(session.exists('inside'))
    return await session.exclusive(() => session.keys())
  })
  t.strictSame(value, ['before', 'n', 'user'])
  t.strictSame(await data(), { user: 'ada', n: 0, before: 1 })
})

t.test('a session that ends while a request waits is an error, and fn is not called', async t => {
  const { browser } = await startSignedIn(t)
  const other = browser.copy()
  const [inside, loaded, goOn] = [latch(), latch(), latch()]
  const first = browser.visit(async session => await session.exclusive(async () => {
    inside.open()
    await goOn.opened
    await session.destroy()
  }))
  await inside.opened
  const second = other.visit(async session => {
    loaded.open()
    await session.exclusive(() => { t.fail('it was called') })
  })
  await loaded.opened
  goOn.open()
  await first
  t.match((await second).response.json(), { statusCode: 409, code: 'FST_SESSION_GONE' })
})

t.test('whoever waits too long gets a 503, by the option timeout or by storeTimeout, and fn is not called', async t => {
  const { browser } = await startSignedIn(t, { storeTimeout: 200 })
  const other = browser.copy()
  const [inside, goOn] = [latch(), latch()]
  const first = browser.visit(async session => await session.exclusive(async () => {
    inside.open()
    await goOn.opened
  }))
  await inside.opened
  for (const options of [{ timeout: 20 }, undefined]) {
    const { response } = await other.visit(async session => { await session.exclusive(() => { t.fail('it was called') }, options) })
    t.match(response.json(), { statusCode: 503, code: 'FST_SESSION_STORE_UNAVAILABLE' })
  }
  goOn.open()
  await first
  t.equal((await other.visit(async session => await session.exclusive(() => 'free'))).value, 'free')
})

t.test('a wait that the application has chosen leaves the patience of the request as it is', async t => {
  const { browser } = await startSignedIn(t, { storeTimeout: 100 })
  const other = browser.copy()
  const inside = latch()
  const first = browser.visit(async session => await session.exclusive(async () => {
    inside.open()
    await new Promise(resolve => setTimeout(resolve, 200))
  }))
  await inside.opened
  t.equal((await other.visit(async session => await session.exclusive(() => session.get('user'), { timeout: 60_000 }))).value, 'ada')
  await first
})

t.test('a call within the function is an error, not a deadlock; two calls side by side take turns', async t => {
  const { app, browser } = await startSignedIn(t)
  const { value } = await browser.visit(async session => {
    await session.exclusive(async () => {
      await t.rejects(session.exclusive(() => { t.fail('it was called') }), REFUSED)
      const same = await app.sessions.load(session.token) ?? session
      await t.rejects(same.exclusive(() => { t.fail('it was called') }), REFUSED, 'another object of the same session')
    })
    return await Promise.all([session.exclusive(() => 1), session.exclusive(() => 2)])
  })
  t.strictSame(value, [1, 2])
})

t.test('a session that is not stored has nobody to keep out, and may begin', async t => {
  const { newBrowser } = await startSignedIn(t)
  const browser = newBrowser()
  t.equal((await browser.visit(async session => await session.exclusive(() => session.get('user') ?? 'nobody'))).value, 'nobody')
  t.equal(browser.token, '')
  await browser.visit(async session => { await session.exclusive(() => { session.put('user', 'bob') }) })
  t.equal((await browser.visit(session => session.get('user'))).value, 'bob')
})

t.test('renewToken in the function takes effect with its end, and whoever waits for the old token gets a 409', async t => {
  const { browser } = await startSignedIn(t)
  const other = browser.copy()
  const [inside, loaded, goOn] = [latch(), latch(), latch()]
  const old = browser.token
  const first = browser.visit(async session => await session.exclusive(async () => {
    session.renewToken()
    inside.open()
    await goOn.opened
    t.equal(session.token, old)
  }))
  await inside.opened
  const second = other.visit(async session => {
    loaded.open()
    await session.exclusive(() => { t.fail('it was called') })
  })
  await loaded.opened
  goOn.open()
  await first
  t.not(browser.token, old)
  t.equal((await second).response.statusCode, 409)
  t.equal((await browser.visit(async session => await session.exclusive(() => session.get('user')))).value, 'ada')
})

t.test('a lock that is lost while the function is at work drops its changes', async t => {
  const controller = new AbortController()
  const store: SessionStore = memoryStore({ cleanupInterval: 0 })
  store.exclusively = async (_name, work) => await work(controller.signal)
  const { browser, data } = await startSignedIn(t, { store })
  const { response } = await browser.visit(async session => {
    await session.exclusive(lost => {
      session.put('inside', 1)
      controller.abort()
      t.equal(lost.aborted, true)
    })
  })
  t.match(response.json(), { statusCode: 503, message: /the lock of the session was lost/ })
  t.strictSame(await data(), { user: 'ada', n: 0 })
})

t.test('a store without exclusively is an error that says so, before anything is done', async t => {
  const { exclusively, ...store } = watched(memoryStore({ cleanupInterval: 0 })).store
  const { browser, data } = await startSignedIn(t, { store })
  await browser.visit(async session => {
    session.put('m', 1)
    await t.rejects(session.exclusive(() => { t.fail('it was called') }), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /needs a store with the method exclusively/ })
    t.notMatch(await data(), { m: 1 })
  })
})

t.test('wrong arguments are refused', async t => {
  const { browser } = await startSignedIn(t)
  await browser.visit(async session => {
    for (const [args, message] of [
      [[], 'exclusive needs a function, not undefined'],
      [[() => {}, 100], 'exclusive needs options like { timeout: 10_000 }, or nothing, not 100'],
      [[() => {}, { wait: 1 }], 'exclusive has no option wait. There is: timeout'],
      ...[0, -1, 1.5, NaN, Infinity, 2 ** 31, '100'].map(timeout => [[() => {}, { timeout }], /^timeout must be a whole number of milliseconds from 1 to 2147483647, not /])
    ] as Array<[never, string]>) await t.rejects((session.exclusive as (...args: unknown[]) => Promise<unknown>)(...args as unknown[]), { ...REFUSED, message })
  })
})

t.test('a commit that fails at its end fails the call and the reply', async t => {
  const { browser } = await startSignedIn(t)
  const other = browser.copy()
  const { response } = await browser.visit(async session => {
    await t.rejects(session.exclusive(async () => {
      session.put('m', 1)
      await other.visit(async session => { await session.destroy() })
    }), { code: 'FST_SESSION_GONE' })
  })
  t.equal(response.statusCode, 409)
})

t.test('a call that nobody awaits and that fails is logged, and ends no process', async t => {
  const { browser, log } = await startSignedIn(t)
  await browser.visit(session => { void session.exclusive(() => { throw new Error('no') }) })
  while (log.complaints.length === 0) await turn()
  t.strictSame(log.complaints, ['An exclusive() of the session failed, and the application did not await it'])
})

t.test('the reply may be sent within the function', async t => {
  const { browser, data } = await startSignedIn(t)
  const { response } = await browser.visit(async (session, _request, reply) => await session.exclusive(async () => {
    session.put('m', 1)
    return await reply.send({ sent: true })
  }))
  t.strictSame(response.json(), { sent: true })
  t.match(await data(), { m: 1 })
})

t.test('it works outside of a request, against requests', async t => {
  const { app, browser, data } = await startSignedIn(t)
  const session = await app.sessions.load(browser.token)
  const add = (session: { get (key: string): unknown, put (key: string, value: unknown): void }) => async () => {
    const n = Number(session.get('n'))
    await turn()
    session.put('n', n + 1)
  }
  await Promise.all([session?.exclusive(add(session)), ...Array.from({ length: 3 }, async () => await browser.copy().visit(async session => { await session.exclusive(add(session)) }))])
  t.match(await data(), { n: 4 })
})
