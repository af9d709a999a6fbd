/* Sessions that another plugin has begun: the option `previous`, and fromExpress. Real packages: test/packages. */
import { createHmac } from 'node:crypto'
import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import websocket from '@fastify/websocket'
import Fastify from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import sessions, { fromExpress, memoryStore, type ExpressSession, type ExpressSource, type FromExpressOptions, type SessionOptions, type SessionStore } from '../../plugin/index.js'
import { settingsOf } from '../../plugin/options.js'
import { latch } from '../support/barrier.js'
import { movableClock } from '../support/clock.js'
import { Log } from '../support/log.js'
import { startSite, type Browser, type Site } from '../support/site.js'

const SECRET = 'the secret of the application before'
const HOUR = 3_600_000

const signed = (id: string, secret = SECRET) => `${id}.${createHmac('sha256', secret).update(id).digest('base64').replace(/=+$/, '')}`
/** A cookie as express-session sets it. */
const cookie = (id: string, secret?: string) => encodeURIComponent(`s:${signed(id, secret)}`)

/** The sessions of another plugin, in memory. */
class OldSessions implements ExpressSource {
  readonly rows = new Map<string, ExpressSession>()
  reads = 0
  /** A read waits for it. */
  reading = Promise.resolve()

  constructor (...ids: string[]) {
    for (const id of ids) this.add(id, { user: 'ada' })
  }

  add (id: string, values: object, expires: Date | undefined = new Date(Date.now() + HOUR)): void {
    this.rows.set(id, { data: { cookie: { originalMaxAge: HOUR, path: '/' }, ...values }, expires })
  }

  async read (id: string): Promise<ExpressSession | undefined> {
    this.reads++
    const row = this.rows.get(id)
    await this.reading
    return row
  }

  async end (id: string): Promise<void> {
    this.rows.delete(id)
  }
}

async function start (t: Test, source: ExpressSource, options: SessionOptions = {}, from: Partial<FromExpressOptions> = {}): Promise<Site> {
  const store = memoryStore({ cleanupInterval: 0 })
  return await startSite(t, { store, ...options, previous: fromExpress({ secret: SECRET, source, ...from }) })
}

function browserWith (site: Site, value: string, name = 'connect.sid'): Browser {
  const browser = site.browser()
  browser.jar.set(name, value)
  return browser
}

const user = async (browser: Browser) => (await browser.visit(session => session.get('user'))).value

t.test('the first request of a browser with an old cookie has its values under a token of ours, and the old row is gone', async t => {
  const old = new OldSessions()
  old.add('one', { user: 'ada', passport: { user: 7 }, basket: ['tea'] })
  const site = await start(t, old)
  const browser = browserWith(site, cookie('one'))
  const { value, cookies, response } = await browser.visit(session => session.data())
  t.same(value, { user: 'ada', passport: { user: 7 }, basket: ['tea'] })
  t.equal(old.rows.size, 0)
  t.same([...browser.jar.keys()], ['session'], 'the old cookie is taken away')
  t.match(cookies, [/^session=[\w-]{43}; Max-Age=3[56]\d\d; Expires=[^;]+; Path=\/;/, /^connect\.sid=; Max-Age=0; Path=\/; .*HttpOnly/])
  t.equal(response.headers['cache-control'], 'no-store')
  t.equal(await user(browser), 'ada')
  t.equal(old.reads, 1)
  t.same(site.log.complaints, [])
})

t.test('a request that does not look at the session migrates it too, and sets the cookie', async t => {
  const old = new OldSessions('one')
  const site = await start(t, old)
  const browser = browserWith(site, cookie('one'))
  await browser.get('/nowhere')
  t.match(browser.token, /^[\w-]{43}$/)
  t.equal(await user(browser), 'ada')
})

t.test('the token is random: it cannot be computed from the old cookie and the secret', async t => {
  const tokens = new Set<string>()
  for (let i = 0; i < 2; i++) {
    const site = await start(t, new OldSessions('one'))
    const browser = browserWith(site, cookie('one'))
    await user(browser)
    tokens.add(browser.token)
  }
  t.equal(tokens.size, 2)
})

