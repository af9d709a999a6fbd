import type { FastifyError, FastifyReply, FastifyRequest } from 'fastify'
import t from 'tap'
import { memoryStore, type Session } from '../../../plugin/index.js'
import { hashToken } from '../../../plugin/token.js'
import { startSite, type Site } from '../../support/site.js'
import { FaultyStore } from '../support/faulty-store.js'

const UNAVAILABLE = { code: 'FST_SESSION_STORE_UNAVAILABLE' }
const GONE = { code: 'FST_SESSION_GONE', statusCode: 409 }
const NOT_SAVED_AGAIN = 'The session was changed after a commit had failed, and the change could not be saved either'
const increment = (value: unknown) => Number(value ?? 0) + 1

/** A page whose errors of the session an error handler answers. */
function addPage (site: Site, page: (session: Session, reply: FastifyReply) => unknown, answer: (session: Session, reply: FastifyReply, error: FastifyError) => unknown): void {
  site.app.register(async scope => {
    scope.setErrorHandler(async (error: FastifyError, request: FastifyRequest, reply) => await answer(request.session, reply, error))
    scope.get('/page', async (request, reply) => {
      await page(request.session, reply)
      return reply.sent ? reply : 'saved'
    })
  })
}

t.test('a commit that is repeated after its answer was lost counts once', async t => {
  for (const method of ['update', 'rewrite'] as const) {
    const faulty = new FaultyStore()
    const site = await startSite(t, faulty.store)
    const [browser, merged] = [site.browser(), site.browser()]
    await browser.visit(session => session.put('n', 0))
    await merged.visit(session => session.put('theirs', 1))
    const { response, value } = await browser.visit(async session => {
      session.update('n', increment)
      if (method === 'rewrite') await session.mergeSession(merged.token)
      faulty.losesAnswer(method)
      await t.rejects(session.commit(), UNAVAILABLE)
      session.update('later', increment)
      faulty.losesAnswer(method)
      await t.rejects(session.commit(), UNAVAILABLE)
      session.update('n', increment)
      await session.commit()
      return session.get('n')
    })
    t.equal(response.statusCode, 200)
    t.equal(value, 2, method)
    t.match((await browser.visit(session => session.data())).value, { n: 2, later: 1 })
    if (method === 'rewrite') t.strictSame((await merged.visit(session => session.data())).value, {}, 'the merged session has ended')
  }
})

t.test('a commit that failed for certain, and is repeated, counts too', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  await browser.visit(session => session.put('n', 0))
  const { value } = await browser.visit(async session => {
    session.update('n', increment)
    faulty.fails('update')
    await t.rejects(session.commit(), UNAVAILABLE)
    await session.commit()
    return session.get('n')
  })
  t.equal(value, 1)
})

t.test('of several requests that were written together, each that repeats its commit counts once', async t => {
  const faulty = new FaultyStore()
  const site = await startSite(t, faulty.store)
  const browser = site.browser()
  await browser.visit(session => session.put('n', 0))
  const { reached, release } = faulty.holds('update')
  const count = async () => await browser.visit(async session => {
    session.update('n', increment)
    await session.commit().catch(async () => { await session.commit() })
    return 'ok'
  })
  const first = count()
  await reached
  const others = [count(), count(), count()]
  // They are queued when a request that came after them has been answered.
  await browser.visit(session => session.get('n'))
  faulty.losesAnswer('update')
  release()
  for (const { response } of await Promise.all([first, ...others])) t.equal(response.statusCode, 200)
  t.equal((await browser.visit(session => session.get('n'))).value, 4)
})

t.test('a renewal whose answer was lost, and that is repeated, keeps everything, under one token', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  for (const isCarriedOut of [true, false]) {
    await browser.visit(session => { session.put('things', 1); session.put('n', 0) })
    const old = browser.copy()
    const { response, cookies } = await browser.visit(async session => {
      session.renewToken()
      session.update('n', increment)
      if (isCarriedOut) faulty.losesAnswer('rewrite')
      else faulty.fails('rewrite')
      await t.rejects(session.commit(), UNAVAILABLE)
      t.equal(session.token, old.token)
      t.equal(session.status, 'modified')
      session.put('later', 1)
      await session.commit()
      t.not(session.token, old.token)
    })
    t.equal(response.statusCode, 200)
    t.equal(cookies.length, 1)
    t.strictSame((await browser.visit(session => session.data())).value, { things: 1, n: 1, later: 1 })
    t.strictSame((await old.visit(session => session.data())).value, {})
    t.equal(await faulty.count(), 1)
    await browser.visit(session => session.destroy())
  }
})

