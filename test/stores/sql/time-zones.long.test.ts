import { execFile } from 'node:child_process'
import { randomBytes } from 'node:crypto'
import { promisify } from 'node:util'
import { fastify } from 'fastify'
import { createPool, type Pool, type PoolOptions } from 'mysql2'
import { createConnection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { makeDatabase, SCS_TABLE, type Database } from '../../support/database.js'
import sessions, { type SessionOptions } from '../../../plugin/index.js'
import { mssqlStore } from '../../../stores/mssql/mssql.js'
import { mysqlStore } from '../../../stores/mysql/mysql.js'
import type { NewSession, SessionStore } from '../../../stores/store.js'
import { frontOnly, makeFront, makeSqlServer, mssqlOptions } from '../../support/sql-server.js'
import { until } from '../../support/until.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const quiet = { warn () {}, error () {} }
const newToken = () => randomBytes(32).toString('base64url')

/** What a process in some time zone does to a session of its own: whether it is found before its expiry, and after. */
const TRIED = `
async function tried (store) {
  await store.open(console)
  const data = Buffer.from('data')
  const isFound = async token => (await store.find([token])).sessions.length === 1
  const answers = {}
  for (const [name, ttl] of [['long', 3600000], ['short', 1]]) {
    const token = name.padEnd(43, String(Math.random()).slice(2))
    await store.insert({ token, data, ttl })
    const afterInsert = await isFound(token)
    const updated = await store.update({ token, data: Buffer.from('next'), ttl, seen: { bytes: data, whole: true } })
    await store.touch({ token, seen: { bytes: Buffer.from('next'), whole: true }, ttl: ttl + 1, atLeast: 0 })
    await new Promise(resolve => setTimeout(resolve, 50))
    answers[name] = await isFound(token)
    if (name === 'long') answers.steps = [afterInsert, updated.kind]
  }
  answers.now = Math.abs((await store.find([])).now - Date.now()) < 60000
  await store.close()
  return answers
}
`
const AS_IT_SHOULD = { steps: [true, 'saved'], long: true, short: false, now: true }

const MYSQL_CHILD = `
const [url, zone, timezone] = process.argv.slice(1)
const { createPool } = await import('mysql2')
const { mysqlStore } = await import(process.env.STORE)
const pool = createPool({ uri: url, timezone })
pool.on('connection', connection => connection.query('SET time_zone = ' + JSON.stringify(zone).replaceAll('"', "'")))
console.log(JSON.stringify(await tried(mysqlStore(pool, { cleanupInterval: 0, storeTimeout: 60_000 }))))
await pool.promise().end()
${TRIED}`

const MSSQL_CHILD = `
const config = JSON.parse(process.argv[1])
const { mssqlStore } = await import(process.env.STORE)
const answers = []
for (const useUTC of [true, false]) {
  const store = mssqlStore({ ...config, options: { ...config.options, useUTC } }, { createTable: true, cleanupInterval: 0, storeTimeout: 60_000 })
  answers.push(await tried(store))
}
console.log(JSON.stringify(answers))
${TRIED}`

async function inZone (TZ: string, store: 'mysql' | 'mssql', script: string, args: readonly string[]): Promise<unknown> {
  const env = { ...process.env, TZ, STORE: new URL(`../../../stores/${store}/${store}.js`, import.meta.url).href }
  const { stdout } = await promisify(execFile)(process.execPath, ['--input-type=module', '-e', script, ...args], { env })
  return JSON.parse(stdout)
}

/** Each value of each of the three meets each value of each other. */
const PAIRS = [
  ['+00:00', 'UTC', 'local'], ['+00:00', 'Asia/Tokyo', 'Z'], ['+00:00', 'America/New_York', '+05:00'],
  ['+05:00', 'UTC', 'Z'], ['+05:00', 'Asia/Tokyo', '+05:00'], ['+05:00', 'America/New_York', 'local'],
  ['America/New_York', 'UTC', '+05:00'], ['America/New_York', 'Asia/Tokyo', 'local'], ['America/New_York', 'America/New_York', 'Z']
] as const

t.test('a session is found before its expiry and not after, whatever the time zones of server, process and driver', async t => {
  const { url } = await newYorkDatabase(t)
  for (const [server, TZ, driver] of PAIRS) {
    t.strictSame(await inZone(TZ, 'mysql', MYSQL_CHILD, [url, server, driver]), AS_IT_SHOULD, `server ${server}, process ${TZ}, driver ${driver}`)
  }
})

t.test('the same on SQL Server, whatever the time zone of the process and the driver\'s useUTC', async t => {
  const { config } = await makeSqlServer(t)
  for (const TZ of ['UTC', 'Asia/Tokyo', 'America/New_York']) {
    t.strictSame(await inZone(TZ, 'mssql', MSSQL_CHILD, [JSON.stringify(config)]), [AS_IT_SHOULD, AS_IT_SHOULD], TZ)
  }
})

const NEXT_YEAR = new Date().getUTCFullYear() + 1
/** The second Sunday of March, 2:00 EST, and the first Sunday of November, 2:00 EDT, in milliseconds since 1970 UTC. */
const SPRING = Date.UTC(NEXT_YEAR, 2, sunday(2, 8), 7)
const AUTUMN = Date.UTC(NEXT_YEAR, 10, sunday(10, 1), 6)

function sunday (month: number, from: number): number {
  return from + (7 - new Date(Date.UTC(NEXT_YEAR, month, from)).getUTCDay()) % 7
}

/** Instants about which local time, or UTC taken for local time, jumps or is there twice. */
const INSTANTS = [
  ...[-5 * HOUR, -4.5 * HOUR, -4 * HOUR, -1000, 0, 0.5 * HOUR, HOUR].map(offset => ({ name: 'the spring gap', at: SPRING + offset })),
  ...[-5 * HOUR, -4.5 * HOUR, -1 * HOUR, -0.5 * HOUR, 0, 0.5 * HOUR, HOUR].map(offset => ({ name: 'the autumn overlap', at: AUTUMN + offset }))
]

/** A store, and a clock of its server that a test can set, in milliseconds since 1970 UTC. */
interface Timed {
  readonly store: SessionStore
  set (time: number): Promise<void>
}

const mysqlInNewYork = async (t: Test): Promise<Timed> => {
  const { url } = await newYorkDatabase(t)
  const clock = await clockOf(t, { uri: url, connectionLimit: 2 }, 'America/New_York')
  return { store: await opened(t, mysqlStore(clock.pool, { cleanupInterval: 0, storeTimeout: 60_000 })), set: clock.set }
}

/** Its server has no zone of its own, but the driver turns times into those of the process where useUTC is off. */
const mssqlInNewYork = (useUTC: boolean) => async (t: Test): Promise<Timed> => {
  const { TZ } = process.env
  process.env['TZ'] = 'America/New_York'
  t.teardown(() => {
    if (TZ === undefined) delete process.env['TZ']
    else process.env['TZ'] = TZ
  })
  const { config, front } = await makeFront(t)
  const store = mssqlStore({ ...config, options: { ...config.options, useUTC } }, { createTable: true, cleanupInterval: 0, storeTimeout: 60_000 })
  return { store: await opened(t, store), set: async time => { front.faults.clock(time) } }
}

for (const [server, make, options] of [
  ['MySQL', mysqlInNewYork, {}],
  ['SQL Server, useUTC', mssqlInNewYork(true), frontOnly],
  ['SQL Server, useUTC off', mssqlInNewYork(false), frontOnly]
] as const) {
  t.test(`a session lives exactly its time where an hour is missing, and where one comes twice (${server})`, options, async t => {
    const { store, set } = await make(t)
    for (const { name, at } of INSTANTS) {
      for (const write of ['insert', 'update', 'touch', 'rewrite']) {
        const session: NewSession = { token: newToken(), data: Buffer.from('data'), ttl: DAY }
        await set(at - DAY)
        await store.insert(write === 'insert' ? session : { ...session, ttl: HOUR })
        const seen = { bytes: session.data, whole: true }
        if (write === 'update') t.equal((await store.update({ ...session, seen })).kind, 'saved')
        if (write === 'touch') await store.touch({ ...session, seen, atLeast: 0 })
        if (write === 'rewrite') await store.rewrite([session.token], () => [{ kind: 'update', session }])
        for (const [offset, found] of [[0, true], [DAY - 2 * HOUR, true], [DAY - HOUR, true], [DAY - 1000, true], [DAY, false], [DAY + HOUR, false]] as const) {
          await set(at - DAY + offset)
          const { now, sessions: [one] } = await store.find([session.token])
          if (found && one?.ttl !== DAY - offset) t.fail(`${write}: ${one?.ttl} ms are left at ${new Date(at - DAY + offset).toISOString()}`)
          if (one !== undefined) t.ok(Math.abs(now - (at - DAY + offset)) < 1000)
          t.equal(one !== undefined, found, `${name}, ${write} for ${new Date(at).toISOString()}, after ${offset / HOUR} h`)
        }
      }
    }
  })

  t.test(`what has expired in an hour that comes twice is deleted, and nothing else (${server})`, options, async t => {
    const { store, set } = await make(t)
    for (const at of [SPRING, AUTUMN]) {
      const halfHours = [-3, -2, -1, 0, 1, 2, 3].map(n => at + n * HOUR / 2)
      await set(at - DAY)
      for (const expiry of halfHours) await store.insert({ token: newToken(), data: Buffer.from('data'), ttl: expiry - (at - DAY) })
      for (const now of halfHours) {
        await set(now)
        t.equal(await store.deleteExpired(10), 1, new Date(now).toISOString())
      }
    }
  })
}

/** Where sessions are kept, and how many seconds its one session has left. */
interface Kept {
  readonly options: SessionOptions
  secondsLeft (): Promise<number>
  clear (): Promise<unknown>
}

const onMysql = async (t: Test): Promise<Kept> => {
  const { url, connection } = await scsDatabase(t)
  return {
    options: { store: 'mysql', mysql: url, cleanupInterval: 0, storeTimeout: 60_000 },
    async secondsLeft () {
      const [rows] = await connection.query('SELECT UNIX_TIMESTAMP(expiry) - UNIX_TIMESTAMP(NOW(6)) AS seconds FROM sessions')
      return Number((rows as Array<{ seconds: number | string }>)[0]?.seconds)
    },
    clear: async () => await connection.query('DELETE FROM sessions')
  }
}

const onSqlServer = async (t: Test): Promise<Kept> => {
  const server = await makeSqlServer(t)
  return {
    options: { ...mssqlOptions(server), storeTimeout: 60_000 },
    secondsLeft: async () => Number((await server.query('SELECT DATEDIFF(second, SYSUTCDATETIME(), expiry) AS seconds FROM sessions'))[0]?.['seconds']),
    clear: async () => await server.query('DELETE FROM sessions')
  }
}

for (const [server, make] of [['MySQL', onMysql], ['SQL Server', onSqlServer]] as const) {
  for (const minutes of [-10, 10]) {
    t.test(`a process whose clock is wrong by ${minutes} minutes ends sessions neither early nor late (${server})`, async t => {
      const { options, secondsLeft, clear } = await make(t)
      const real = Date.now
      Date.now = () => real() + minutes * 60_000
      t.teardown(() => { Date.now = real })
      const near = (actual: number, expected: number) => t.ok(actual <= expected + 1 && actual > expected - 60, `${actual} s of ${expected} s are left`)

      for (const { lives, seconds } of [
        { lives: { lifetime: HOUR }, seconds: 3600 },
        { lives: { lifetime: DAY, idleTimeout: 300_000 }, seconds: 300 }
      ]) {
        const app = fastify()
        await app.register(sessions, { ...options, ...lives })
        app.get('/put', async request => { request.session.put('n', 1); return 'ok' })
        app.get('/get', async request => ({ n: request.session.get('n') ?? null }))
        app.get('/deadline', async request => {
          request.session.setDeadline(new Date(Date.now() + 120_000))
          return 'ok'
        })
        app.get('/soon', async request => { request.session.setDeadline(new Date(Date.now() + 4000)); return 'ok' })
        const { headers } = await app.inject('/put')
        const cookie = String(headers['set-cookie']).split(';')[0] as string
        near(await secondsLeft(), seconds)
        t.same((await app.inject({ url: '/get', headers: { cookie } })).json(), { n: 1 })
        t.equal((await app.inject({ url: '/deadline', headers: { cookie } })).statusCode, 200)
        near(await secondsLeft(), 120)
        t.same((await app.inject({ url: '/get', headers: { cookie } })).json(), { n: 1 })
        t.equal((await app.inject({ url: '/soon', headers: { cookie } })).statusCode, 200)
        await until(async () => (await app.inject({ url: '/get', headers: { cookie } })).json<{ n: number | null }>().n === null)
        await app.close()
        await clear()
      }
    })
  }

  t.test(`a lifetime of twenty years is accepted, and the session is found now (${server})`, async t => {
    const { options } = await make(t)
    const app = fastify()
    t.teardown(async () => { await app.close() })
    await app.register(sessions, { ...options, lifetime: 20 * 365 * DAY })
    app.get('/put', async request => { request.session.put('n', 1); return 'ok' })
    app.get('/get', async request => ({ n: request.session.get('n') ?? null, year: request.session.deadline.getUTCFullYear() }))
    const { headers, statusCode } = await app.inject('/put')
    t.equal(statusCode, 200)
    const cookie = String(headers['set-cookie']).split(';')[0] as string
    t.same((await app.inject({ url: '/get', headers: { cookie } })).json(), { n: 1, year: new Date(Date.now() + 20 * 365 * DAY).getUTCFullYear() })
  })
}

async function scsDatabase (t: Test): Promise<Database> {
  const database = await makeDatabase(t)
  await database.connection.query(SCS_TABLE)
  return database
}

/** On a server that knows the zone America/New_York, which this sees to. */
async function newYorkDatabase (t: Test): Promise<Database> {
  const database = await scsDatabase(t)
  const [rows] = await database.connection.query('SELECT CONVERT_TZ(\'2030-07-01 12:00:00\', \'UTC\', \'America/New_York\') AS there')
  if ((rows as Array<{ there: unknown }>)[0]?.there === null) await loadZones(database)
  return database
}

/** The two zones as the server's own program would load them, from what Node knows of them. */
async function loadZones ({ url }: Database): Promise<void> {
  const connection = await createConnection({ uri: url.replace(/[^/]*$/, 'mysql'), multipleStatements: true })
  const format = new Intl.DateTimeFormat('en', { timeZone: 'America/New_York', timeZoneName: 'longOffset' })
  const offsetAt = (time: number) => {
    const [, sign, hours] = /GMT([+-])(\d+)/.exec(format.format(time)) as unknown as [string, string, string]
    return Number(sign + hours) * 3600
  }
  const transitions: Array<[number, number]> = []
  for (let time = Date.UTC(NEXT_YEAR - 2, 0), before = offsetAt(time); time < Date.UTC(NEXT_YEAR + 2, 0); time += HOUR) {
    const offset = offsetAt(time)
    if (offset !== before) transitions.push([time / 1000, offset === -14_400 ? 1 : 0])
    before = offset
  }
  for (const name of ['UTC', 'America/New_York']) {
    const [{ insertId }] = await connection.query('INSERT INTO time_zone (Use_leap_seconds) VALUES (\'N\')') as unknown as [{ insertId: number }]
    await connection.query('INSERT INTO time_zone_name VALUES (?, ?)', [name, insertId])
    await connection.query('INSERT INTO time_zone_transition_type VALUES ?', [name === 'UTC' ? [[insertId, 0, 0, 0, 'UTC']] : [[insertId, 0, -18_000, 0, 'EST'], [insertId, 1, -14_400, 1, 'EDT']]])
    if (name !== 'UTC') await connection.query('INSERT INTO time_zone_transition VALUES ?', [transitions.map(([time, type]) => [insertId, time, type])])
  }
  await connection.end()
}

interface ServerClock {
  readonly pool: Pool
  /** Sets the server's clock as the pool's connections see it, in milliseconds since 1970 UTC. */
  set (time: number): Promise<void>
}

async function clockOf (t: Test, options: PoolOptions, zone: string): Promise<ServerClock> {
  const pool = createPool(options)
  t.teardown(async () => { await pool.promise().end() })
  const connections: Array<{ query (sql: string, done: (error: unknown) => void): void }> = []
  let timestamp = 'DEFAULT'
  pool.on('connection', connection => {
    connections.push(connection)
    connection.query(`SET time_zone = '${zone}', timestamp = ${timestamp}`)
  })
  return {
    pool,
    async set (time) {
      timestamp = String(time / 1000)
      await Promise.all(connections.map(async connection => {
        await new Promise<void>((resolve, reject) => connection.query(`SET timestamp = ${timestamp}`, error => error instanceof Error ? reject(error) : resolve()))
      }))
    }
  }
}

async function opened (t: Test, store: SessionStore): Promise<SessionStore> {
  t.teardown(async () => { await store.close() })
  await store.open(quiet)
  return store
}