t.test('the cookie of @fastify/session, which has another name and no "s:", is read too', async t => {
  const site = await start(t, new OldSessions('one'), {}, { cookie: 'sessionId' })
  t.equal(await user(browserWith(site, encodeURIComponent(signed('one')), 'sessionId')), 'ada')
  t.equal(await user(browserWith(site, encodeURIComponent(signed('two')), 'sessionId')), undefined)
})

t.test('each of several secrets is tried', async t => {
  const old = new OldSessions('one', 'two')
  const site = await start(t, old, {}, { secret: ['the new one', Buffer.from(SECRET)] })
  t.equal(await user(browserWith(site, cookie('one'))), 'ada')
  t.equal(await user(browserWith(site, cookie('two', 'the new one'))), 'ada')
})

const STRANGE: ReadonlyArray<readonly [string, string]> = [
  ['another secret', cookie('one', 'another secret')],
  ['another id', cookie('one').replace('one', 'two')],
  ['no signature', 'one'],
  ['an empty signature', 's%3Aone.'],
  ['a signature cut short', cookie('one').slice(0, -1)],
  ['no id', cookie('')],
  ['nothing', ''],
  ['what cannot be decoded', '%E0%A4%A']
]
for (const [what, value] of STRANGE) {
  t.test(`a cookie with ${what} is a visitor without a session, costs no query, and is left alone`, async t => {
    const old = new OldSessions('one', '')
    const site = await start(t, old)
    const { value: found, cookies } = await browserWith(site, value).visit(session => session.data())
    t.same([found, cookies, old.reads], [{}, [], 0])
  })
}

t.test('an unknown session, an expired one, one that expires at no date, and one without values are none', async t => {
  const old = new OldSessions()
  old.add('expired', { user: 'ada' }, new Date(Date.now() - 1000))
  old.add('strange', { user: 'ada' }, new Date(NaN))
  old.add('empty', {})
  const site = await start(t, old)
  for (const id of ['unknown', 'expired', 'strange', 'empty']) {
    const { value, cookies } = await browserWith(site, cookie(id)).visit(session => session.data())
    t.same([value, cookies], [{}, []], id)
  }
})

t.test('a browser that has a cookie of ours keeps that session, and the old one is not looked at', async t => {
  const old = new OldSessions('one')
  const site = await start(t, old)
  const browser = site.browser()
  await browser.visit(session => { session.put('user', 'bob') })
  browser.jar.set('connect.sid', cookie('one'))
  t.equal(await user(browser), 'bob')
  t.equal(old.reads, 0)
})

t.test('two requests at once migrate one session', async t => {
  const reading = latch()
  const old = new OldSessions('one')
  old.reading = reading.opened
  const site = await start(t, old)
  const browsers = Array.from({ length: 5 }, () => browserWith(site, cookie('one')))
  const visits = browsers.map(async browser => await browser.visit(session => { session.update('n', (n = 0) => Number(n) + 1) }))
  while (old.reads < browsers.length) await new Promise(resolve => setImmediate(resolve))
  reading.open()
  await Promise.all(visits)
  t.equal(new Set(browsers.map(({ token }) => token)).size, 1)
  t.same((await browsers[0]?.visit(session => session.data()))?.value, { user: 'ada', n: 5 })
})

t.test('a request whose look for the old row another request overtakes finds the session', async t => {
  const old = new OldSessions('one')
  const overtaken = latch()
  const read = old.read.bind(old)
  old.read = async id => {
    if (old.reads++ === 0) await overtaken.opened
    return await read(id)
  }
  const site = await start(t, old)
  const late = browserWith(site, cookie('one'))
  const visit = user(late)
  while (old.reads === 0) await new Promise(resolve => setImmediate(resolve))
  const first = browserWith(site, cookie('one'))
  t.equal(await user(first), 'ada')
  overtaken.open()
  t.equal(await visit, 'ada')
  t.equal(late.token, first.token)
})

