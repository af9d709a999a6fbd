import { once } from 'node:events'
import { PassThrough, Readable } from 'node:stream'
import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest } from 'fastify'
import t from 'tap'
import sessions, { memoryStore, type Found, type NewSession, type Session, type SessionStore, type StoreLog, type Write } from '../../plugin/index.js'
import { hashToken, newToken } from '../../plugin/token.js'
import { ask, cookieIn } from '../support/ask.js'
import { movableClock } from '../support/clock.js'
import { Log } from '../support/log.js'
import { startSite, type Site } from '../support/site.js'
import { watched } from '../support/watched-store.js'

const NOT_SAVED = 'The session was changed after it had been committed, and the change was not saved: call await request.session.commit() where the reply has been sent, hijacked or streamed'

t.test('a new session is handed out in a cookie that lives as long as it', async t => {
  const { response, cookies } = await (await startSite(t, { lifetime: 60_000 })).browser().visit(session => session.put('a', 1))
  t.match(cookies, [/^session=[\w-]{43}; Max-Age=60; Expires=\w{3}, \d\d \w{3} \d{4} [\d:]{8} GMT; Path=\/; HttpOnly; SameSite=Lax$/])
  const expires = Date.parse(/Expires=([^;]+)/.exec(cookies[0] ?? '')?.[1] ?? '')
  t.ok(Math.abs(expires - Date.now() - 60_000) < 30_000)
  t.equal(response.headers['cache-control'], 'no-store')
})

t.test('the attributes of the cookie, set and taken away', async t => {
  const cookie = { name: '__Secure-id', path: '/app', domain: 'example.com', httpOnly: false, sameSite: 'none', secure: true, partitioned: true, priority: 'high' } as const
  const browser = (await startSite(t, { cookie })).browser()
  const attributes = 'Domain=example.com; Path=/app'
  const { cookies } = await browser.visit(session => session.put('a', 1))
  t.match(cookies, [new RegExp(`^__Secure-id=[\\w-]{43}; Max-Age=86400; Expires=[^;]+; ${attributes}; Secure; Partitioned; Priority=High; SameSite=None$`)])
  const gone = await browser.visit(session => session.destroy())
  t.match(gone.cookies, [new RegExp(`^__Secure-id=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; ${attributes}; Secure; Partitioned; Priority=High; SameSite=None$`)])
})

t.test('a deadline in the last year that a cookie can show', async t => {
  const browser = (await startSite(t)).browser()
  const { cookies } = await browser.visit(session => { session.put('a', 1); session.setDeadline(new Date(Date.UTC(9999, 11, 31))) })
  t.match(cookies, [/Expires=\w{3}, 3[01] Dec 9999/])
})

t.test('the cookie is set when token, deadline or remember-me are new, and not when something else is changed', async t => {
  const browser = (await startSite(t, { idleTimeout: 60_000, touchInterval: 0 })).browser()
  const cookiesOf = async (handler: (session: Session) => unknown) => {
    const { response, cookies } = await browser.visit(session => { void handler(session) })
    t.equal(response.headers['cache-control'], cookies.length > 0 ? 'no-store' : undefined)
    return cookies.length
  }
  t.equal(await cookiesOf(session => session.put('a', 1)), 1)
  t.equal(await cookiesOf(session => session.put('a', 2)), 0)
  t.equal(await cookiesOf(session => session.get('a')), 0)
  t.equal(await cookiesOf(() => {}), 0)
  t.equal(await cookiesOf(session => session.clear()), 0)
  t.equal(await cookiesOf(session => session.setDeadline(new Date(Date.now() + 60_000))), 1)
  t.equal(await cookiesOf(session => session.rememberMe(true)), 1)
  t.equal(await cookiesOf(session => session.rememberMe(true)), 0)
  t.equal(await cookiesOf(session => session.renewToken()), 1)
  t.equal(await cookiesOf(session => session.destroy()), 1)
})

t.test('the Cache-Control of the application stays', async t => {
  const { response } = await (await startSite(t)).browser().visit((session, _request, reply) => {
    session.put('a', 1)
    void reply.header('cache-control', 'private, max-age=5')
  })
  t.equal(response.headers['cache-control'], 'private, max-age=5')
})

t.test('cookies of the application stand beside the session\'s', async t => {
  const { cookies } = await (await startSite(t)).browser().visit((session, _request, reply) => {
    session.put('a', 1)
    void reply.setCookie('theme', 'dark').header('set-cookie', 'x=1')
  })
  t.strictSame(cookies.map(cookie => cookie.split('=')[0]).sort(), ['session', 'theme', 'x'])
})

