/* The keys of a session as its properties, for code that was written for express-session. */
import { inspect } from 'node:util'
import csrf from '@fastify/csrf-protection'
import type { FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import { memoryStore, type Session, type SessionOptions, type SessionProperties } from '../../../plugin/index.js'
import { ask } from '../../support/ask.js'
import { startSite, type Browser } from '../../support/site.js'
import { watched } from '../../support/watched-store.js'

type Properties = Session & Pick<SessionProperties, 'cookie' | 'sessionID'> & Record<string, unknown>

const INVALID_ARGUMENT = 'FST_SESSION_INVALID_ARGUMENT'

/** A browser whose sessions have properties. */
async function browserOf (t: Test, options: SessionOptions = {}) {
  const browser = (await startSite(t, { properties: true, ...options })).browser()
  return { browser, visit: <T>(handler: (session: Properties, request: FastifyRequest) => T) => browser.visit((session, request) => handler(session as Properties, request)) }
}

const dataOf = async (browser: Browser) => (await browser.visit(session => session.data())).value

t.test('what is assigned is kept, and is read as a property and by get', async t => {
  const { browser, visit } = await browserOf(t)
  await visit(session => {
    session['user'] = { id: 1 }
    session['a b'] = 'c'
    session[7 as never] = 'seven' as never
    t.strictSame(session['user'], { id: 1 })
    t.equal(session.get('a b'), 'c')
  })
  await visit(session => {
    t.strictSame(session['user'], { id: 1 })
    t.equal(session['none'], undefined)
    t.equal(session[''], undefined)
  })
  t.strictSame(await dataOf(browser), { 7: 'seven', 'a b': 'c', user: { id: 1 } })
})

t.test('changes in place are noticed', async t => {
  const { browser, visit } = await browserOf(t)
  await visit(session => { session['oauth'] = {}; (session['oauth'] as Record<string, unknown>)['state'] = 'x' })
  await visit(session => { (session['oauth'] as Record<string, unknown>)['verifier'] = 'y' })
  t.strictSame(await dataOf(browser), { oauth: { state: 'x', verifier: 'y' } })
  await visit(session => { delete (session['oauth'] as Record<string, unknown>)['state'] })
  t.strictSame(await dataOf(browser), { oauth: { verifier: 'y' } })
})

t.test('in, delete, Object.keys, for, spread, Object.assign, defineProperty and JSON see the keys', async t => {
  const { browser, visit } = await browserOf(t)
  await visit(session => { session['user'] = 'ada'; session['n'] = 1; session.put('keys', 'of a name that a method has') })
  await visit(session => {
    t.ok('user' in session && 'put' in session && !('none' in session) && Symbol.iterator in [] && !(Symbol.iterator in session))
    t.ok(Object.hasOwn(session, 'user') && !Object.hasOwn(session, 'none') && !Object.hasOwn(session, 'put'))
    // eslint-disable-next-line no-prototype-builtins -- as applications write it
    t.ok(session.hasOwnProperty('user'))
    t.strictSame(Object.keys(session), ['keys', 'n', 'user'])
    const names: string[] = []
    for (const name in session) names.push(name)
    t.strictSame(names, ['keys', 'n', 'user'])
    const { keys: _method, ...spread } = { ...session }
    t.strictSame(spread, { n: 1, user: 'ada' })
    t.strictSame(JSON.parse(JSON.stringify(session)), { keys: 'of a name that a method has', n: 1, user: 'ada' })
    Object.assign(session, { n: 2 })
    Object.defineProperty(session, 'defined', { value: 3 })
    t.throws(() => Object.defineProperty(session, 'got', { get: () => 1 }), { code: INVALID_ARGUMENT, message: 'A session keeps values, and got is a getter or a setter' })
    t.throws(() => Object.freeze(session), TypeError)
    delete session['user']
    delete session['']
    t.notOk('user' in session)
    session['n2'] = undefined
    t.notOk('n2' in session, 'undefined is no value')
  })
  t.strictSame(await dataOf(browser), { defined: 3, keys: 'of a name that a method has', n: 2 })
})

t.test('a member of the session wins over a key of its name, and cannot be assigned', async t => {
  const { browser, visit } = await browserOf(t)
  await visit(session => {
    session.put('get', 'got')
    session.put('toJSON', 'json')
    t.type(session.get, 'function')
    t.equal(session.get('get'), 'got')
    t.equal(session['toJSON'], 'json')
    for (const name of ['get', 'cookie', 'sessionID', 'status', 'toString', '__proto__']) {
      t.throws(() => { Object.assign(session, JSON.parse(`{${JSON.stringify(name)}:1}`)) },
        { code: INVALID_ARGUMENT, message: `${name} is a member of the session, so it cannot be assigned. For a key of that name, use request.session.put('${name}', value)` })
    }
    const mark = Symbol('mark')
    Object.assign(session, { [mark]: 1 })
    t.equal((session as never)[mark], 1)
    t.strictSame(Object.getOwnPropertySymbols(session), [mark])
    t.match(Object.getOwnPropertyDescriptor(session, mark), { value: 1 })
    Reflect.deleteProperty(session, mark)
    Object.defineProperty(session, mark, { value: 2, configurable: true })
    t.ok(Reflect.deleteProperty(session, mark))
  })
  await visit(session => { Reflect.deleteProperty(session, 'get'); t.type(session.get, 'function') })
  t.strictSame(await dataOf(browser), { toJSON: 'json' })
})

t.test('a value that a session cannot keep is refused where it is assigned', async t => {
  const { visit } = await browserOf(t)
  await visit(session => { t.throws(() => { session['f'] = () => {} }, { code: 'FST_SESSION_INVALID_VALUE' }) })
})

t.test('session.cookie and session.sessionID tell what they tell in express-session', async t => {
  const { visit, browser } = await browserOf(t, { lifetime: 60_000 })
  await visit(session => { session['a'] = 1; t.equal(session.sessionID, '') })
  await visit((session, request) => {
    const { cookie } = session
    t.match(cookie, { originalMaxAge: 60_000, path: '/', httpOnly: true, secure: 'auto', sameSite: 'lax', domain: undefined })
    // The deadline is of the store's clock, and may be a millisecond ahead.
    t.ok(Number(cookie.maxAge) > 0 && Number(cookie.maxAge) < 61_000)
    t.strictSame(cookie.expires, session.deadline)
    t.match(session.sessionID, /^[\w-]{16}$/)
    t.equal(session.sessionID, session.id)
    t.equal((request as never)['sessionID'], session.id)
    for (const change of [() => { Object.assign(cookie, { maxAge: 1 }) }, () => { Reflect.deleteProperty(cookie, 'maxAge') }, () => { Object.defineProperty(cookie, 'maxAge', { value: 1 }) }]) {
      t.throws(change, { code: INVALID_ARGUMENT, message: /^session\.cookie\.maxAge cannot be changed\. .*setDeadline\(date\).*lifetime/ })
    }
  })
  t.not(browser.token, '')
  const forgotten = await browserOf(t, { cookie: { persist: false } })
  await forgotten.visit(session => { t.match(session.cookie, { maxAge: null, expires: null, originalMaxAge: null }) })
  await forgotten.visit(session => { session.rememberMe(true); t.type(session.cookie.maxAge, 'number') })
})

t.test('Express\'s middleware finds the session in the raw request', async t => {
  const { visit, browser } = await browserOf(t)
  await visit((session, request) => {
    const raw = request.raw as unknown as { session: Properties, sessionID: string }
    t.equal(raw.session, session)
    t.notOk(inspect(request.raw).includes('routeOptions'), 'whoever shows the raw request does not get Fastify\'s within it')
    raw.session['user'] = 'ada'
    t.equal(raw.sessionID, '')
    t.throws(() => { Object.assign(raw, { session: null }) }, { code: INVALID_ARGUMENT })
  })
  t.strictSame(await dataOf(browser), { user: 'ada' })
})

t.test('another name, and a request decorator sessionID that is there already', async t => {
  const { app, browser } = await startSite(t, { properties: true, name: 'adminSession', cookie: { name: 'session' } })
  t.notOk(app.hasRequestDecorator('sessionID'))
  const handler = async (request: FastifyRequest) => {
    const raw = request.raw as unknown as { adminSession: Properties, sessionID?: string }
    raw.adminSession['user'] = 'ada'
    return { sessionID: raw.sessionID ?? null }
  }
  app.get('/admin', handler)
  t.strictSame((await browser().get('/admin')).response.json(), { sessionID: null })
})

t.test('code with callbacks that regenerates keeps the values of before in the object of before', async t => {
  const { browser, visit } = await browserOf(t)
  await visit(session => { session['basket'] = ['tea']; session['user'] = 'ada' })
  const before = browser.token
  await visit((session, request) => new Promise<void>(resolve => {
    void session.regenerate(() => {
      const now = request.session as Properties
      t.not(now, session)
      t.strictSame(Object.keys(now), [])
      t.strictSame({ ...session }, { basket: ['tea'], user: 'ada' })
      now['basket'] = session['basket']
      session['late'] = 'is not lost'
      session['user'] = 'bob'
      delete session['basket']
      t.equal(session['user'], 'bob')
      t.equal(session['basket'], undefined)
      resolve()
    })
  }))
  t.not(browser.token, before)
  t.strictSame(await dataOf(browser), { late: 'is not lost', user: 'bob' })
  await visit(async session => {
    await session.regenerate(['user'])
    t.strictSame(Object.keys(session), ['user'], 'a promise asks for no second object')
  })
})

t.test('console.log shows the keys of a session, and no values', async t => {
  for (const properties of [true, false]) {
    const { visit } = await browserOf(t, { properties })
    await visit(session => {
      session.put('user', 'ada lovelace')
      session.put('a b', 1)
      t.equal(inspect(session), "Session (modified) { 'a b', 'user' }")
      t.notMatch(inspect({ session }, { depth: 9, showHidden: true }), /lovelace/)
    })
  }
})

t.test('without the option an assignment is an error that names it, and reading a property is warned about once a name', async t => {
  const site = await startSite(t)
  const browser = site.browser()
  for (let i = 0; i < 2; i++) {
    await browser.visit(async session => {
      const properties = session as Properties
      t.throws(() => { properties['user'] = 'ada' }, { code: INVALID_ARGUMENT, message: /or register the plugin with properties: true$/ })
      t.equal(properties['user'], undefined)
      t.equal(properties['basket'], undefined)
      await session
      t.equal(JSON.stringify(session), '{}')
      t.equal(String(session), '[object Object]')
    })
  }
  t.strictSame(site.log.complaints, ['user', 'basket'].map(name =>
    `The property ${name} of a session was read, which has no such property: use request.session.get('${name}'), or register the plugin with properties: true`))
  await browser.visit(session => { for (let i = 0; i < 200; i++) t.equal((session as Properties)[`name${i}`], undefined) })
  t.equal(site.log.complaints.length, 100, 'names that a visitor may choose do not fill the log')
  t.equal((Object.getPrototypeOf((await browser.visit(session => session)).value) as Properties)['user'], undefined)
})

t.test('an option that is no boolean is refused', async t => {
  await t.rejects(startSite(t, { properties: 'yes' as never }), { code: 'FST_SESSION_INVALID_OPTION', message: "properties must be true or false, not 'yes'" })
})

for (const sessionPlugin of ['@fastify/secure-session', '@fastify/session'] as const) {
  t.test(`@fastify/csrf-protection with getUserInfo and sessionPlugin: '${sessionPlugin}', without the option`, async t => {
    const { app, browser } = await startSite(t)
    await app.register(csrf, { sessionPlugin, getUserInfo: request => String(request.session.get('user') ?? ''), csrfOpts: { userInfo: true, hmacKey: 'x' } })
    app.get('/form', async (request, reply) => {
      request.session.put('user', 'ada')
      return { token: reply.generateCsrf({ userInfo: 'ada' }) }
    })
    app.post('/buy', { preHandler: app.csrfProtection }, async () => ({}))
    const visitor = browser()
    const { token } = (await visitor.get('/form')).response.json<{ token: string }>()
    t.equal((await visitor.get('/buy', { method: 'POST', headers: { 'csrf-token': token } })).response.statusCode, 200)
    t.equal((await visitor.get('/buy', { method: 'POST' })).response.statusCode, 403)
    await visitor.visit(session => { session.put('user', 'bob') })
    t.equal((await visitor.get('/buy', { method: 'POST', headers: { 'csrf-token': token } })).response.statusCode, 403)
  })
}

t.test('session.options refuses what concerns the cookie', async t => {
  const { visit } = await browserOf(t, { properties: false })
  await visit(session => {
    session.options({ userInfo: 'ada' })
    session.options(undefined as never)
    t.throws(() => { session.options({ maxAge: 1, userInfo: 'ada' }) }, { code: INVALID_ARGUMENT, message: /^session\.options cannot set maxAge: / })
  })
})

t.test('a response that Express\'s middleware ends by itself saves the session first', async t => {
  const site = await startSite(t, { properties: true })
  site.app.get('/raw', { preHandler: (request, reply) => { (request.raw as unknown as { session: Properties }).session['flash'] = 'Hello'; reply.raw.statusCode = 302; reply.raw.setHeader('location', '/'); reply.raw.end() } }, async () => {})
  site.app.get('/unawaited', { preHandler: (request, reply) => { request.session.put('a', 1); void request.session.save(); reply.raw.end('x') } }, async () => {})
  site.app.get('/read', { preHandler: (request, reply) => { reply.raw.end(String(request.session.get('flash'))) } }, async () => {})
  site.app.get('/out', { config: { session: false }, preHandler: (_request, reply) => { reply.raw.end('out') } }, async () => {})
  const visitor = site.browser()
  const { response } = await visitor.get('/raw')
  t.equal(response.statusCode, 302)
  t.equal((await visitor.get('/read')).response.body, 'Hello')
  await visitor.get('/unawaited')
  t.strictSame(await dataOf(visitor), { a: 1, flash: 'Hello' })
  t.equal((await visitor.get('/out')).response.body, 'out')
  t.strictSame(site.log.complaints, [])
})

t.test('and fails if the session cannot be saved', async t => {
  const { store } = watched(memoryStore(), async name => { if (name === 'insert') throw new Error('broken') })
  const site = await startSite(t, { properties: true, store })
  site.app.get('/redirect', { preHandler: (request, reply) => { request.session.put('a', 1); reply.raw.statusCode = 302; reply.raw.setHeader('location', '/'); reply.raw.end() } }, async () => {})
  site.app.get('/begun', { preHandler: (request, reply) => { reply.raw.write('x'); request.session.put('a', 1); reply.raw.end() } }, async () => {})
  const { response } = await site.browser().get('/redirect')
  t.match(response.json(), { statusCode: 503, code: 'FST_SESSION_STORE_UNAVAILABLE' })
  t.equal(response.statusCode, 503)
  t.equal(response.headers.location, undefined)
  await t.rejects(ask(t, site.app, '/begun'), 'the connection is cut')
})
