import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { buildApplication } from '../../example/application.js'
import { memoryStore, mssqlStore, mysqlStore, type SessionStore } from '../../plugin/index.js'
import { makeDatabase } from '../support/database.js'
import { makeSqlServer, runsOnSqlServer } from '../support/sql-server.js'
import { Visitor } from '../support/visitor.js'
import { deviceOf } from '../../example/user-agent.js'

const stores: ReadonlyArray<readonly [string, (t: Test) => Promise<SessionStore>]> = [
  ['memory', async () => memoryStore()],
  ['MySQL', async t => mysqlStore((await makeDatabase(t)).url, { createTable: true, owners: true })],
  ['SQL Server', async t => mssqlStore((await makeSqlServer(t)).config, { createTable: true, owners: true })]
]

for (const [name, makeStore] of stores.filter(([name]) => name !== 'SQL Server' || runsOnSqlServer)) {
  t.test(`the example on ${name}`, async t => {
    const start = async (t: Test) => {
      const app = await buildApplication(await makeStore(t), `in ${name}`)
      t.teardown(async () => { await app.close() })
      return app
    }

    t.test('asks a visitor for a name, and gives no session before', async t => {
      const response = await new Visitor(await start(t)).get('/')
      t.match(response, { statusCode: 200, headers: { 'content-type': 'text/html; charset=utf-8', vary: 'Cookie' } })
      t.match(response.body, '<label for="name">Your name</label>')
      t.match(response.body, `Sessions are kept in ${name}.`)
      t.same(response.cookies, [])
    })

    t.test('signs in with a new token, counts visits, and signs out', async t => {
      const visitor = await signedIn(await start(t), 'Ada')
      t.match((await visitor.get('/')).body, '<h1>Hello, Ada</h1>')
      t.match((await visitor.get('/')).body, '<dd id="visits" class="number">2</dd>')
      const before = visitor.cookies.get('session')
      await visitor.post('/sign-in', { name: 'Grace' })
      t.not(visitor.cookies.get('session'), before)
      t.match((await visitor.get('/')).body, /Hello, Grace.*"number">1</s)

      const token = visitor.cookies.get('session') as string
      t.match(await visitor.post('/sign-out'), { statusCode: 303, headers: { location: '/' } })
      t.notOk(visitor.cookies.has('session'))
      t.notMatch((await visitor.get('/')).body, 'Your session has ended.')
      visitor.cookies.set('session', token)
      t.match((await visitor.get('/')).body, /Your session has ended.*Your name/s)
    })

    t.test('twenty requests at once put twenty things into the basket', async t => {
      const visitor = await signedIn(await start(t), 'Ada')
      const answers = await Promise.all(Array.from({ length: 20 }, async () => await visitor.post('/basket?live', { product: 'Apples' })))
      t.ok(answers.every(({ statusCode }) => statusCode === 204))
      t.match((await visitor.get('/')).body, '<span id="total">20</span>')
      t.match(await visitor.post('/basket', { product: 'Tea' }), { statusCode: 303 })
      t.match((await visitor.get('/parts')).body, '<span id="total">21</span>')
      await visitor.post('/basket/empty')
      t.match((await visitor.get('/parts')).body, 'The basket is empty.')
    })

    t.test('counts each of twenty requests at once, and shows how many a session would have that is saved whole', async t => {
      const visitor = await signedIn(await start(t), 'Ada')
      await visitor.post('/race')
      await Promise.all(Array.from({ length: 20 }, async () => await visitor.post('/race/one')))
      const parts = (await visitor.get('/parts')).body
      t.match(parts, 'This plugin counted 20 of 20 requests.')
      t.match(parts, /A session that is saved whole counted \d\b/)
    })
  })
}