t.test('a request with the old cookie that comes after the migration finds the session', async t => {
  const site = await start(t, new OldSessions('one'))
  const first = browserWith(site, cookie('one'))
  const late = first.copy()
  await user(first)
  t.equal(await user(late), 'ada')
  t.equal(late.token, first.token)
  t.equal(late.jar.has('connect.sid'), false)
})

t.test('the old cookie is worthless ten minutes after the migration', async t => {
  const clock = movableClock(t)
  const site = await start(t, new OldSessions('one'))
  const first = browserWith(site, cookie('one'))
  const late = first.copy()
  await user(first)
  clock.forward(600_000)
  t.equal(await user(late), undefined)
  t.equal(await user(first), 'ada')
})

t.test('a mark that this application cannot read, because it has another codec, leads to no session', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const browser = browserWith(await start(t, new OldSessions('one'), { store }), cookie('one'))
  await user(browser)
  const other = await start(t, new OldSessions(), { store, codec: 'gob', hashTokenInStore: true })
  t.equal(await user(browserWith(other, cookie('one'))), undefined)
  t.equal(await user(browser), 'ada')
})

t.test('after a sign-out the old cookie signs nobody in, also where the old row could not be deleted', async t => {
  const old = new OldSessions('one')
  old.end = async () => { throw new Error('no right to delete') }
  const site = await start(t, old)
  const browser = browserWith(site, cookie('one'))
  const late = browser.copy()
  await browser.visit(async session => { await session.destroy() })
  t.equal(browser.jar.size, 0, 'neither cookie is left')
  t.equal(await user(late), undefined)
  t.match(site.log.lines.find(({ level }) => level >= 50), { level: 50, msg: /old row could not be deleted/, err: { message: 'no right to delete' }, session: /^[\w-]{12,}$/ })
})

t.test('a request works although the old row could not be deleted', async t => {
  const old = new OldSessions('one')
  old.end = async () => { throw new Error('no right to delete') }
  const browser = browserWith(await start(t, old), cookie('one'))
  t.equal(await user(browser), 'ada')
  t.equal(await user(browser), 'ada')
})

t.test('a sign-in in the request that migrates sends the cookie of the renewed session alone', async t => {
  const site = await start(t, new OldSessions('one'))
  const browser = browserWith(site, cookie('one'))
  const { cookies } = await browser.visit(session => { session.renewToken(); session.put('user', 'bob') })
  t.equal(cookies.filter(cookie => cookie.startsWith('session=')).length, 1)
  t.equal(await user(browser), 'bob')
})

t.test('a hijacked reply has the cookies as well', async t => {
  const site = await start(t, new OldSessions('one'))
  const { cookies } = await browserWith(site, cookie('one')).visit((_session, _request, reply) => {
    reply.hijack()
    reply.raw.end('done')
    return reply
  })
  t.equal(cookies.length, 2)
})

t.test('a websocket, whose answer sets no cookie, finds the session, and leaves the old cookie good for as long as the session', async t => {
  const site = await start(t, new OldSessions('one'), { lifetime: 5 * HOUR })
  await site.app.register(websocket)
  await site.app.register(async app => {
    app.get('/socket', { websocket: true }, (socket, { session }) => { socket.send(String(session.get('user'))) })
  })
  await site.app.listen({ host: '127.0.0.1', port: 0 })
  const socket = new WebSocket(`ws://127.0.0.1:${(site.app.server.address() as AddressInfo).port}/socket`, { headers: { cookie: `connect.sid=${cookie('one')}` } })
  const [message] = await once(socket, 'message') as [Buffer]
  t.equal(message.toString(), 'ada')
  const closed = once(socket, 'close')
  socket.close()
  await closed
  const clock = movableClock(t)
  clock.forward(HOUR / 2)
  const browser = browserWith(site, cookie('one'))
  t.equal(await user(browser), 'ada')
  t.same([...browser.jar.keys()], ['session'])
})

