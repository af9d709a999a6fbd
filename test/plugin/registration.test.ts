import Fastify from 'fastify'
import t from 'tap'
import sessions, { memoryStore } from '../../plugin/index.js'
import { optionsFor } from '../../plugin/store-option.js'
import { startSite } from '../support/site.js'

const pool = { getConnection () {} }
const mssqlPool = { connect () {}, request () {}, close () {} }

for (const [what, passed, options] of [
  ['nothing', undefined, {}],
  ['a URL of MySQL', 'mysql://user@host/x', { store: 'mysql', mysql: 'mysql://user@host/x' }],
  ['a URL of MariaDB', 'mariadb://user@host/x', { store: 'mysql', mysql: 'mariadb://user@host/x' }],
  ['an object of URL', new URL('mysql://user@host/x'), { store: 'mysql', mysql: new URL('mysql://user@host/x') }],
  ['a connection string of SQL Server', 'Server=host;Database=x', { store: 'mssql', mssql: 'Server=host;Database=x' }],
  ['a pool of mysql2', pool, { store: 'mysql', mysql: pool }],
  ['a pool of mssql', mssqlPool, { store: 'mssql', mssql: mssqlPool }]
] as const) {
  t.test(`${what} in place of options says which store it is for`, async t => { t.strictSame(optionsFor(passed), options) })
}

t.test('a session is kept with an object of URL as the option mysql', async t => {
  const { MYSQL_URL } = process.env
  const url = new URL(String(MYSQL_URL))
  url.pathname = '/information_schema'
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(sessions, { store: 'mysql', mysql: url })
  // The database is reached, and has no such table.
  await t.rejects(async () => { await app.ready() }, { code: 'FST_SESSION_TABLE_MISSING' })
})

t.test('two registrations without hashTokenInStore on one table are refused', async t => {
  for (const [first, second] of [[false, false], [true, false], [false, true]] as const) {
    const app = Fastify()
    const store = memoryStore({ cleanupInterval: 0 })
    await app.register(sessions, { store, hashTokenInStore: first })
    await t.rejects(async () => { await app.register(sessions, { store, hashTokenInStore: second, name: 'adminSession', cookie: { name: 'admin' } }) }, {
      code: 'FST_SESSION_INVALID_OPTION', message: /^request\.adminSession and request\.session keep their rows in one table, .* { table: 'adminSessions' }$/
    })
    await app.close()
  }
})

t.test('two registrations may share a table if both hash their tokens, and need not hash them on two tables', async t => {
  const mysql = 'mysql://user@127.0.0.1:1/x'
  for (const [one, other] of [[{ table: 'a' }, { table: 'a' }], [{ table: 'a', hashTokenInStore: false }, { table: 'b', hashTokenInStore: false }]]) {
    const app = Fastify()
    t.teardown(async () => { await app.close() })
    await app.register(sessions, { store: 'mysql', mysql, ...one })
    await app.register(sessions, { store: 'mysql', mysql, ...other, name: 'adminSession', cookie: { name: 'admin' } })
    t.ok(app.hasRequestDecorator('adminSession'))
  }
})

t.test('without a logger a warning about the configuration goes to process.emitWarning, once', async t => {
  const warnings: Error[] = []
  const listen = (warning: Error) => warnings.push(warning)
  process.on('warning', listen)
  t.teardown(() => { process.off('warning', listen) })
  for (let i = 0; i < 2; i++) {
    const app = Fastify()
    await app.register(sessions, { lifetime: 1000, idleTimeout: 1000 })
    await app.ready()
    await app.close()
  }
  await new Promise(resolve => setImmediate(resolve))
  t.match(warnings, [{ name: 'SessionWarning', message: /^idleTimeout \(1000 ms\) is not shorter than lifetime \(1000 ms\)/ }])
  t.equal(warnings.length, 1)
})

for (const [what, proto, secure, warning] of [
  ['https', 'https', true, undefined],
  ['HTTPS in capitals', 'HTTPS', true, undefined],
  ['https, then http', 'https, http', false, /the first of several proxies says .* cookie: { secure: true }/],
  ['http', 'http', false, undefined]
] as const) {
  t.test(`a trusted proxy says ${what}`, async t => {
    const site = await startSite(t, {}, { trustProxy: true })
    const { cookies } = await site.browser().visit(session => { session.put('a', 1) }, { headers: { 'x-forwarded-proto': proto } })
    t.equal(cookies.length, 1)
    t.equal(/; Secure/.test(String(cookies[0])), secure)
    t.match(site.log.complaints, warning === undefined ? [] : [warning])
    t.equal(site.log.complaints.length, warning === undefined ? 0 : 1)
  })
}

t.test('an assignment to request.session is an error that says what to write', async t => {
  const browser = (await startSite(t)).browser()
  for (const [value, message] of [
    [null, 'request.session cannot be assigned. To end the session, call await request.session.destroy()'],
    [undefined, 'request.session cannot be assigned. To end the session, call await request.session.destroy()'],
    [{ user: 1 }, 'request.session cannot be assigned. To keep values, call request.session.put(key, value) for each']
  ] as const) {
    const { response } = await browser.visit((_session, request) => { Object.assign(request, { session: value }) })
    t.match(response.json(), { statusCode: 500, code: 'FST_SESSION_INVALID_ARGUMENT', message })
  }
})