for (const [name, makeStore] of stores.filter(([name]) => name !== 'SQL Server' || runsOnSqlServer)) {
  t.test(`the example on ${name} shows the devices of a user, and signs them out`, async t => {
    const app = await buildApplication(await makeStore(t), 'somewhere')
    t.teardown(async () => { await app.close() })
    const signedInAs = async (name: string, agent: string) => {
      const visitor = new Visitor(app, { 'user-agent': agent })
      await visitor.post('/sign-in', { name })
      return visitor
    }
    const phone = await signedInAs('Ada', 'Mozilla/5.0 (Android 15; Mobile; rv:140.0) Gecko/140.0 Firefox/140.0')
    const laptop = await signedInAs('Ada', 'Mozilla/5.0 (X11; Linux x86_64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36')
    const desk = await signedInAs('Ada', 'Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 Edg/140.0.0.0')
    const stranger = await signedInAs('Grace', 'curl/8.14.1')
    const devices = async (visitor: Visitor) => [...(await visitor.get('/parts')).body.matchAll(/<strong id="device-([\w-]+)">(.*?)<\/strong>( <span class="mark">this one)?/g)].map(([, id = '', name = '', mark]) => ({ id, name: mark === undefined ? name : `${name}, this one` }))

    const listed = await devices(laptop)
    t.strictSame(listed.map(({ name }) => name), ['Chrome on Linux, this one', 'Edge on Windows', 'Firefox on Android'])
    const [own, ofDesk, ofPhone] = listed.map(({ id }) => id) as [string, string, string]

    await stranger.post('/devices/sign-out', { id: ofPhone })
    t.equal((await app.inject(`/alive?id=${ofPhone}`)).statusCode, 204, 'nobody signs out the devices of somebody else')
    t.match(await laptop.post('/devices/sign-out', { id: ofPhone }), { statusCode: 303, headers: { location: '/' } })
    t.match(await laptop.post('/devices/sign-out?live', { id: ofPhone }), { statusCode: 204 }, 'twice is no error')
    t.equal((await app.inject(`/alive?id=${ofPhone}`)).statusCode, 410)
    t.match(await phone.post('/basket', { product: 'Tea' }), { statusCode: 401, body: /<h1>You are not signed in/ })
    t.match((await phone.get('/')).body, 'Your session has ended.')
    t.equal((await laptop.post('/devices/sign-out')).statusCode, 400)

    t.equal((await desk.post('/devices/sign-out-others')).statusCode, 303)
    t.equal((await app.inject(`/alive?id=${own}`)).statusCode, 410)
    t.strictSame(await devices(desk), [{ id: ofDesk, name: 'Edge on Windows, this one' }])
    t.strictSame((await devices(stranger)).map(({ name }) => name), ['curl, this one'])
    await desk.post('/devices/sign-out', { id: ofDesk })
    t.notOk(desk.cookies.has('session'), 'its own cookie is deleted')
    t.notMatch((await desk.get('/')).body, 'Your session has ended.')
  })
}

t.test('on a store that keeps no owners the example shows why, and what to do, in place of the devices', async t => {
  const app = await buildApplication(Object.defineProperty(memoryStore(), 'keepsOwners', { value: false }), 'somewhere', { withoutOwners: 'Run: ALTER TABLE <x>' })
  t.teardown(async () => { await app.close() })
  const visitor = await signedIn(app, 'Ada')
  t.match((await visitor.get('/')).body, 'Run: ALTER TABLE &#60;x&#62;')
  t.equal((await visitor.post('/devices/sign-out-others')).statusCode, 404)
  t.match((await new Visitor(app).get('/')).body, /<ol>(?!.*Your devices).*<\/ol>/s)
})

t.test('the names of devices are short', async t => {
  const agents: ReadonlyArray<readonly [string | undefined, string]> = [
    ['Mozilla/5.0 (iPhone; CPU iPhone OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Mobile/15E148 Safari/604.1', 'Safari on iPhone'],
    ['Mozilla/5.0 (iPad; CPU OS 18_5 like Mac OS X) AppleWebKit/605.1.15 (KHTML, like Gecko) CriOS/138.0.0.0 Mobile/15E148 Safari/604.1', 'Chrome on iPad'],
    ['Mozilla/5.0 (Macintosh; Intel Mac OS X 10_15_7) AppleWebKit/605.1.15 (KHTML, like Gecko) Version/18.5 Safari/605.1.15', 'Safari on macOS'],
    ['Mozilla/5.0 (Linux; Android 15; SM-S931B) AppleWebKit/537.36 (KHTML, like Gecko) SamsungBrowser/28.0 Chrome/130.0.0.0 Mobile Safari/537.36', 'Samsung Internet on Android'],
    ['Mozilla/5.0 (Windows NT 10.0; Win64; x64) AppleWebKit/537.36 (KHTML, like Gecko) Chrome/140.0.0.0 Safari/537.36 OPR/124.0.0.0', 'Opera on Windows'],
    ['node', 'A program'], ['', 'A program'], [undefined, 'A program']
  ]
  for (const [agent, name] of agents) t.equal(deviceOf(agent), name)
})