t.test('the deadline is that of the old row; with `rolling` the session gets a new lifetime', async t => {
  const old = new OldSessions('one', 'two')
  const deadline = async (rolling: boolean, id: string) => {
    const site = await start(t, old, { lifetime: 5 * HOUR, idleTimeout: 2 * HOUR }, { rolling })
    const { value } = await browserWith(site, cookie(id)).visit(session => session.deadline.getTime() - Date.now())
    return Math.round(value / HOUR)
  }
  t.equal(await deadline(false, 'one'), 1)
  t.equal(await deadline(true, 'two'), 5)
})

t.test('where the source does not say when a session expires, its cookie does, or else it gets a new lifetime', async t => {
  const old = new OldSessions()
  const expires = new Date(Date.now() + HOUR).toISOString()
  old.rows.set('one', { data: { cookie: { expires }, user: 'ada' } })
  old.rows.set('two', { data: { cookie: { expires: null }, user: 'ada' } })
  old.rows.set('three', { data: { cookie: { expires: new Date(0).toISOString() }, user: 'ada' } })
  const site = await start(t, old)
  const deadlines: number[] = []
  for (const id of ['one', 'two']) {
    const { value } = await browserWith(site, cookie(id)).visit(session => session.deadline.getTime() - Date.now())
    deadlines.push(Math.round(value / HOUR))
  }
  t.same(deadlines, [1, 24])
  t.equal(await user(browserWith(site, cookie('three'))), undefined)
})

t.test('with `persist: false` the cookie outlives the browser if the old one did', async t => {
  const old = new OldSessions('one')
  old.rows.set('two', { data: { cookie: { originalMaxAge: null, expires: null }, user: 'ada' }, expires: new Date(Date.now() + HOUR) })
  const site = await start(t, old, { cookie: { persist: false } })
  const first = async (id: string) => (await browserWith(site, cookie(id)).visit(session => session.get('user'))).cookies[0]
  t.match(await first('one'), /Max-Age=3[56]\d\d/)
  t.notMatch(await first('two'), /Max-Age/)
})

t.test('a value that a session cannot keep is left out, and the log names it', async t => {
  const old = new OldSessions()
  old.add('one', { user: 'ada', made: Symbol('x'), '': 1, sessionId: 'secret', encryptedSessionId: 'secret' })
  const site = await start(t, old)
  const { value } = await browserWith(site, cookie('one')).visit(session => session.data())
  t.same(value, { user: 'ada' })
  t.same(site.log.complaints, [
    'The value "made" of an earlier session was left out, because a session cannot keep it',
    'The value "" of an earlier session was left out, because a session cannot keep it'
  ])
})

t.test('a row that cannot be read is no session; a source that fails or hangs is a 503', async t => {
  const damaged = new OldSessions()
  damaged.read = async () => { throw new SyntaxError('its data is no JSON object') }
  const first = await start(t, damaged)
  t.equal(await user(browserWith(first, cookie('one'))), undefined)
  t.match(first.log.complaints, [/^An earlier session cannot be read/])

  const failing = new OldSessions()
  failing.read = async () => { throw new Error('connection lost') }
  const hanging = new OldSessions()
  hanging.read = async () => await new Promise(() => {})
  for (const source of [failing, hanging]) {
    const site = await start(t, source, {}, { timeout: 20 })
    const { response } = await browserWith(site, cookie('one')).visit(() => {})
    t.match(response.json(), { statusCode: 503, code: 'FST_SESSION_STORE_UNAVAILABLE' })
    t.notMatch(site.log.text, 'connect.sid=s')
  }
  const wrong = new OldSessions()
  wrong.read = async () => 'a text' as unknown as ExpressSession
  const { response } = await browserWith(await start(t, wrong), cookie('one')).visit(() => {})
  t.match(response.json(), { code: 'FST_SESSION_STORE_MISCONFIGURED' })
})