t.test('a renewal, a deadline and rememberMe whose commit fails are not forgotten by the next commit', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, { store: faulty.store, cookie: { persist: false } })).browser()
  await browser.visit(session => session.put('a', 1))
  const old = browser.copy()
  const deadline = new Date(Date.now() + 7_200_000)
  const { cookies } = await browser.visit(async session => {
    session.renewToken()
    session.setDeadline(deadline)
    session.rememberMe(true)
    faulty.fails('rewrite')
    const failing = session.commit()
    const repeated = session.commit()
    await t.rejects(failing, UNAVAILABLE)
    await repeated
  })
  t.match(cookies, [/^session=[\w-]{43}; Max-Age=7200/])
  t.not(browser.token, old.token)
  t.strictSame((await browser.visit(session => session.deadline)).value, deadline)
})

t.test('changes keep their order when a commit fails while the next one waits', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  await browser.visit(session => session.put('a', 0))
  await browser.visit(async session => {
    const { reached, release } = faulty.holds('update', true)
    session.put('a', 1)
    session.put('b', 1)
    const first = session.commit()
    await reached
    session.put('a', 2)
    const second = session.commit()
    session.put('c', 3)
    release()
    await t.rejects(first, UNAVAILABLE)
    await second
    t.strictSame(session.data(), { a: 2, b: 1, c: 3 })
  })
  t.strictSame((await browser.visit(session => session.data())).value, { a: 2, b: 1, c: 3 })
})

t.test('a commit saves what was there when it was called, even if it had to wait', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  await browser.visit(session => session.put('a', 0))
  const other = browser.copy()
  await browser.visit(async session => {
    const { reached, release } = faulty.holds('update')
    session.put('a', 1)
    const first = session.commit()
    await reached
    session.put('a', 2)
    const second = session.commit()
    session.put('a', 3)
    session.put('b', 3)
    release()
    await Promise.all([first, second])
    t.strictSame((await other.visit(theirs => theirs.data())).value, { a: 2 })
    t.equal(session.status, 'modified')
  })
  t.strictSame((await browser.visit(session => session.data())).value, { a: 3, b: 3 })
})

for (const [status, expected] of [[200, 503], [303, 503]] as const) {
  t.test(`a commit() that nobody awaits and that fails ends nothing, and is answered ${expected} where the application answers ${status}`, async t => {
    const faulty = new FaultyStore()
    const browser = (await startSite(t, faulty.store)).browser()
    await browser.visit(session => session.put('a', 1))
    faulty.fails('update')
    const { response } = await browser.visit((session, _request, reply) => {
      session.put('a', 2)
      void session.commit()
      return status === 303 ? reply.redirect('/next', 303) : undefined
    })
    t.equal(response.statusCode, expected)
    t.match(response.json(), UNAVAILABLE)
    t.equal((await browser.visit(session => session.get('a'))).value, 1)
  })
}

/** What an error handler does after a 409, and what the visitor's session holds then. */
const AFTER_A_SIGN_OUT: ReadonlyArray<readonly [name: string, change: (session: Session) => void, data: Record<string, unknown>, isStored: boolean]> = [
  ['nothing', () => {}, {}, false],
  ['clear', session => { session.clear() }, {}, false],
  ['a flash', session => { session.put('flash', 'ended') }, { flash: 'ended' }, true],
  ['a renewal', session => { session.renewToken() }, {}, false],
  ['clear, a renewal and a flash', session => { session.clear(); session.renewToken(); session.put('flash', 'ended') }, { flash: 'ended' }, true],
  ['destroy and a flash', session => { void session.destroy(); session.put('flash', 'ended') }, { flash: 'ended' }, true]
]
for (const [name, change, data, isStored] of AFTER_A_SIGN_OUT) {
  for (const how of ['by the reply', 'by commit()', 'by commit() that the application caught']) {
    t.test(`after a 409 ${how}: ${name} begins a session of its own, or none`, async t => {
      const faulty = new FaultyStore()
      const site = await startSite(t, faulty.store)
      const answer = (session: Session, reply: FastifyReply) => { change(session); return reply.redirect('/login', 303) }
      addPage(site, async (session, reply) => {
        t.equal(session.get('userId'), 1)
        session.put('a', 1)
        await faulty.endAll()
        if (how === 'by commit()') await session.commit()
        if (how === 'by commit() that the application caught') {
          await t.rejects(session.commit(), GONE)
          return answer(session, reply)
        }
        return undefined
      }, (session, reply, error) => { t.match(error, GONE); return answer(session, reply) })
      const browser = site.browser()
      await browser.visit(session => session.put('userId', 1))
      const old = browser.copy()
      const { response, cookies } = await browser.get('/page')
      t.equal(response.statusCode, 303)
      t.equal(response.headers.location, '/login')
      t.equal(await faulty.count(), isStored ? 1 : 0)
      t.equal(cookies.filter(cookie => !cookie.includes('Max-Age=0')).length, isStored ? 1 : 0)
      if (isStored) {
        t.not(browser.token, old.token)
        t.strictSame((await browser.visit(session => session.data())).value, data)
      }
      t.strictSame((await old.visit(session => session.data())).value, {})
      t.strictSame(site.log.complaints, [])
    })
  }
}