t.test('the cookie of the example outlives the browser only for a visitor who wants to be remembered', async t => {
  const app = await onMemory(t)
  const forgotten = await new Visitor(app).post('/sign-in', { name: 'Ada' })
  t.match(forgotten.cookies, [{ name: 'session', maxAge: undefined, expires: undefined, httpOnly: true, sameSite: 'Lax' }])
  const remembered = await new Visitor(app).post('/sign-in', { name: 'Ada', remember: 'yes' })
  t.match(remembered.cookies, [{ name: 'session', maxAge: 7 * 24 * 60 * 60 }])
})

t.test('what a visitor enters is text on the page, never markup', async t => {
  const visitor = await signedIn(await onMemory(t), '<img src=x onerror="alert(\'&\')">')
  t.match((await visitor.get('/')).body, 'Hello, &#60;img src=x onerror=&#34;alert(&#39;&#38;&#39;)&#34;&#62;')
})

t.test('a name that is missing, blank or too long is asked for again, and said so beside the field', async t => {
  const visitor = new Visitor(await onMemory(t))
  for (const form of [{}, { name: '  ' }, { name: 'x'.repeat(51), remember: 'yes' }]) {
    const response = await visitor.post('/sign-in', form)
    t.equal(response.statusCode, 422)
    t.equal(response.body.includes(' checked '), 'remember' in form, 'what was chosen stays chosen')
    t.match(response.body, /aria-invalid="true" aria-describedby="problem".*id="problem"/s)
    t.same(response.cookies, [])
  }
  t.equal((await visitor.post('/sign-in', { name: 'x'.repeat(50) })).statusCode, 303)
})

t.test('nothing goes into the basket that is not sold, or of somebody who is not signed in', async t => {
  const app = await onMemory(t)
  const visitor = await signedIn(app, 'Ada')
  t.equal((await visitor.post('/basket', { product: '__proto__' })).statusCode, 400)
  t.equal((await visitor.post('/basket')).statusCode, 400)
  const stranger = new Visitor(app)
  t.match(await stranger.post('/basket', { product: 'Tea' }), { statusCode: 401, body: /<h1>You are not signed in/, cookies: [] })
  t.match(await stranger.get('/parts'), { statusCode: 401, cookies: [] })
})

t.test('a form of another site is refused', async t => {
  const app = await onMemory(t)
  const signIn = async (headers: Record<string, string>) => await app.inject({ method: 'POST', url: '/sign-in', headers: { host: 'shop.test:80', 'content-type': 'application/x-www-form-urlencoded', ...headers }, payload: 'name=Ada' })
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { origin: 'http://elsewhere.test' }, { origin: 'http://shop.test:81' }, { origin: 'null' }]) {
    t.match(await signIn(headers), { statusCode: 403, cookies: [] })
  }
  for (const headers of [{ 'sec-fetch-site': 'same-origin' }, { origin: 'http://shop.test:80' }]) t.match(await signIn(headers), { statusCode: 303 })
})

t.test('style and script need no session', async t => {
  const visitor = await signedIn(await onMemory(t), 'Ada')
  for (const [url, type] of [['/style.css', 'text/css'], ['/script.js', 'text/javascript']] as const) {
    const { statusCode, headers } = await visitor.get(url)
    t.equal(statusCode, 200)
    t.match(headers['content-type'], type)
    t.equal(headers.vary, undefined)
  }
})

t.test('errors have pages too', async t => {
  const store = memoryStore()
  const app = await buildApplication(store, 'in memory')
  t.teardown(async () => { await app.close() })
  const visitor = await signedIn(app, 'Ada')
  t.match(await visitor.get('/nowhere'), { statusCode: 404, body: /<h1>There is no such page/ })
  t.match(await app.inject({ method: 'POST', url: '/sign-in', headers: { 'content-type': 'text/csv' }, payload: 'a' }), { statusCode: 415, body: /<h1>Something went wrong/ })

  const { update } = store
  store.update = async () => ({ kind: 'gone' })
  t.match(await visitor.get('/'), { statusCode: 409, body: /<h1>You are not signed in/ })
  store.update = async () => { throw Object.assign(new Error('down'), { code: 'FST_SESSION_STORE_UNAVAILABLE', statusCode: 503 }) }
  t.match(await visitor.get('/'), { statusCode: 503, body: /<h1>That could not be saved/ })
  store.update = update
  t.match(await visitor.get('/'), { statusCode: 200 })
})

async function onMemory (t: Test): Promise<FastifyInstance> {
  const app = await buildApplication(memoryStore(), 'in memory')
  t.teardown(async () => { await app.close() })
  return app
}

async function signedIn (app: FastifyInstance, name: string): Promise<Visitor> {
  const visitor = new Visitor(app)
  await visitor.post('/sign-in', { name })
  return visitor
}