t.test('a session that does not fit is left where it is', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const old = new OldSessions()
  old.add('one', { user: 'x'.repeat(17 * 2 ** 20) })
  const site = await start(t, old, { store })
  t.equal(await user(browserWith(site, cookie('one'))), undefined)
  t.equal(old.rows.size, 1)
  t.match(site.log.complaints, [/^An earlier session is too large/])
})

t.test('the old sessions may be in a store for express-session', async t => {
  const rows = new Map<string, object>([['one', { cookie: { expires: null }, user: 'ada' }]])
  const store = {
    get: (id: string, callback: (error: unknown, session?: never) => void) => callback(null, rows.get(id) as never),
    set: () => {},
    destroy: (id: string, callback: (error?: unknown) => void) => { rows.delete(id); callback() }
  }
  const site = await startSite(t, { previous: fromExpress({ secret: SECRET, store }) })
  const browser = browserWith(site, cookie('one'))
  t.equal(await user(browser), 'ada')
  t.equal(rows.size, 0)
})

t.test('with the codec gob sessions are migrated as well', async t => {
  const old = new OldSessions('one')
  const site = await start(t, old, { codec: 'gob' })
  const browser = browserWith(site, cookie('one'))
  const late = browser.copy()
  t.equal(await user(browser), 'ada')
  t.equal(await user(late), 'ada')
})

t.test('a session that was taken over is among those of its owner, and says where it is used', async t => {
  const site = await start(t, new OldSessions('one', 'two'), { owner: 'user', track: true })
  await user(browserWith(site, cookie('one')))
  await browserWith(site, cookie('two')).visit(() => {}, { headers: { 'user-agent': 'Lynx', cookie: `connect.sid=${cookie('two')}` } })
  const found: Array<string | undefined> = []
  for await (const { owner, userAgent } of site.app.sessions.list({ owner: 'ada' })) found.push(`${owner} ${userAgent}`)
  t.same(found.sort(), ['ada Lynx', 'ada lightMyRequest'])
  for await (const { data } of site.app.sessions.all()) t.same(data, { user: 'ada' }, 'the rows that mark a migration are none')
  t.equal(await site.app.sessions.destroyAll({ owner: 'ada' }), 2)
})

t.test('an owner of a kind that names nobody is left out, and the log says so', async t => {
  const old = new OldSessions()
  old.add('one', { user: { id: 7 }, basket: 1 })
  const site = await start(t, old, { owner: 'user' })
  t.same((await browserWith(site, cookie('one')).visit(session => session.data())).value, { basket: 1 })
  t.match(site.log.complaints, [/^The value "user" of an earlier session was left out/])
})

t.test('nothing of the row that marks a migration is a session', async t => {
  const store: SessionStore = memoryStore({ cleanupInterval: 0 })
  const site = await start(t, new OldSessions('one'), { store, hashTokenInStore: false })
  const browser = browserWith(site, cookie('one'))
  await user(browser)
  for await (const { token } of store.scan()) {
    if (token === browser.token) continue
    const { value } = await browserWith(site, token, 'session').visit(session => session.data())
    t.same(value, {})
  }
})

t.test('old sessions that do not answer do not keep the application from starting', async t => {
  const source = new OldSessions()
  const hanging = Object.assign(source, { check: async () => await new Promise<void>(() => {}) })
  const log = new Log()
  const app = Fastify({ logger: { level: 'warn', stream: log }, pluginTimeout: 2000 })
  t.teardown(async () => { await app.close() })
  await app.register(sessions, { previous: fromExpress({ secret: SECRET, source: hanging, timeout: 60_000 }) })
  await app.ready()
  t.same(log.complaints, ['The database of the earlier sessions cannot be reached. The application starts all the same'])
})

