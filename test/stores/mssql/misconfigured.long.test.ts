import t from 'tap'
import { makeApplication, newSession, type Deed } from '../../support/application.js'
import { frontOnly, makeFront, makeSqlServer, mssqlOptions } from '../../support/sql-server.js'
import { mssql } from '../../tds/mssql-driver.js'

/* What can never work is said at the start, by its name. What passes is a 503. */

const MISCONFIGURED = 'FST_SESSION_STORE_MISCONFIGURED'
const COLUMNS = 'token CHAR(43) NOT NULL PRIMARY KEY, data VARBINARY(MAX) NOT NULL, expiry DATETIME2(6) NOT NULL'
const read: Deed = ({ session }) => String(session.get('user'))

for (const [what, tables, message] of [
  ['a further column that is NOT NULL without a default', [`CREATE TABLE sessions (${COLUMNS}, user_id INT NOT NULL)`], /NOT NULL and has no default/],
  ['a token that is not unique', ['CREATE TABLE sessions (token CHAR(43) NOT NULL, data VARBINARY(MAX) NOT NULL, expiry DATETIME2(6) NOT NULL)'], /not unique.*ADD PRIMARY KEY/],
  ['text for data', [`CREATE TABLE sessions (${COLUMNS.replace('VARBINARY(MAX)', 'VARCHAR(MAX)')})`], /data VARBINARY\(MAX\)/],
  ['a trigger', [`CREATE TABLE sessions (${COLUMNS})`, 'CREATE TRIGGER audit ON sessions AFTER UPDATE AS SET NOCOUNT ON'], /trigger.*334/],
  ['a trigger on DELETE', [`CREATE TABLE sessions (${COLUMNS})`, 'CREATE TRIGGER audit ON sessions AFTER DELETE AS SET NOCOUNT ON'], /trigger.*334/]
] as const) {
  t.test(`a table with ${what} fails the start, and is left empty`, async t => {
    const server = await makeSqlServer(t)
    for (const sql of tables) await server.query(sql)
    const { app } = makeApplication(t, mssqlOptions(server))
    await t.rejects(async () => { await app.ready() }, { code: MISCONFIGURED, message })
    t.strictSame(await server.query('SELECT token FROM sessions'), [])
  })
}

for (const [what, columns] of [
  ['further columns that have defaults', `n INT NULL, ${COLUMNS}, s INT NOT NULL DEFAULT 1, ms VARCHAR(45) NOT NULL DEFAULT '', place DATETIME2 NULL`],
  ['a token that is unique, and no primary key', COLUMNS.replace('PRIMARY KEY', 'UNIQUE')],
  ['another primary key beside the unique token', `id INT NOT NULL DEFAULT 7, ${COLUMNS.replace('PRIMARY KEY', 'UNIQUE')}`]
] as const) {
  t.test(`a table with ${what} works, for one session and for many at once`, async t => {
    const server = await makeSqlServer(t)
    await server.query(`CREATE TABLE sessions (${columns})`)
    const application = makeApplication(t, { ...mssqlOptions(server), idleTimeout: 60_000, touchInterval: 0 })
    const tokens = await Promise.all(Array.from({ length: 9 }, async () => await newSession(application)))
    const put: Deed = ({ session }) => { session.put('n', 1); return 'ok' }
    for (const { status } of await Promise.all(tokens.map(async token => await application.visit(token, put)))) t.equal(status, 200)
    for (const { body } of await Promise.all(tokens.map(async token => await application.visit(token, read)))) t.equal(body, 'ada')
    const [token] = tokens
    const { token: renewed } = await application.visit(token, ({ session }) => { session.renewToken(); return 'ok' })
    t.equal((await application.visit(renewed, async ({ session }) => { await session.destroy(); return 'ok' })).status, 200)
    t.equal((await application.visit(renewed, read)).body, 'undefined')
  })
}

for (const [what, change, message] of [
  ['a port that there is not', { port: 99_999 }, /port/i],
  ['an option of a wrong type', { options: { encrypt: 'perhaps' } }, /encrypt/],
  ['a column option that is gone', { options: { useColumnNames: 1 } }, /useColumnNames/]
] as const) {
  for (const given of ['a config', 'a pool']) {
    t.test(`${what} in ${given} fails the start with the driver's words`, frontOnly, async t => {
      const server = await makeFront(t)
      const config = { ...server.config, ...change, options: { ...server.config.options, ...('options' in change ? change.options : {}) } }
      if (given === 'a pool' && what.startsWith('a column')) return
      const { app } = makeApplication(t, { ...mssqlOptions(server), mssql: (given === 'a config' ? config : new mssql.ConnectionPool(config)) as never })
      await t.rejects(async () => { await app.ready() }, { code: MISCONFIGURED, message })
    })
  }
}

t.test('a connection string that the driver refuses fails the start', async t => {
  const { app } = makeApplication(t, { store: 'mssql', mssql: 'Server=np:127.0.0.1;Database=app' })
  await t.rejects(async () => { await app.ready() }, { code: MISCONFIGURED, message: /Named Pipes/ })
})

t.test('a trigger that is added later is told by its name', frontOnly, async t => {
  const server = await makeFront(t)
  const application = makeApplication(t, mssqlOptions(server))
  const token = await newSession(application)
  await server.query('CREATE TRIGGER audit ON sessions AFTER UPDATE AS SET NOCOUNT ON')
  const { status, body } = await application.visit(token, ({ session }) => { session.put('n', 1); return 'ok' })
  t.equal(status, 500)
  t.match(JSON.parse(body), { code: MISCONFIGURED, message: /trigger/ })
})

t.test('a password that is rotated while the application runs is a 503 until the new one is accepted', frontOnly, async t => {
  const server = await makeFront(t)
  const application = makeApplication(t, { ...mssqlOptions(server), storeTimeout: 10_000 })
  const token = await newSession(application)
  server.front.faults.refuseLogins(18456)
  server.front.dropConnections()
  const { status, headers, body } = await application.visit(token, read)
  t.equal(status, 503)
  t.equal(headers['retry-after'], '1')
  t.match(JSON.parse(body), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  server.front.faults.refuseLogins(null)
  t.equal((await application.visit(token, read)).body, 'ada')
})

for (const number of [40197, 40501, 40613, 49918, 49919, 49920, 10928, 10929, 701, 9002, 3906]) {
  t.test(`a server that answers ${number} to all gets one statement for a batch, and the callers a 503`, frontOnly, async t => {
    const server = await makeFront(t)
    const { faults, statements } = server.front
    const application = makeApplication(t, mssqlOptions(server))
    const tokens = await Promise.all(Array.from({ length: 10 }, async () => await newSession(application)))
    statements.length = 0
    for (let i = 1; i <= 20; i++) faults.failStatement(i, number)
    const visits = await Promise.all(tokens.map(async token => await application.visit(token, read)))
    t.strictSame([...new Set(visits.map(({ status, headers }) => `${status} ${headers['retry-after']}`))], ['503 1'])
    t.equal(statements.length, 1)
    faults.reset()
    t.equal((await application.visit(tokens[0], read)).body, 'ada')
  })
}