t.test('after a 409 because of a renewal elsewhere, a flash is not saved, the newer cookie stays, and the log says so', async t => {
  const store = memoryStore()
  const site = await startSite(t, store)
  const browser = site.browser()
  let other = browser
  addPage(site, async session => {
    session.put('a', 1)
    await other.visit(theirs => theirs.renewToken())
  }, (session, reply) => { session.put('flash', 'ended'); return reply.redirect('/', 303) })
  await browser.visit(session => session.put('userId', 1))
  other = browser.copy()
  const { response, cookies } = await browser.get('/page')
  t.equal(response.statusCode, 303)
  t.strictSame(cookies, [])
  t.strictSame(site.log.complaints, [NOT_SAVED_AGAIN])
  t.strictSame((await other.visit(session => session.data())).value, { userId: 1 })
})

for (const end of ['a renewal', 'a sign-out']) {
  t.test(`after a 409 because of ${end}, a commit() of the same changes is a 409 again, and destroy() ends what is left`, async t => {
    const faulty = new FaultyStore()
    const browser = (await startSite(t, faulty.store)).browser()
    await browser.visit(session => session.put('userId', 1))
    const other = browser.copy()
    const { response, cookies } = await browser.visit(async session => {
      session.put('a', 1)
      await other.visit(async theirs => { end === 'a renewal' ? theirs.renewToken() : await theirs.destroy() })
      for (let i = 0; i < 3; i++) await t.rejects(session.commit(), GONE)
      session.put('b', 1)
      await t.rejects(session.commit(), GONE)
      t.strictSame(session.data(), { a: 1, b: 1 }, 'only the request\'s own changes are left')
      await session.destroy()
    })
    t.equal(response.statusCode, 200)
    t.match(cookies, [/^session=; Max-Age=0;/])
    t.strictSame((await other.visit(session => session.data())).value, {})
    t.equal(await faulty.count(), 0)
  })
}

t.test('after a 409, renewToken() and commit() begin a session with all of the request\'s changes, or tell why not', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  await browser.visit(session => { session.put('userId', 1); session.put('n', 1) })
  const { response } = await browser.visit(async session => {
    session.put('a', 1)
    session.update('n', n => {
      if (n === undefined) throw new RangeError('only with a number')
      return increment(n)
    })
    await faulty.endAll()
    await t.rejects(session.commit(), GONE)
    session.renewToken()
    t.strictSame(session.data(), {}, 'the changes cannot be applied to an empty session')
    await t.rejects(session.commit(), { message: 'only with a number' })
    session.put('n', 5)
    await session.commit()
  })
  t.equal(response.statusCode, 200)
  t.strictSame((await browser.visit(session => session.data())).value, { a: 1, n: 5 })
})

t.test('after a 409 for a session that was to be merged in, the request\'s own session takes the flash', async t => {
  const site = await startSite(t)
  const [browser, merged] = [site.browser(), site.browser()]
  addPage(site, async session => {
    await session.mergeSession(merged.token)
    await merged.visit(theirs => theirs.destroy())
  }, (session, reply, error) => {
    t.match(error, { ...GONE, message: /merge/ })
    session.put('flash', 'not merged')
    return reply.redirect('/', 303)
  })
  await browser.visit(session => session.put('userId', 1))
  await merged.visit(session => session.put('theirs', 1))
  const { token } = browser
  t.equal((await browser.get('/page')).response.statusCode, 303)
  t.equal(browser.token, token)
  t.strictSame((await browser.visit(session => session.data())).value, { userId: 1, flash: 'not merged' })
})