const VARY: ReadonlyArray<readonly [given: string | string[] | undefined, sent: string]> = [
  [undefined, 'Cookie'], ['', 'Cookie'], ['Accept', 'Accept, Cookie'], [['Accept', 'Origin'], 'Accept,Origin, Cookie'], ['cookie', 'cookie'],
  ['Accept, Cookie', 'Accept, Cookie'], ['*', '*'], ['X-Cookie', 'X-Cookie, Cookie'], ['Cookie-Like', 'Cookie-Like, Cookie']
]
for (const [given, sent] of VARY) {
  t.test(`Vary ${JSON.stringify(given)} becomes ${sent} when the session was looked at`, async t => {
    const { response } = await (await startSite(t)).browser().visit((session, _request, reply) => {
      if (given !== undefined) void reply.header('vary', given)
      session.get('a')
    })
    t.equal(response.headers.vary, sent)
  })
}

t.test('a request that does not look at its session has no Vary, whatever its cookie', async t => {
  const browser = (await startSite(t, { idleTimeout: 60_000, touchInterval: 0 })).browser()
  await browser.visit(session => session.put('a', 1))
  t.notOk((await browser.visit(() => {})).response.headers.vary)
  t.notOk((await browser.visit(() => {}, { headers: { cookie: `session=${newToken()}` } })).response.headers.vary)
})

t.test('a dead cookie is anonymous and left alone', async t => {
  const { store, calls } = watched(memoryStore())
  const browser = (await startSite(t, store)).browser()
  browser.jar.set('session', newToken())
  const { response, cookies } = await browser.visit(async session => {
    t.strictSame(session.keys(), [])
    await session.destroy()
  })
  t.equal(response.statusCode, 200)
  t.strictSame(cookies, [])
  t.strictSame(calls, ['find'])
})

t.test('a route that opted out asks nothing, has no Vary, and says so when the session is used', async t => {
  const { store, calls } = watched(memoryStore())
  const { app, browser: newBrowser } = await startSite(t, { store, idleTimeout: 60_000 })
  await app.register(sessions, { name: 'otherSession', cookie: { name: 'other' } })
  app.get('/out', { config: { session: false } }, () => 'out')
  app.get('/used', { config: { session: false } }, request => request.session.get('a'))
  app.get('/one', { config: { otherSession: false } as object }, request => request.session.keys())
  app.get('/in', { config: { session: true } }, request => request.session.keys())
  const browser = newBrowser()
  browser.jar.set('session', newToken())

  const { response } = await browser.get('/out')
  t.equal(response.body, 'out')
  t.notOk(response.headers.vary)
  const used = (await browser.get('/used')).response
  t.equal(used.statusCode, 500)
  t.strictSame(used.json(), {
    statusCode: 500,
    code: 'FST_SESSION_OPTED_OUT',
    error: 'Internal Server Error',
    message: 'request.session was used on a route that opted out of it with { config: { session: false } }'
  })
  t.strictSame(calls, [])

  t.equal((await browser.get('/one')).response.statusCode, 200)
  t.equal((await browser.get('/in')).response.statusCode, 200)
  t.strictSame(calls, ['find', 'find'])
})

t.test('a session that is used before it was loaded is an error that says what to do', async t => {
  const log = new Log()
  const app: FastifyInstance = Fastify({ logger: { stream: log } })
  t.teardown(async () => { await app.close() })
  app.addHook('onRequest', async request => request.session.keys())
  await app.register(sessions)
  app.get('/', () => 'ok')
  const response = await app.inject('/')
  t.equal(response.statusCode, 500)
  t.match(response.json(), {
    code: 'FST_SESSION_NOT_LOADED',
    message: 'request.session was used before it was loaded: register fastify-sql-sessions before the plugin whose onRequest hook uses it'
  })
})

t.test('replies of any status commit: not found, refused, thrown', async t => {
  const { app, browser: newBrowser } = await startSite(t)
  app.addHook('preHandler', async request => { request.session.update('visits', n => Number(n ?? 0) + 1) })
  app.get('/teapot', async (_request, reply) => reply.code(418).send('no'))
  app.get('/throws', async () => { throw new Error('mine') })
  app.get('/redirect', async (_request, reply) => reply.redirect('/'))
  app.get('/empty', async (_request, reply) => reply.code(204).send())
  app.get('/visits', async request => String(request.session.get('visits')))
  const browser = newBrowser()
  const statuses: number[] = []
  for (const path of ['/no-such-page', '/teapot', '/throws', '/redirect', '/empty']) statuses.push((await browser.get(path)).response.statusCode)
  t.strictSame(statuses, [404, 418, 500, 302, 204])
  t.equal((await browser.get('/visits')).response.body, '6')
})

t.test('an error handler of the application may change the session', async t => {
  const { app, browser: newBrowser } = await startSite(t)
  app.register(async scope => {
    scope.setErrorHandler((error: Error, request, reply) => { request.session.put('flash', error.message); void reply.redirect('/') })
    scope.get('/throws', async () => { throw new Error('mine') })
  })
  const browser = newBrowser()
  const { response } = await browser.get('/throws')
  t.equal(response.statusCode, 302)
  t.equal((await browser.visit(session => session.get('flash'))).value, 'mine')
})

