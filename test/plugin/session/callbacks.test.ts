/*
 * Methods that are called back, or that nobody awaits. A rejection without a listener would fail these tests, as it would end
 * an application.
 */
import t from 'tap'
import { memoryStore, type Session, type SessionCallback, type SessionStore } from '../../../plugin/index.js'
import { watched } from '../../support/watched-store.js'
import { startSite } from '../../support/site.js'
import { until } from '../../support/until.js'

const wrong = <T>(value: unknown): T => value as T

type Call = (session: Session, callback: SessionCallback) => Promise<void>

/** The calls that are called back, and the method of the store that each needs. */
const CALLS: ReadonlyArray<readonly [name: string, call: Call, needs: string | undefined]> = [
  ['destroy', (session, callback) => session.destroy(callback), 'delete'],
  ['commit', (session, callback) => session.commit(callback), 'update'],
  ['save', (session, callback) => session.save(callback), 'update'],
  ['reload', (session, callback) => session.reload(callback), 'find'],
  ['touch', (session, callback) => session.touch(callback), undefined],
  ['regenerate', (session, callback) => session.regenerate(callback), undefined],
  ['regenerate with keys', (session, callback) => session.regenerate([], callback), undefined]
]

/** A store whose methods fail once `fault` names them. */
function breakable (fault: { method?: string }): SessionStore {
  return watched(memoryStore(), async name => { if (name === fault.method) throw new Error('broken') }).store
}

for (const [name, call, needs] of CALLS) {
  t.test(`${name} calls back once, with null, and its promise resolves too`, async t => {
    const browser = (await startSite(t)).browser()
    await browser.visit(session => { session.put('a', 1) })
    const { response, value } = await browser.visit(async session => {
      session.put('a', 2)
      const calls: unknown[] = []
      await call(session, error => { calls.push(error) })
      return calls
    })
    t.equal(response.statusCode, 200)
    t.strictSame(value, [null])
  })

  t.test(`${name} without a callback needs none, and refuses one that is no function`, async t => {
    const { response } = await (await startSite(t)).browser().visit(async session => {
      const method = name.split(' ')[0] as 'destroy'
      await session[method](undefined)
      if (name !== 'regenerate' && name !== 'regenerate with keys') t.throws(() => session[method](wrong('x')), { code: 'FST_SESSION_INVALID_ARGUMENT', message: `${method} needs a function to call back, or nothing, not 'x'` })
    })
    t.equal(response.statusCode, 200)
  })

  if (needs === undefined) continue
  t.test(`${name} that fails calls back once with the error, and a reply that looks like success is refused if something was to be written`, async t => {
    const fault: { method?: string } = {}
    const browser = (await startSite(t, { store: breakable(fault) })).browser()
    await browser.visit(session => { session.put('a', 1) })
    const calls: unknown[] = []
    const { response } = await browser.visit(async session => {
      session.put('a', 2)
      fault.method = needs
      await new Promise<void>(resolve => { void call(session, error => { calls.push(error); resolve() }) })
      delete fault.method
    })
    t.equal(calls.length, 1)
    t.match(calls[0], { code: 'FST_SESSION_STORE_UNAVAILABLE' })
    t.equal(response.statusCode, needs === 'find' ? 200 : 503)
  })
}

t.test('an application in the style of callbacks signs in and out', async t => {
  const { app, browser } = await startSite(t)
  app.post('/login', (request, reply) => {
    request.session.regenerate(error => {
      request.session.put('user', 'ada')
      request.session.save(second => reply.send({ errors: [error, second] }))
    })
  })
  app.post('/logout', (request, reply) => { request.session.destroy(error => reply.send({ error })) })
  const visitor = browser()
  t.strictSame((await visitor.get('/login', { method: 'POST' })).response.json(), { errors: [null, null] })
  t.equal((await visitor.visit(session => session.get('user'))).value, 'ada')
  t.strictSame((await visitor.get('/logout', { method: 'POST' })).response.json(), { error: null })
  t.equal((await visitor.visit(session => session.get('user'))).value, undefined)
})

for (const [how, callback] of [
  ['throws', () => { throw new Error('in the callback') }],
  ['returns a promise that rejects', async () => { throw new Error('in the callback') }]
] as const) {
  t.test(`a callback that ${how} answers the request with its error, and does not end the process`, async t => {
    const { app, browser } = await startSite(t)
    app.get('/throws', (request) => { void request.session.commit(callback) })
    const { response } = await browser().get('/throws')
    t.equal(response.statusCode, 500)
    t.equal(response.json().message, 'in the callback')
  })

  t.test(`a callback that ${how} after the reply is logged`, async t => {
    const { log, browser } = await startSite(t)
    await browser().visit(async (session, _request, reply) => {
      reply.hijack()
      reply.raw.end()
      void session.commit(callback)
    })
    await until(() => log.lines.some(({ err }) => err?.message === 'in the callback'))
    t.strictSame(log.complaints, ['A function that the session has called back has failed'])
  })
}