t.test('what an error handler puts after a failed commit is saved without what has failed', async t => {
  const failures: ReadonlyArray<readonly [name: string, spoil: (session: Session, faulty: FaultyStore) => void]> = [
    ['the store was down for a moment', (session, faulty) => { session.put('a', 2); faulty.fails('update') }],
    ['an update threw on the newer value', session => {
      session.update('seats', seats => {
        if (seats === 0) throw new Error('sold out')
        return Number(seats) - 1
      })
    }],
    ['a value was spoilt in place', session => { (session.get('list') as unknown[]).push(() => {}) }]
  ]
  for (const [name, spoil] of failures) {
    const faulty = new FaultyStore()
    const site = await startSite(t, faulty.store)
    const browser = site.browser()
    let other = browser
    addPage(site, async session => {
      session.get('seats')
      await other.visit(theirs => theirs.put('seats', 0))
      spoil(session, faulty)
      return 'booked'
    }, (session, reply) => {
      t.equal(session.get('a'), 1, 'the session is as it was saved last')
      session.put('flash', name)
      return reply.redirect('/', 303)
    })
    await browser.visit(session => { session.put('a', 1); session.put('seats', 1); session.put('list', []) })
    other = browser.copy()
    const { response } = await browser.get('/page')
    t.equal(response.statusCode, 303, name)
    t.strictSame((await browser.visit(session => session.data())).value, { a: 1, seats: 0, list: [], flash: name })
    t.strictSame(site.log.complaints, [])
  }
})

t.test('what an error handler puts while the store stays down is warned about, and its answer stands', async t => {
  const faulty = new FaultyStore()
  const site = await startSite(t, faulty.store)
  const browser = site.browser()
  addPage(site, session => { session.put('a', 2) }, (session, reply) => { session.put('flash', 'down'); return reply.redirect('/down', 303) })
  await browser.visit(session => session.put('a', 1))
  faulty.fails('update')
  faulty.fails('update')
  const { response, cookies } = await browser.get('/page')
  t.equal(response.statusCode, 303)
  t.strictSame(cookies, [])
  t.strictSame(site.log.complaints, [NOT_SAVED_AGAIN])
})

t.test('what an error handler puts and cannot be saved for another reason fails its answer', async t => {
  const faulty = new FaultyStore()
  const site = await startSite(t, faulty.store)
  const browser = site.browser()
  addPage(site, session => { session.put('a', 2) }, (session, reply) => {
    session.update('a', value => { if (value === 9) throw new RangeError('not nine'); return value })
    return reply.redirect('/', 303)
  })
  await browser.visit(session => session.put('a', 1))
  // In another process, as it were: here the requests of one session are queued.
  const other = (await startSite(t, faulty.store)).browser()
  other.jar.set('session', browser.token)
  faulty.fails('update')
  faulty.next('update', async call => { await other.visit(theirs => theirs.put('a', 9)); return await call() })
  const { response, cookies } = await browser.get('/page')
  t.equal(response.statusCode, 500)
  t.match(response.json(), { message: 'not nine' })
  t.strictSame(cookies, [])
})

t.test('what an error handler puts is saved too where another plugin\'s onSend hook has failed after the commit', async t => {
  const site = await startSite(t)
  site.app.register(async scope => {
    let fails = true
    scope.addHook('onSend', async () => {
      if (!fails) return
      fails = false
      throw new Error('mine')
    })
    scope.setErrorHandler(async (_error, { session }, reply) => { session.renewToken(); session.put('flash', 'sorry'); return await reply.redirect('/', 303) })
    scope.get('/page', async ({ session }) => { session.put('a', 1); return 'ok' })
  })
  const browser = site.browser()
  const { response, cookies } = await browser.get('/page')
  t.equal(response.statusCode, 303)
  t.equal(cookies.length, 1, 'one cookie')
  t.strictSame((await browser.visit(session => session.data())).value, { a: 1, flash: 'sorry' })
})

t.test('what was saved before a failure stays, and its cookie is sent', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  const { response, cookies } = await browser.visit(async session => {
    session.put('a', 1)
    await session.commit()
    session.put('b', 2)
    faulty.fails('update')
  })
  t.equal(response.statusCode, 503)
  t.equal(cookies.length, 1)
  t.strictSame((await browser.visit(session => session.data())).value, { a: 1 })
  t.strictSame((await faulty.store.find([hashToken(browser.token)])).sessions.length, 1)
})
