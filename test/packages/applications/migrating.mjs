/*
 * Browsers that express-session and @fastify/session have signed in, with the stores that people use, go on signed in with
 * this plugin; and such stores as stores of this plugin. MYSQL_URL and MSSQL_CONFIG name an empty database each.
 */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import fastifyCookie from '@fastify/cookie'
import fastifySession from '@fastify/session'
import ConnectMssql from 'connect-mssql-v2'
import { RedisStore } from 'connect-redis'
import express from 'express'
import expressMysql from 'express-mysql-session'
import expressSession from 'express-session'
import memoryStore from 'memorystore'
import mssql from 'mssql'
import mysql from 'mysql2/promise'
import sessions, { connectStore, fromExpress } from 'fastify-sql-sessions'
import { Browser, check, end, listen, makeApplication, onEnd } from './site.mjs'

const secret = 'the secret of the application before, and no secret at all'
const mysqlUrl = process.env.MYSQL_URL
const mssqlConfig = JSON.parse(process.env.MSSQL_CONFIG)
const MysqlStore = expressMysql(expressSession)
const MssqlStore = ConnectMssql.default ?? ConnectMssql

const pool = mysql.createPool(mysqlUrl)
onEnd(() => pool.end())
const mssqlPool = await new mssql.ConnectionPool(mssqlConfig).connect()
onEnd(() => mssqlPool.close())
await mssqlPool.request().batch('CREATE TABLE [sessions] ([sid] [nvarchar](255) NOT NULL PRIMARY KEY, [session] [nvarchar](max) NOT NULL, [expires] [datetime] NOT NULL)')

async function makeMysqlStore () {
  const { hostname: host, port, username: user, password, pathname } = new URL(mysqlUrl)
  const store = new MysqlStore({ host, port: Number(port), user, password, database: pathname.slice(1) })
  await store.onReady()
  onEnd(() => store.close())
  return store
}

async function makeMssqlStore () {
  const store = new MssqlStore(mssqlConfig, { table: '[sessions]' })
  // It connects at its first statement, and those that come meanwhile fail.
  await new Promise((resolve, reject) => store.get('nobody', error => error ? reject(error) : resolve()))
  onEnd(() => store.databaseConnection.close())
  return store
}

/** The application before, on Express. */
async function startExpress (store) {
  const app = express()
  app.use(expressSession({ secret, store, resave: false, saveUninitialized: false, cookie: { maxAge: 3_600_000 } }))
  app.post('/login', (request, response) => { request.session.user = 'ada'; request.session.basket = ['tea']; response.json({}) })
  app.get('/me', (request, response) => response.json({ user: request.session.user ?? null }))
  const server = app.listen(0, '127.0.0.1')
  await once(server, 'listening')
  onEnd(() => server.close())
  return `http://127.0.0.1:${server.address().port}`
}

/** The application before, on Fastify. */
async function startFastifySession (store) {
  const { app } = makeApplication({ pluginTimeout: 0 })
  await app.register(fastifyCookie)
  await app.register(fastifySession, { secret, store, saveUninitialized: false, cookie: { secure: false, maxAge: 3_600_000 } })
  app.post('/login', async request => { request.session.user = 'ada'; request.session.basket = ['tea']; return {} })
  app.get('/me', async request => ({ user: request.session.user ?? null }))
  return await listen(app)
}

/** The application after. */
async function startOurs (options) {
  const { app, log } = makeApplication({ pluginTimeout: 0 })
  await app.register(sessions, options)
  app.get('/me', async ({ session }) => ({ user: session.get('user') ?? null, basket: session.get('basket') ?? null, deadline: session.deadline }))
  app.post('/login', async ({ session }) => { session.put('user', 'ada'); return {} })
  app.post('/logout', async ({ session }) => { await session.destroy(); return {} })
  return { base: await listen(app), log }
}

const inMysql = previous => ({ store: 'mysql', mysql: pool.pool, table: 'new_sessions', createTable: true, storeTimeout: 60_000, previous: fromExpress({ secret, mysql: pool, timeout: 60_000, ...previous }) })
const inMssql = previous => ({ store: 'mssql', mssql: mssqlPool, table: 'new_sessions', createTable: true, storeTimeout: 60_000, previous: fromExpress({ secret, mssql: mssqlPool, timeout: 60_000, ...previous }) })
const countMysql = async () => (await pool.query('SELECT COUNT(*) AS n FROM sessions'))[0][0].n
const countMssql = async () => (await mssqlPool.request().query('SELECT COUNT(*) AS n FROM [sessions]')).recordset[0].n