t.test('what nobody awaits and fails, and has written nothing, fails the reply', async t => {
  for (const [method, call] of [
    ['find', (session: Session) => { void session.mergeSession('a'.repeat(43)) }],
    ['find', (session: Session) => { void session.reload() }],
    ['', (session: Session) => { void session.regenerate(wrong('x')) }],
    ['', (session: Session) => { void session.mergeSession(wrong(5)) }]
  ] as const) {
    const fault: { method?: string } = {}
    const site = await startSite(t, { store: breakable(fault) })
    const browser = site.browser()
    await browser.visit(session => { session.put('a', 1) })
    const { response } = await browser.visit(session => { fault.method = method; call(session) })
    t.equal(response.statusCode, method === 'find' ? 503 : 500)
  }
})

t.test('what nobody awaits and fails after the reply is logged', async t => {
  const fault: { method?: string } = {}
  const { log, browser } = await startSite(t, { store: breakable(fault) })
  const visitor = browser()
  await visitor.visit(session => { session.put('a', 1) })
  await visitor.visit((session, _request, reply) => {
    reply.hijack()
    reply.raw.end()
    fault.method = 'find'
    void session.reload()
  })
  await until(() => log.complaints.length > 0)
  t.strictSame(log.complaints, ['A mergeSession(), reload(), isEnded() or regenerate() of the session failed, and the application did not await it'])
})

t.test('a read that failed and was awaited stands in the way of no reply, and hides no failed commit', async t => {
  const fault: { method?: string } = {}
  const visitor = (await startSite(t, { store: breakable(fault) })).browser()
  await visitor.visit(session => { session.put('a', 1) })
  const read = await visitor.visit(async session => {
    fault.method = 'find'
    await t.rejects(session.reload(), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
    session.put('a', 2)
  })
  t.equal(read.response.statusCode, 200)
  delete fault.method
  t.equal((await visitor.visit(session => session.get('a'))).value, 2)

  const written = await visitor.visit(async session => {
    session.put('a', 3)
    fault.method = 'update'
    await t.rejects(session.commit(), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
    await session.reload()
    delete fault.method
  })
  t.equal(written.response.statusCode, 503)

  const both = await visitor.visit(async session => {
    fault.method = 'find'
    await t.rejects(session.reload(), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
    session.put('a', 4)
    fault.method = 'update'
  })
  t.equal(both.response.statusCode, 503, 'the commit of the reply fails with the same code, and is told')
})

t.test('reload loads what another request has saved, and drops what was not committed', async t => {
  const browser = (await startSite(t)).browser()
  await browser.visit(session => { session.put('a', 1); session.put('list', [1]) })
  const other = browser.copy()
  await browser.visit(async session => {
    const list = session.get('list') as number[]
    list.push(2)
    session.put('mine', 1)
    session.renewToken()
    await other.visit(theirs => { theirs.put('theirs', 1) })
    await session.reload()
    t.equal(session.status, 'unmodified')
    t.strictSame(session.data(), { a: 1, list: [1], theirs: 1 })
    list.push(3)
    session.put('after', 1)
  })
  t.strictSame((await browser.visit(session => session.data())).value, { a: 1, after: 1, list: [1], theirs: 1 })
  t.equal(browser.token, other.token)
})

t.test('reload of a session that another request has ended rejects with FST_SESSION_GONE, and the session is empty', async t => {
  const browser = (await startSite(t)).browser()
  await browser.visit(session => { session.put('a', 1) })
  const other = browser.copy()
  const { response } = await browser.visit(async session => {
    session.put('mine', 1)
    await other.visit(async theirs => { await theirs.destroy() })
    await t.rejects(session.reload(), { code: 'FST_SESSION_GONE' })
    t.strictSame(session.data(), {})
    t.equal(session.status, 'unmodified')
  })
  t.equal(response.statusCode, 200)
})

t.test('reload of a visitor without a session drops the changes, and asks no store', async t => {
  const { store, calls } = watched(memoryStore())
  const { cookies } = await (await startSite(t, { store })).browser().visit(async session => {
    session.put('a', 1)
    await session.reload()
    t.strictSame(session.data(), {})
  })
  t.strictSame(cookies, [])
  t.notOk(calls.includes('find'))
})
