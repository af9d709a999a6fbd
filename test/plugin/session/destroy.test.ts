import t from 'tap'
import { startSite } from '../../support/site.js'
import { FaultyStore } from '../support/faulty-store.js'

const UNAVAILABLE = { code: 'FST_SESSION_STORE_UNAVAILABLE' }
const NOT_AWAITED = 'A destroy() or commit() of the session failed, and the application did not await it'

t.test('a put after destroy() begins a new session, though a commit was running', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  await browser.visit(session => session.put('userId', 1))
  const old = browser.copy()
  const { reached, release } = faulty.holds('update')
  const { value, cookies } = await browser.visit(async session => {
    session.put('a', 1)
    const committing = session.commit()
    await reached
    const destroying = session.destroy()
    t.equal(session.status, 'destroyed', 'at once')
    t.equal(session.token, '')
    session.put('flash', 'bye')
    release()
    await Promise.all([committing, destroying])
    return { flash: session.get('flash'), status: session.status }
  })
  t.strictSame(value, { flash: 'bye', status: 'modified' })
  t.match(cookies, [/^session=[\w-]{43}; Max-Age=86400/])
  t.equal(cookies.length, 1)
  t.strictSame((await browser.visit(session => session.data())).value, { flash: 'bye' })
  t.strictSame((await old.visit(session => session.data())).value, {})
})

t.test('commits and destroys that nobody awaits are carried out in their order, each with what was there at its call', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  const { cookies } = await browser.visit(session => {
    session.put('a', 1)
    void session.commit()
    void session.destroy()
    session.put('b', 2)
    void session.commit()
    void session.destroy()
    session.put('c', 3)
    void session.commit()
    session.put('d', 4)
  })
  t.equal(cookies.length, 1)
  t.strictSame((await browser.visit(session => session.data())).value, { c: 3, d: 4 })
  t.equal(await faulty.count(), 1)
})

for (const [status, expected, isLogged, isOver] of [
  [200, 503, false, false], [200, 503, false, true], [303, 503, false, false], [303, 503, false, true], [404, 404, true, false], [404, 404, true, true]
] as const) {
  t.test(`a destroy() that nobody awaits and that fails ${isOver ? 'before' : 'after'} the reply ${status} is answered ${expected}`, async t => {
    const faulty = new FaultyStore()
    const site = await startSite(t, faulty.store)
    const browser = site.browser()
    await browser.visit(session => session.put('userId', 1))
    faulty.fails('delete')
    const { response, cookies } = await browser.visit(async (session, _request, reply) => {
      void session.destroy()
      if (isOver) await new Promise(resolve => setImmediate(resolve))
      return await (status === 303 ? reply.redirect('/bye', 303) : reply.code(status).send({ status }))
    })
    t.equal(response.statusCode, expected)
    if (expected === 503) t.match(response.json(), UNAVAILABLE)
    t.notOk(expected === 503 && response.headers.location)
    t.strictSame(cookies, [])
    t.equal(site.log.complaints.includes(NOT_AWAITED), isLogged)
    t.equal((await browser.visit(session => session.get('userId'))).value, 1)
  })
}

t.test('a destroy() that fails, and whose failure the application has seen, may be answered with a redirect', async t => {
  const faulty = new FaultyStore()
  const site = await startSite(t, faulty.store)
  const browser = site.browser()
  await browser.visit(session => session.put('userId', 1))
  for (const waits of [
    async (destroying: Promise<void>) => { await t.rejects(destroying, UNAVAILABLE) },
    async (destroying: Promise<void>) => { t.match(await Promise.allSettled([destroying]), [{ status: 'rejected', reason: UNAVAILABLE }]) }
  ]) {
    faulty.fails('delete')
    const { response, cookies } = await browser.visit(async (session, _request, reply) => {
      await waits(session.destroy())
      return await reply.redirect('/try-again', 303)
    })
    t.equal(response.statusCode, 303)
    t.strictSame(cookies, [])
  }
  faulty.fails('delete')
  const { response } = await browser.visit(async session => { await session.destroy().catch(() => {}) })
  t.equal(response.statusCode, 503, 'but not with success')
})

t.test('a second destroy() after one that failed ends the session', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  for (const between of ['nothing', 'a put', 'a commit that fails']) {
    await browser.visit(session => session.put('userId', 1))
    const old = browser.copy()
    faulty.fails('delete')
    const { response, cookies } = await browser.visit(async session => {
      await t.rejects(session.destroy(), UNAVAILABLE)
      if (between !== 'nothing') session.put('flash', 'bye')
      if (between === 'a commit that fails') {
        faulty.fails('delete')
        await t.rejects(session.commit(), UNAVAILABLE)
      }
      await session.destroy()
      t.strictSame(session.keys(), [])
    })
    t.equal(response.statusCode, 200, between)
    t.match(cookies, [/^session=; Max-Age=0;/])
    t.strictSame((await old.visit(session => session.keys())).value, [])
    t.equal(await faulty.count(), 0)
  }
})

t.test('a commit after a destroy() that failed ends the old session first, and then begins the new one', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  await browser.visit(session => session.put('userId', 1))
  const old = browser.copy()
  faulty.fails('delete')
  const { response, cookies } = await browser.visit(async session => {
    await session.destroy().catch(() => {})
    session.put('flash', 'bye')
    await session.commit()
  })
  t.equal(response.statusCode, 200)
  t.equal(cookies.length, 1)
  t.strictSame((await old.visit(session => session.keys())).value, [])
  t.strictSame((await browser.visit(session => session.data())).value, { flash: 'bye' })
})

t.test('a session that is stored and then destroyed in vain in one request sets no cookie', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  faulty.fails('delete')
  const { response, cookies } = await browser.visit(async session => {
    session.put('a', 1)
    await session.commit()
    await session.destroy()
  })
  t.equal(response.statusCode, 503)
  t.strictSame(cookies, [])
})

t.test('objects from before a destroy() are not saved into the session after it', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  for (const fails of [false, true]) {
    await browser.visit(session => { session.put('got', { n: 1 }); session.put('other', 1) })
    const { reached, release } = faulty.holds('update', fails)
    await browser.visit(async session => {
      const got = session.get('got') as { n: number }
      const own = { n: 1 }
      session.put('own', own)
      const committing = session.commit()
      await reached
      const destroying = session.destroy()
      const late = { n: 1 }
      session.put('late', late)
      release()
      await Promise.allSettled([committing, destroying])
      for (const object of [got, own, late]) object.n = 2
      await session.commit()
      for (const object of [got, own]) object.n = 3
      session.put('more', 1)
    })
    t.strictSame((await browser.visit(session => session.data())).value, { late: { n: 2 }, more: 1 })
    t.equal(await faulty.count(), 1)
    await browser.visit(session => session.destroy())
  }
})

t.test('destroy() ends the session also when the commit before it fails', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  await browser.visit(session => session.put('userId', 1))
  const old = browser.copy()
  faulty.losesAnswer('rewrite')
  const { response, cookies } = await browser.visit(async session => {
    session.renewToken()
    const committing = session.commit()
    const destroying = session.destroy()
    await t.rejects(committing, UNAVAILABLE)
    await destroying
  })
  t.equal(response.statusCode, 200)
  t.match(cookies, [/^session=; Max-Age=0;/])
  t.strictSame((await old.visit(session => session.keys())).value, [])
  t.equal(await faulty.count(), 0, 'the renewed session, whose token nobody knows, is gone too')
})