const WAYS = [
  ['@fastify/session and express-mysql-session', startFastifySession, makeMysqlStore, 'sessionId', inMysql, countMysql],
  ['express-session and express-mysql-session', startExpress, makeMysqlStore, 'connect.sid', inMysql, countMysql],
  ['@fastify/session and connect-mssql-v2', startFastifySession, makeMssqlStore, 'sessionId', inMssql, countMssql],
  ['express-session and connect-mssql-v2', startExpress, makeMssqlStore, 'connect.sid', inMssql, countMssql]
]
for (const [name, startOld, makeStore, cookie, options, count] of WAYS) {
  await check(`a browser that ${name} have signed in goes on signed in, and the old row is gone`, async () => {
    const browser = new Browser(await startOld(await makeStore()))
    await browser.post('/login')
    assert.equal((await browser.get('/me')).json.user, 'ada')
    assert.deepEqual([...browser.cookies.keys()], [cookie])
    const before = await count()

    const { base, log } = await startOurs(options({ cookie }))
    browser.base = base
    const { user, basket, deadline } = (await browser.get('/me')).json
    assert.deepEqual({ user, basket }, { user: 'ada', basket: ['tea'] })
    const minutes = (Date.parse(deadline) - Date.now()) / 60_000
    assert.ok(minutes > 55 && minutes <= 60.1, `the deadline is that of the old row: ${minutes} minutes`)
    assert.deepEqual([...browser.cookies.keys()], ['session'], 'the old cookie is gone')
    assert.equal(await count(), before - 1, 'the old row is gone')
    assert.equal((await browser.get('/me')).json.user, 'ada')
    await browser.post('/logout')
    assert.equal((await browser.get('/me')).json.user, null)
    assert.deepEqual(log, [])
  })

  await check(`with ${name}, requests at once in two processes migrate one session`, async () => {
    const browser = new Browser(await startOld(await makeStore()))
    await browser.post('/login')
    const bases = [(await startOurs(options({ cookie }))).base, (await startOurs(options({ cookie }))).base]
    const copies = Array.from({ length: 10 }, (_, i) => Object.assign(new Browser(bases[i % 2]), { cookies: new Map(browser.cookies) }))
    const users = await Promise.all(copies.map(async copy => (await copy.get('/me')).json.user))
    assert.deepEqual(users, Array(10).fill('ada'))
    assert.equal(new Set(copies.map(copy => copy.cookie)).size, 1)
    await copies[0].post('/logout')
    assert.equal((await copies[1].get('/me')).json.user, null)
    browser.base = bases[0]
    assert.equal((await browser.get('/me')).json.user, null, 'the old cookie signs nobody in')
  })
}

/** What connect-redis asks of its client. */
const redis = new Map()
const redisClient = {
  get: async key => redis.get(key) ?? null,
  set: async (key, value) => { redis.set(key, value) },
  del: async keys => { for (const key of keys) redis.delete(key) },
  expire: async () => {}
}
const MemoryStore = memoryStore(expressSession)
const STORES = [
  ['MemoryStore of express-session', () => new expressSession.MemoryStore()],
  ['memorystore', () => new MemoryStore({})],
  ['connect-redis', () => new RedisStore({ client: redisClient })],
  ['express-mysql-session', makeMysqlStore],
  ['connect-mssql-v2', makeMssqlStore]
]
for (const [name, makeStore] of STORES) {
  await check(`${name} keeps sessions of this plugin`, async () => {
    const { base, log } = await startOurs({ store: connectStore(await makeStore()), storeTimeout: 60_000 })
    const browser = new Browser(base)
    await browser.post('/login')
    assert.equal((await browser.get('/me')).json.user, 'ada')
    const { cookie } = browser
    await browser.post('/logout')
    const late = new Browser(base)
    late.keep(cookie)
    assert.equal((await late.get('/me')).json.user, null)
    assert.deepEqual(log, [])
  })
}

await check('a store that another plugin has filled is read too', async () => {
  const store = new RedisStore({ client: redisClient })
  const browser = new Browser(await startExpress(store))
  await browser.post('/login')
  const { base } = await startOurs({ previous: fromExpress({ secret, store }) })
  browser.base = base
  assert.equal((await browser.get('/me')).json.user, 'ada')
  assert.equal(redis.size, 0)
})
await end()