t.test('ready() fails if the old sessions cannot be used, and warns if they cannot be reached', async t => {
  const useless = Object.assign(new OldSessions(), { check: async () => { throw new Error('no right to delete') } })
  const failing = Fastify({ pluginTimeout: 0 })
  t.teardown(async () => { await failing.close() })
  await failing.register(sessions, { previous: fromExpress({ secret: SECRET, source: useless }) })
  await t.rejects(Promise.resolve(failing.ready()), { message: 'no right to delete' })

  const mysql = 'mysql://root@127.0.0.1:1/test'
  const site = await startSite(t, { previous: fromExpress({ secret: SECRET, mysql }) })
  await site.app.ready()
  t.match(site.log.complaints, ['The database of the earlier sessions cannot be reached. The application starts all the same'])
})

const REFUSED: ReadonlyArray<readonly [options: unknown, message: string]> = [
  [undefined, 'fromExpress needs options, for example { secret, mysql: pool }, not undefined'],
  [{}, 'secret must be the secret that the old cookies are signed with, as text or bytes, or an array of such. Is its environment variable set?'],
  [{ secret: [] }, 'secret must be the secret that the old cookies are signed with, as text or bytes, or an array of such. Is its environment variable set?'],
  [{ secret: ['hunter2', ''] }, 'secret must be the secret that the old cookies are signed with, as text or bytes, or an array of such. Is its environment variable set?'],
  [{ secret: 'hunter2' }, 'fromExpress needs one of mysql, mssql, store and source, to know where the old sessions are'],
  [{ secret: 'hunter2', mysql: 'mysql://localhost/x', mssql: 'Server=x' }, 'fromExpress needs one of mysql, mssql, store and source, to know where the old sessions are, not mysql and mssql'],
  [{ secret: 'hunter2', secrets: [] }, 'There is no option secrets. Did you mean secret?'],
  [{ secret: 'hunter2', source: {} }, 'source must be an object with the methods read and end, not another object'],
  [{ secret: 'hunter2', store: {} }, 'store must be a store of express-session, an object with the methods get, set and destroy, not another object'],
  [{ secret: 'hunter2', source: new OldSessions(), table: 'x' }, 'table has no effect without mysql or mssql. Leave it out'],
  [{ secret: 'hunter2', mssql: 'Server=x', columns: {} }, 'columns has no effect without mysql. Leave it out'],
  [{ secret: 'hunter2', mysql: 'mysql://localhost/x', columns: { id: 'x' } }, 'There is no option columns.id. There are: session_id, expires, data'],
  [{ secret: 'hunter2', mysql: 'mysql://localhost/x', columns: { data: '' } }, 'columns must name columns: { session_id: \'session_id\', expires: \'expires\', data: \'data\' }'],
  [{ secret: 'hunter2', source: new OldSessions(), cookie: 7 }, 'cookie must be the name of the old cookie, or { name, path, domain }, not 7'],
  [{ secret: 'hunter2', source: new OldSessions(), cookie: { name: 'a b' } }, 'cookie.name must be a text without spaces, commas and semicolons, not \'a b\''],
  [{ secret: 'hunter2', source: new OldSessions(), rolling: 1 }, 'rolling must be true or false, not 1'],
  [{ secret: 'hunter2', source: new OldSessions(), timeout: 0 }, 'timeout must be a whole number of milliseconds from 1 to 2147483647, not 0']
]
for (const [options, message] of REFUSED) {
  t.test(`refused: ${message}`, async t => {
    t.throws(() => fromExpress(options as FromExpressOptions), { code: 'FST_SESSION_INVALID_OPTION', message })
  })
}

t.test('previous must come from fromExpress', async t => {
  t.throws(() => settingsOf({ previous: { secret: 'hunter2' } }), { code: 'FST_SESSION_INVALID_OPTION', message: 'previous must be what fromExpress({ secret, mysql: ... }) returns, not another object' })
  t.throws(() => settingsOf({ previous: fromExpress({ secret: SECRET, source: new OldSessions() }), token: () => undefined }), { message: /^previous has no effect beside token/ })
  t.throws(() => settingsOf({ from: {} }), { message: 'There is no option from. Use previous: fromExpress({ secret, mysql: ... })' })
})