t.test('a commit of the application\'s own and the reply are one write and one cookie', async t => {
  const { store, calls } = watched(memoryStore())
  const { cookies } = await (await startSite(t, store)).browser().visit(async session => {
    session.put('a', 1)
    await session.commit()
  })
  t.equal(cookies.length, 1)
  t.strictSame(calls, ['insert'])
})

t.test('an onSend hook that throws after the commit changes nothing of it: one write, one cookie', async t => {
  const { store, calls } = watched(memoryStore())
  const { app, browser: newBrowser } = await startSite(t, store)
  app.register(async scope => {
    scope.addHook('onSend', async () => { throw new Error('mine') })
    scope.get('/throws', async request => { request.session.put('a', 1); return 'ok' })
  })
  const browser = newBrowser()
  const { response, cookies } = await browser.get('/throws')
  t.equal(response.statusCode, 500)
  t.equal(cookies.length, 1)
  t.strictSame(calls, ['insert'])
  t.equal((await browser.visit(session => session.get('a'))).value, 1)
})

t.test('an error handler that looks at a session that could not be loaded gets the reason', async t => {
  const { store } = watched(memoryStore(), async name => { if (name === 'find') throw new Error('disk') })
  const { app } = await startSite(t, store)
  app.register(async scope => {
    scope.setErrorHandler((error, request, reply) => reply.send(request.session.get('language') === 'de' ? { fehler: true } : error))
    scope.get('/', async () => 'ok')
  })
  const response = await app.inject({ url: '/', headers: { cookie: `session=${newToken()}` } })
  t.equal(response.statusCode, 503)
  t.match(response.json(), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  t.equal(response.headers['retry-after'], '1')
})

t.test('a reply that Fastify cannot send is an error of that request alone, also after a commit', async t => {
  const { app, browser: newBrowser } = await startSite(t)
  const consumed = new Response('x')
  await consumed.text()
  const bad: Record<string, (reply: FastifyReply) => unknown> = {
    'an object as HTML': reply => reply.type('text/html').send({ no: 'string' }),
    'a response that was read': reply => reply.send(consumed),
    'a header of two lines': reply => reply.header('x-two', 'a\nb').send('ok')
  }
  app.get<{ Params: { what: string } }>('/bad/:what', async (request, reply) => {
    request.session.put('a', 1)
    return bad[request.params.what]?.(reply)
  })
  for (const what of Object.keys(bad)) {
    const { response } = await newBrowser().get(`/bad/${encodeURIComponent(what)}`)
    t.equal(response.statusCode, 500, what)
  }
})

t.test('a reply that is sent twice, or not returned by an async handler, leaves after the commit and with the cookie', async t => {
  let committed = 0
  const { store } = watched(memoryStore(), async name => {
    if (name !== 'insert') return
    await new Promise(resolve => setImmediate(resolve))
    committed++
  })
  const { app, browser: newBrowser } = await startSite(t, store)
  app.get('/async', async (request, reply) => { request.session.put('a', 1); void reply.send({ ok: 1 }) })
  app.get('/twice', (request, reply) => { request.session.put('a', 1); void reply.send({ ok: 1 }); void reply.send({ ok: 2 }) })
  app.get('/throws', async (request, reply) => { request.session.put('a', 1); void reply.send({ ok: 1 }); throw new Error('mine') })
  for (const [i, url] of ['/async', '/twice', '/throws'].entries()) {
    const browser = newBrowser()
    const { response, cookies } = await browser.get(url)
    t.equal(committed, i + 1, `${url} was committed before it was answered`)
    t.strictSame(response.json(), { ok: 1 }, 'what was sent first')
    t.equal(cookies.length, 1)
    t.equal((await browser.visit(session => session.get('a'))).value, 1)
  }
})

t.test('a reply that is sent twice is an error once its commit has failed', async t => {
  const { store } = watched(memoryStore(), async name => {
    if (name !== 'insert') return
    await new Promise(resolve => setImmediate(resolve))
    throw new Error('disk')
  })
  const { app, browser } = await startSite(t, store)
  app.get('/async', async (request, reply) => { request.session.put('a', 1); void reply.send({ ok: 1 }) })
  const { response, cookies } = await browser().get('/async')
  t.equal(response.statusCode, 503)
  t.strictSame(cookies, [])
})

t.test('an onSend hook that throws after the expiry was moved does not have it moved twice', async t => {
  const clock = movableClock(t)
  const { store, calls } = watched(memoryStore())
  const { app, browser: newBrowser } = await startSite(t, { store, idleTimeout: 60_000, touchInterval: 0 })
  app.register(async scope => {
    scope.addHook('onSend', async () => { throw new Error('mine') })
    scope.get('/throws', async () => 'ok')
  })
  const browser = newBrowser()
  await browser.visit(session => session.put('a', 1))
  clock.forward(5)
  calls.length = 0
  t.equal((await browser.get('/throws')).response.statusCode, 500)
  t.strictSame(calls, ['find', 'touch'])
})

t.test('a failure that the application caught in commit() is no success', async t => {
  let fails = true
  const { store } = watched(memoryStore(), async name => { if (fails && name === 'insert') throw new Error('disk') })
  const { app, browser: newBrowser } = await startSite(t, store)
  app.get('/caught', async (request, reply) => {
    request.session.put('a', 1)
    await request.session.commit().catch(() => {})
    return reply.header('etag', '"1"').header('location', '/').send({ saved: true })
  })
  app.get('/told', async (request, reply) => {
    request.session.put('a', 1)
    await request.session.commit().catch(() => {})
    return reply.code(507).send({ saved: false })
  })
  app.get('/again', async request => {
    request.session.put('a', 1)
    await request.session.commit().catch(() => {})
    fails = false
    await request.session.commit()
    return { saved: true }
  })
  const browser = newBrowser()
  const { response, cookies } = await browser.get('/caught')
  t.equal(response.statusCode, 503)
  t.notMatch(response.body, /"saved"/)
  t.notOk(response.headers.etag ?? response.headers.location)
  t.strictSame(cookies, [])
  t.strictSame((await browser.get('/told')).response.json(), { saved: false })
  t.strictSame((await browser.get('/again')).response.json(), { saved: true })
  t.equal((await browser.visit(session => session.get('a'))).value, 1)
})

t.test('an error handler may answer a session that has ended with a redirect, however it was committed', async t => {
  const { app, browser: newBrowser } = await startSite(t)
  app.register(async scope => {
    scope.setErrorHandler((error: Error & { code?: string }, _request, reply) =>
      error.code === 'FST_SESSION_GONE' ? reply.redirect('/login', 303) : reply.send(error))
    const slow = async (request: FastifyRequest) => {
      request.session.put('a', 1)
      await other.visit(session => session.destroy())
    }
    scope.get('/by-itself', async request => { await slow(request); return 'saved' })
    scope.get('/committed', async request => { await slow(request); await request.session.commit(); return 'saved' })
  })
  let other = newBrowser()
  for (const url of ['/by-itself', '/committed']) {
    const browser = newBrowser()
    await browser.visit(session => session.put('user', 'ada'))
    other = browser.copy()
    const { response, cookies } = await browser.get(url)
    t.equal(response.statusCode, 303, url)
    t.equal(response.headers.location, '/login')
    t.strictSame(cookies, [])
  }
})

t.test('destroy ends a session whose commits, several at once, are still under way', async t => {
  const { store, calls } = watched(memoryStore(), async () => { await new Promise(resolve => setImmediate(resolve)) })
  const browser = (await startSite(t, store)).browser()
  await browser.visit(session => session.put('n', 0))
  const old = browser.copy()
  const message = async (session: Session) => {
    session.update('n', n => Number(n) + 1)
    await session.commit()
  }
  const { response, cookies } = await browser.visit(async session => {
    await Promise.all([message(session), message(session), session.destroy()])
    await Promise.all([session.commit(), session.destroy(), session.commit(), session.destroy()])
  })
  t.equal(response.statusCode, 200)
  t.match(cookies, [/^session=; Max-Age=0;/])
  t.ok(calls.includes('delete'))
  t.strictSame((await old.visit(session => session.keys())).value, [])
})

t.test('a session that was stored, and ended by another before the reply, sets no cookie', async t => {
  const store = memoryStore()
  const { app, browser: newBrowser } = await startSite(t, store)
  app.get('/', async ({ session }) => {
    session.put('a', 1)
    await session.commit()
    session.put('b', 2)
    await store.delete(hashToken(session.token))
    return 'ok'
  })
  const { response, cookies } = await newBrowser().get('/')
  t.equal(response.statusCode, 409)
  t.strictSame(cookies, [])
})

t.test('what is changed in place after a commit is saved, though another request has changed the same value before it', async t => {
  const { app, browser: newBrowser } = await startSite(t)
  const browser = newBrowser()
  const other = async (token: string) => await app.inject({ url: '/other', headers: { cookie: `session=${token}` } })
  app.get('/other', async ({ session }) => { session.put('cart', { tea: 1 }); return 'ok' })
  app.get('/', async ({ session }) => {
    const cart = session.get('cart') as Record<string, number>
    await other(session.token)
    session.put('b', 1)
    await session.commit()
    cart['milk'] = 1
    return session.data()
  })
  await browser.visit(session => session.put('cart', {}))
  t.strictSame((await browser.get('/')).response.json(), { cart: { milk: 1 }, b: 1 })
  t.strictSame((await browser.visit(session => session.data())).value, { cart: { milk: 1 }, b: 1 })
})

t.test('a stream that was to be sent is closed when the commit fails', async t => {
  const { store } = watched(memoryStore(), async name => { if (name === 'insert') throw new Error('disk') })
  const stream = new Readable({ read () {} })
  const { response } = await (await startSite(t, store)).browser().visit((session, _request, reply) => {
    session.put('a', 1)
    return reply.header('content-disposition', 'attachment').send(stream)
  })
  t.equal(response.statusCode, 503)
  t.notOk(response.headers['content-disposition'])
  t.ok(stream.destroyed)
})

/** Asks over a real connection, as some things are not to be had without one. */
t.test('a hijacked reply commits by itself, and its raw headers have the cookie, once', async t => {
  const site = await startSite(t)
  site.app.get('/hijacked', async (request, reply) => {
    reply.hijack()
    request.session.put('a', 1)
    await request.session.commit()
    request.session.put('b', 2)
    await request.session.commit()
    reply.raw.writeHead(200, { 'content-type': 'text/plain' })
    request.session.put('c', 3)
    await request.session.commit()
    reply.raw.end('done')
  })
  const answer = await ask(t, site.app, '/hijacked')
  t.equal(answer.text, 'done')
  t.match(answer.headers['set-cookie'], [/^session=[\w-]{43}; Max-Age=86400; Expires=[^;]+; Path=\/; /])
  t.equal(answer.headers['set-cookie']?.length, 1)
  t.equal(answer.headers['cache-control'], 'no-store')
  const { response } = await site.browser().visit(session => t.strictSame(session.data(), { a: 1, b: 2, c: 3 }), { headers: { cookie: cookieIn(answer) } })
  t.equal(response.statusCode, 200)
  t.strictSame(site.log.complaints, [])
})

t.test('a hijacked reply that does not commit is warned about', async t => {
  const site = await startSite(t)
  site.app.get('/hijacked', async (request, reply) => {
    reply.hijack()
    request.session.put('a', 1)
    reply.raw.end('done')
  })
  t.notOk((await ask(t, site.app, '/hijacked')).headers['set-cookie'])
  await site.app.close()
  t.strictSame(site.log.complaints, [NOT_SAVED])
})

t.test('a hijacked reply that only reads is not warned about', async t => {
  const site = await startSite(t)
  site.app.get('/hijacked', async (request, reply) => {
    reply.hijack()
    reply.raw.end(String(request.session.get('a')))
  })
  t.equal((await ask(t, site.app, '/hijacked')).text, 'undefined')
  await site.app.close()
  t.strictSame(site.log.complaints, [])
})

t.test('what is put after early hints is saved', async t => {
  const site = await startSite(t)
  site.app.get('/hints', async (request, reply) => {
    reply.raw.writeEarlyHints({ link: '</style.css>; rel=preload' })
    request.session.put('a', 1)
    return 'ok'
  })
  const answer = await ask(t, site.app, '/hints')
  t.equal(answer.text, 'ok')
  t.equal((await site.browser().visit(session => session.get('a'), { headers: { cookie: cookieIn(answer) } })).value, 1)
})

/** A page that streams, and does something once its first byte has arrived. */
function addStreamedPage (site: Site, then: (session: Session) => Promise<void> | void): void {
  site.app.get('/stream', async (request, reply) => {
    const stream = new PassThrough()
    stream.write('first ')
    void once(reply.raw, 'pipe').then(async () => {
      await new Promise(resolve => setImmediate(resolve))
      await then(request.session)
      stream.end('last')
    })
    return await reply.send(stream)
  })
}

t.test('a put after the headers have left is warned about', async t => {
  const site = await startSite(t)
  addStreamedPage(site, session => session.put('late', 1))
  const answer = await ask(t, site.app, '/stream')
  t.equal(answer.text, 'first last')
  t.notOk(answer.headers['set-cookie'])
  await site.app.close()
  t.strictSame(site.log.complaints, [NOT_SAVED])
})

t.test('a value changed in place, after the headers have left, into what cannot be kept is warned about, and ends nothing', async t => {
  const site = await startSite(t)
  addStreamedPage(site, session => { (session.get('list') as unknown[]).push(() => {}) })
  const browser = site.browser()
  await browser.visit(session => session.put('list', []))
  const answer = await ask(t, site.app, '/stream', `session=${browser.token}`)
  t.equal(answer.text, 'first last')
  t.strictSame((await browser.visit(session => session.get('list'))).value, [])
  await site.app.close()
  t.strictSame(site.log.complaints, [NOT_SAVED])
})

t.test('a new session cannot be committed after the headers have left, one that has its cookie can', async t => {
  const site = await startSite(t)
  const results: unknown[] = []
  addStreamedPage(site, async session => {
    session.put('late', 1)
    await session.commit().then(() => results.push('saved'), (error: unknown) => results.push(error))
  })
  await ask(t, site.app, '/stream')
  t.match(results, [{
    code: 'FST_SESSION_HEADERS_SENT',
    statusCode: 500,
    message: 'A new session, or a new token, needs a cookie, but the headers of the response have been sent. Commit before the first byte'
  }])

  const browser = site.browser()
  await browser.visit(session => session.put('early', 1))
  await ask(t, site.app, '/stream', `session=${browser.token}`)
  t.equal(results[1], 'saved')
  t.strictSame((await browser.visit(session => session.data())).value, { early: 1, late: 1 })
})

t.test('a change after the response is over is warned about', async t => {
  const site = await startSite(t)
  let session: Session | undefined
  await site.browser().visit(given => { session = given })
  session?.put('late', 1)
  await new Promise(resolve => setImmediate(resolve))
  t.strictSame(site.log.complaints, [NOT_SAVED])
})

const INSECURE = 'The cookie "session" is sent without Secure: a proxy says that the browser uses https, but Fastify does not trust it. Create Fastify with { trustProxy: true } (or the proxy\'s address)'
const TOO_SECURE = 'The cookie "session" is Secure, but the request came over plain http: a browser will not keep it. Use https, { trustProxy: true } behind a proxy, or cookie: { secure: \'auto\' }'
const SECURE: ReadonlyArray<readonly [what: string, secure: boolean | 'auto', trustProxy: boolean, forwarded: string | undefined, isSecure: boolean, warnings: readonly string[]]> = [
  ['plain http', 'auto', false, undefined, false, []],
  ['https by a trusted proxy', 'auto', true, 'https', true, []],
  ['http by a trusted proxy', 'auto', true, 'http', false, []],
  ['https by a proxy that is not trusted', 'auto', false, 'https', false, [INSECURE]],
  ['https by two proxies that are not trusted', 'auto', false, 'https, http', false, [INSECURE]],
  ['http by a proxy that is not trusted', 'auto', false, 'http', false, []],
  ['required, on plain http', true, false, undefined, true, [TOO_SECURE]],
  ['required, by a trusted proxy', true, true, 'https', true, []],
  ['off', false, false, undefined, false, []],
  ['off, by a trusted proxy', false, true, 'https', false, []]
]
for (const [what, secure, trustProxy, forwarded, isSecure, warnings] of SECURE) {
  t.test(`Secure: ${what}`, async t => {
    const site = await startSite(t, { cookie: { secure } }, { trustProxy })
    const headers = forwarded === undefined ? {} : { 'x-forwarded-proto': forwarded }
    for (let i = 0; i < 3; i++) {
      const { cookies } = await site.browser().visit(session => session.put('a', 1), { headers })
      t.equal(cookies[0]?.includes('; Secure'), isSecure)
    }
    t.strictSame(site.log.complaints, warnings, 'once')
  })
}

t.test('a session ends with its lifetime, however much it is used', async t => {
  const clock = movableClock(t)
  const { store, calls } = watched(memoryStore())
  const browser = (await startSite(t, { store, lifetime: 600_000 })).browser()
  await browser.visit(session => session.put('a', 1))
  const { token } = browser
  t.equal((await browser.visit(session => { session.put('b', 1); return session.get('a') })).value, 1)
  clock.forward(600_001)
  const { value, cookies } = await browser.visit(session => session.keys())
  t.strictSame(value, [])
  t.strictSame(cookies, [])
  t.strictSame((await store.find([hashToken(token)])).sessions, [])
  t.notOk(calls.includes('touch'))
})

t.test('a session that is not used ends with its idle timeout, one that is used lives on', async t => {
  const clock = movableClock(t)
  const site = await startSite(t, { idleTimeout: 600_000, touchInterval: 0 })
  const [used, idle] = [site.browser(), site.browser()]
  for (const browser of [used, idle]) await browser.visit(session => session.put('a', 1))
  for (let i = 0; i < 4; i++) {
    clock.forward(200_000)
    await used.visit(() => {})
  }
  t.equal((await used.visit(session => session.get('a'))).value, 1)
  t.equal((await idle.visit(session => session.get('a'))).value, undefined)
})

t.test('a session is touched once per interval, by requests that look and by those that do not', async t => {
  const clock = movableClock(t)
  const { store, calls } = watched(memoryStore())
  const touches = () => calls.filter(name => name === 'touch').length
  const browser = (await startSite(t, { store, idleTimeout: 1_000_000, touchInterval: 100_000 })).browser()
  await browser.visit(session => session.put('a', 1))
  for (let i = 0; i < 3; i++) {
    clock.forward(110_000)
    await browser.visit(i === 1 ? session => session.get('a') : () => {})
    t.equal(touches(), i + 1)
    t.equal(calls.includes('update'), false)
  }
  clock.forward(110_000)
  await browser.visit(session => session.put('a', 2))
  t.equal(touches(), 3, 'a write moves the expiry too')
})

t.test('100 requests within the touch interval are 100 reads', async t => {
  const { store, calls } = watched(memoryStore())
  const browser = (await startSite(t, { store, idleTimeout: 600_000 })).browser()
  await browser.visit(session => session.put('a', 'x'.repeat(64 * 1024)))
  calls.length = 0
  for (let i = 0; i < 100; i++) await browser.visit(session => session.get('a'))
  t.strictSame(calls, Array<string>(100).fill('find'))
})

t.test('a touch that would not move the expiry, because the deadline is near, is not sent', async t => {
  const clock = movableClock(t)
  const { store, calls } = watched(memoryStore())
  const browser = (await startSite(t, { store, lifetime: 300_000, idleTimeout: 600_000, touchInterval: 0 })).browser()
  await browser.visit(session => session.put('a', 1))
  clock.forward(20)
  await browser.visit(() => {})
  t.notOk(calls.includes('touch'))
})

t.test('a touch that fails is logged, and the request ends as usual', async t => {
  const clock = movableClock(t)
  const { store } = watched(memoryStore(), async name => { if (name === 'touch') throw new Error(`row ${hashToken('x')} is away`) })
  const site = await startSite(t, { store, idleTimeout: 60_000, touchInterval: 0 })
  const browser = site.browser()
  await browser.visit(session => session.put('a', 1))
  clock.forward(5)
  const { response, value } = await browser.visit(session => session.get('a'))
  t.equal(response.statusCode, 200)
  t.equal(value, 1)
  t.strictSame(site.log.complaints, ['The expiry of a session could not be moved; the next request will try again'])
  t.notMatch(site.log.text, /[\w-]{43}/)
})

t.test('a row that cannot be decoded is not touched, and is logged once', async t => {
  const { store, calls } = watched(memoryStore())
  const site = await startSite(t, { store, idleTimeout: 60_000, touchInterval: 0 })
  const token = newToken()
  await store.insert({ token: hashToken(token), data: Buffer.from('?'), ttl: 1000 })
  await site.browser().visit(() => {}, { headers: { cookie: `session=${token}` } })
  t.notOk(calls.includes('touch'))
  t.equal(site.log.complaints.length, 1)
})

t.test('the memory store says in production that it forgets', async t => {
  const before = process.env['NODE_ENV']
  t.teardown(() => {
    if (before === undefined) delete process.env['NODE_ENV']
    else process.env['NODE_ENV'] = before
  })
  const warnings = async (environment: string, options: { store?: 'memory' | SessionStore }) => {
    process.env['NODE_ENV'] = environment
    const site = await startSite(t, options)
    await site.app.ready()
    return site.log.complaints
  }
  const forgets = 'Sessions are kept in the memory of this process, and end with it. Keep them in a database: { store: \'mysql\' } or { store: \'mssql\' }'
  t.strictSame(await warnings('production', {}), [forgets])
  t.strictSame(await warnings('production', { store: 'memory' }), [forgets])
  t.strictSame(await warnings('production', { store: memoryStore() }), [], 'who makes one knows')
  t.strictSame(await warnings('development', {}), [])
})

t.test('a full memory store evicts what would expire first, and says so', async t => {
  const site = await startSite(t, { maxSessions: 3 })
  const browsers = [site.browser(), site.browser(), site.browser(), site.browser(), site.browser()] as const
  const [long, short, middle, fourth, fifth] = browsers
  const until = (minutes: number) => (session: Session) => { session.put('a', 1); session.setDeadline(new Date(Date.now() + minutes * 60_000)) }
  await long.visit(until(60))
  await short.visit(until(10))
  await middle.visit(until(30))
  t.strictSame(site.log.complaints, [])
  await short.visit(until(20))
  await fourth.visit(until(50))
  await fifth.visit(until(40))
  const alive = await Promise.all(browsers.map(async browser => (await browser.visit(session => session.exists('a'))).value))
  t.strictSame(alive, [true, false, false, true, true])
  t.match(site.log.lines.filter(({ level }) => level === 40), [{
    maxSessions: 3, evicted: 1, msg: 'The memory store is full and evicts live sessions: raise maxSessions, or keep sessions in a database'
  }])
  t.equal(site.log.complaints.length, 1, 'not for each of them')
})

t.test('a full memory store takes the place of what has expired or was deleted without a word', async t => {
  const clock = movableClock(t)
  const site = await startSite(t, { maxSessions: 2 })
  const [a, b, c, d] = [site.browser(), site.browser(), site.browser(), site.browser()]
  await a.visit(session => session.put('n', 1))
  await b.visit(session => { session.put('n', 2); session.setDeadline(new Date(Date.now() + 60_000)) })
  await a.visit(session => session.destroy())
  await c.visit(session => session.put('n', 3))
  clock.forward(60_001)
  await d.visit(session => session.put('n', 4))
  t.equal((await c.visit(session => session.get('n'))).value, 3)
  t.equal((await d.visit(session => session.get('n'))).value, 4)
  t.strictSame(site.log.complaints, [])
})

t.test('a token that is taken is never handed out', async t => {
  const store = memoryStore()
  const refused: string[] = []
  const taken: SessionStore = Object.assign(watched(store).store, {
    insert: async (session: NewSession) => refused.length < 2 ? refused.push(session.token) === 0 : await store.insert(session)
  })
  const browser = (await startSite(t, taken)).browser()
  const { cookies } = await browser.visit(session => session.put('a', 1))
  t.equal(cookies.length, 1)
  t.equal(refused.length, 2)
  t.notOk(refused.includes(hashToken(browser.token)))
  t.equal((await browser.visit(session => session.get('a'))).value, 1)
})

t.test('a new session that the store never finds again is given up', async t => {
  let inserts = 0
  const forgetful: SessionStore = Object.assign(watched(memoryStore()).store, {
    insert: async () => {
      if (++inserts > 100) throw new Error('for ever')
      return false
    }
  })
  const { response, cookies } = await (await startSite(t, forgetful)).browser().visit(session => session.put('a', 1))
  t.equal(response.statusCode, 503)
  t.match(response.json(), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  t.strictSame(cookies, [])
  t.equal(inserts, 3)
})

for (const [what, ahead] of [['ahead of', 3_600_000], ['behind', -3_600_000]] as const) {
  t.test(`with a database whose clock is an hour ${what} this process's, deadlines are what they say`, async t => {
    const store = memoryStore()
    const shifted = (found: Found): Found => ({ ...found, now: found.now + ahead })
    const elsewhere: SessionStore = Object.assign(watched(store).store, {
      open: async (log: StoreLog) => Number(await store.open(log)) + ahead,
      find: async (tokens: readonly string[]) => shifted(await store.find(tokens)),
      rewrite: async (tokens: readonly string[], decide: (found: Found) => readonly Write[]) => await store.rewrite(tokens, found => decide(shifted(found)))
    })
    const isNear = (date: Date, time: number) => Math.abs(date.getTime() - time) < 60_000
    const browser = (await startSite(t, elsewhere)).browser()
    const first = await browser.visit(session => session.put('a', 1))
    t.match(first.cookies, [/Max-Age=86400;/])
    await browser.visit(session => { t.ok(isNear(session.deadline, Date.now() + 86_400_000)) })
    const deadline = new Date(Date.now() + 600_000)
    const second = await browser.visit(session => { session.setDeadline(deadline) })
    t.match(second.cookies, [/Max-Age=(600|59\d);/])
    await browser.visit(session => { t.ok(isNear(session.deadline, deadline.getTime())); session.renewToken() })
    await browser.visit(session => {
      t.ok(isNear(session.deadline, Date.now() + 86_400_000))
      t.throws(() => session.setDeadline(new Date(Date.now() - 60_000)), { code: 'FST_SESSION_INVALID_ARGUMENT' })
    })
  })
}

t.test('several applications share one store, and a session is known to all of them', async t => {
  const store = memoryStore()
  const [one, two] = [await startSite(t, store), await startSite(t, store)]
  const browser = one.browser()
  await browser.visit(session => session.put('a', 1))
  const { value } = await two.browser().visit(session => { session.put('b', 2); return session.get('a') }, { headers: { cookie: `session=${browser.token}` } })
  t.equal(value, 1)
  t.strictSame((await browser.visit(session => session.data())).value, { a: 1, b: 2 })
})

t.test('several applications with stores of their own do not know each other\'s sessions', async t => {
  const [one, two] = [await startSite(t), await startSite(t)]
  const browser = one.browser()
  await browser.visit(session => session.put('a', 1))
  t.equal((await two.browser().visit(session => session.get('a'), { headers: { cookie: `session=${browser.token}` } })).value, undefined)
})

t.test('no token is in any line of the log, nor in any answer but the cookie', async t => {
  const { store } = watched(memoryStore(), async name => { if (failing.has(name)) throw new Error(`no ${[...tokens].join(', ')}`) })
  const failing = new Set<string>()
  const clock = movableClock(t)
  const tokens = new Set<string>()
  const site = await startSite(t, { store, idleTimeout: 60_000, touchInterval: 0 })
  const browser = site.browser()
  const bodies: string[] = []
  const visit = async (handler: (session: Session) => unknown) => {
    const { response } = await browser.visit(async session => { await handler(session) })
    bodies.push(response.body)
    if (browser.token !== '') tokens.add(browser.token).add(hashToken(browser.token))
  }
  await visit(session => session.put('a', 1))
  await visit(session => session.renewToken())
  await visit(() => { throw new Error('mine') })
  clock.forward(5)
  for (const name of ['touch', 'update', 'rewrite', 'delete', 'find']) {
    failing.add(name)
    await visit(session => { session.update('a', n => Number(n) + 1) })
    await visit(session => session.renewToken())
    await visit(session => session.destroy())
  }
  t.ok(tokens.size >= 4)
  t.ok(site.log.complaints.length > 5)
  for (const token of tokens) t.notOk(site.log.text.includes(token) || bodies.join('').includes(token))
})
