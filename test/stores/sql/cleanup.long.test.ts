import { createHash } from 'node:crypto'
import { mock } from 'node:test'
import { createPool, type Pool } from 'mysql2'
import { createConnection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { memoryStore, mssqlStore, mysqlStore, type SessionOptions, type SessionStore, type StoreLog } from '../../../plugin/index.js'
import { hashToken } from '../../../plugin/token.js'
import { Cleanup } from '../../../stores/cleanup.js'
import * as mssqlSql from '../../../stores/mssql/statements.js'
import { mariadb, mysql } from '../../../stores/mysql/dialect.js'
import { Statements } from '../../../stores/mysql/statements.js'
import { dataOf, makeApplication, mysqlOptions, newSession } from '../../support/application.js'
import { latch } from '../../support/barrier.js'
import { makeDatabase, type Database } from '../../support/database.js'
import { frontOnly, makeFront, makeSqlServer, mssqlOptions, type SqlServer } from '../../support/sql-server.js'
import { until } from '../../support/until.js'
import { mssql } from '../../tds/mssql-driver.js'

const silent: StoreLog = { warn: () => {}, error: () => {} }

/** A table of sessions, and what the tests do to it. */
interface Table {
  readonly options: SessionOptions
  makeStore (cleanupInterval: number): SessionStore
  /** Writes so many sessions that have expired long ago, one a second. */
  insertExpired (count: number): Promise<void>
  rows (where?: string): Promise<number>
  /** Runs statements in a transaction of its own, and gives what undoes them. */
  hold (statement: string): Promise<() => Promise<void>>
  run (statement: string): Promise<unknown>
}

const old = (i: number) => `old${i}-`.padEnd(43, 'x')

async function mysqlTable (t: Test): Promise<Table> {
  const database = await makeDatabase(t)
  const { connection, url } = database
  await makeTable(mysqlStore(url, { createTable: true, cleanupInterval: 0 }))
  return {
    options: mysqlOptions(database),
    makeStore: cleanupInterval => mysqlStore(url, { cleanupInterval }),
    insertExpired: async count => { await insertExpired(database, count) },
    rows: async where => await rowsIn(database, where),
    async hold (statement) {
      const holder = await createConnection(url)
      await holder.query('START TRANSACTION')
      await holder.query(statement)
      return async () => {
        await holder.query('ROLLBACK')
        await holder.end()
      }
    },
    run: async statement => await connection.query(statement)
  }
}

async function mssqlTable (t: Test, server?: SqlServer): Promise<Table> {
  const { query, config } = server ?? await makeSqlServer(t)
  await makeTable(mssqlStore(config, { createTable: true, cleanupInterval: 0 }))
  return {
    options: mssqlOptions({ query, config } as SqlServer),
    makeStore: cleanupInterval => mssqlStore(config, { cleanupInterval }),
    async insertExpired (count) {
      for (let from = 0; from < count; from += 1000) {
        const rows = Array.from({ length: Math.min(1000, count - from) }, (_, i) => `('${old(from + i)}', 0x78, DATEADD(second, ${from + i}, '2020-01-01'))`)
        await query(`INSERT INTO sessions (token, data, expiry) VALUES ${rows.join()}`)
      }
    },
    rows: async (where = '1 = 1') => Number((await query(`SELECT COUNT(*) AS n FROM sessions WHERE ${where}`))[0]?.['n']),
    async hold (statement) {
      const pool = new mssql.ConnectionPool({ ...config, pool: { max: 1 } })
      const transaction = new mssql.Transaction(await pool.connect())
      await transaction.begin()
      await new mssql.Request(transaction).query(statement)
      return async () => {
        await transaction.rollback()
        await pool.close()
      }
    },
    run: query
  }
}

async function makeTable (store: SessionStore): Promise<void> {
  await store.open(silent)
  await store.close()
}

function onEachTable (name: string, body: (t: Test, table: Table) => Promise<void>): void {
  void t.test(`${name} (MySQL)`, async t => { await body(t, await mysqlTable(t)) })
  void t.test(`${name} (SQL Server)`, async t => { await body(t, await mssqlTable(t)) })
}

/** A database with a table, in which so many sessions have expired long ago. */
async function withExpired (t: Test, count: number): Promise<Database> {
  const database = await makeDatabase(t)
  await makeTable(mysqlStore(database.url, { createTable: true, cleanupInterval: 0 }))
  await insertExpired(database, count)
  return database
}

async function insertExpired ({ connection }: Database, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, i) => `('${old(i)}', 'x', '2020-01-01' + INTERVAL ${i} SECOND)`)
  await connection.query(`INSERT INTO sessions (token, data, expiry) VALUES ${rows.join()}`)
}

async function rowsIn ({ connection }: Database, where = 'TRUE'): Promise<number> {
  const [rows] = await connection.query(`SELECT token FROM sessions WHERE ${where}`)
  return (rows as unknown[]).length
}

/** Waits until the cleanup, which runs by itself, has done its work. */
async function areCleaned (count: () => Promise<number>): Promise<void> {
  await until(async () => await count() === 0)
}

const statementsFor = async ({ connection }: Database) => {
  const [[{ version } = { version: '' }]] = await connection.query('SELECT VERSION() AS version') as unknown as [Array<{ version: string }>]
  return new Statements(version.includes('MariaDB') ? mariadb : mysql, { quoted: '`sessions`', keyIndex: undefined, ownerIndex: undefined }, false, false)
}

onEachTable('expired rows are deleted, no more than asked for; live ones stay', async (t, table) => {
  await table.insertExpired(600)
  const application = makeApplication(t, table.options)
  const token = await newSession(application)
  const store = table.makeStore(0)
  t.teardown(async () => { await store.close() })
  t.equal(await store.deleteExpired(10), 10)
  t.equal(await table.rows(), 591)
  t.equal(await store.deleteExpired(300), 300, 'more than a statement takes')
  t.equal(await store.deleteExpired(1000), 290)
  t.equal(await store.deleteExpired(1000), 0)
  t.strictSame(await dataOf(application, token), { user: 'ada' })
})

onEachTable('the cleanup runs by itself, and deletes everything that is expired', async (_t, table) => {
  await table.insertExpired(1000)
  const store = table.makeStore(1)
  await store.open(silent)
  await areCleaned(async () => await table.rows())
  await store.close()
})

onEachTable('an expired row that somebody has locked is told in the log; sessions are served meanwhile, and it is deleted when it is free', async (t, table) => {
  await table.insertExpired(600)
  const application = makeApplication(t, table.options)
  const token = await newSession(application)
  const letGo = await table.hold(`UPDATE sessions SET expiry = '2020-02-02' WHERE token = '${old(300)}'`)
  const errors: object[] = []
  const store = table.makeStore(1)
  await store.open({ warn: () => {}, error: details => { errors.push(details) } })
  const statuses = new Set<number>()
  while (errors.length === 0) statuses.add((await application.visit(token, ({ session }) => { session.put('n', errors.length); return 'ok' })).status)
  t.strictSame([...statuses], [200])
  t.match(errors[0], { err: { message: /locked by somebody else|Lock/ } })
  await letGo()
  await areCleaned(async () => await table.rows('expiry < \'2020-02-01\''))
  await store.close()
  t.equal(await table.rows(), 1)
})

t.test('the cleanup finds expired rows through the index', async t => {
  const database = await withExpired(t, 3000)
  await database.connection.query('ANALYZE TABLE sessions')
  const statement = (await statementsFor(database)).expired(256).sql.replace('SELECT', 'EXPLAIN FORMAT=TRADITIONAL SELECT')
  const [plan] = await database.connection.query(statement) as unknown as [Array<{ type: string, key: string, Extra: string }>]
  t.match(plan, [{ type: /range|index/, key: 'sessions_expiry_idx' }])
  t.notMatch(plan[0]?.Extra, /filesort/)
})

t.test('the oldest are deleted first', async t => {
  const database = await withExpired(t, 600)
  const store = mysqlStore(database.url, { cleanupInterval: 0 })
  t.teardown(async () => { await store.close() })
  t.equal(await store.deleteExpired(10), 10)
  t.equal(await rowsIn(database, 'token LIKE \'old_-%\''), 0)
})

/** Beside what is deleted, by token and by expiry. */
async function writeBeside (table: Table): Promise<void> {
  await table.run('INSERT INTO sessions (token, data, expiry) VALUES (\'old\', 0x78, \'2019-12-31\'), (\'old4-a\', 0x78, \'2020-01-01 00:00:04.5\'), (\'old255-z\', 0x78, \'2020-01-01 00:04:15.5\'), (\'z\', 0x78, \'2037-01-01\')')
  await table.run(`UPDATE sessions SET expiry = '2037-01-01' WHERE token = '${old(256)}'`)
}

t.test('while the cleanup deletes, rows beside the deleted ones can be written (MySQL)', async t => {
  const table = await mysqlTable(t)
  await table.insertExpired(3000)
  const statements = await statementsFor({ connection: { query: table.run } } as unknown as Database)
  const [oldest] = await table.run(statements.expired(256).sql) as [Array<{ token: string }>]
  const { sql, values } = statements.removeExpired(oldest.map(({ token }) => token), 1)
  const tokens = values.values()
  const letGo = await table.hold(sql.replaceAll('?', () => `'${tokens.next().value}'`))
  await table.run('SET innodb_lock_wait_timeout = 1')
  await writeBeside(table)
  await letGo()
  t.equal(await table.rows(), 3004)
  t.equal(await table.rows('expiry > \'2036-01-01\''), 2)
})

t.test('while the cleanup deletes, rows beside the deleted ones can be written (SQL Server)', async t => {
  const table = await mssqlTable(t)
  await table.insertExpired(3000)
  const letGo = await table.hold(mssqlSql.removeExpired('[sessions]', 256, 60_000).text.replace('@n', '256'))
  await table.run('SET LOCK_TIMEOUT 1000')
  await writeBeside(table)
  await letGo()
  t.equal(await table.rows(), 3004)
  t.equal(await table.rows('expiry > \'2036-01-01\''), 2)
})

onEachTable('the note of a renewed session stays for its minute, so that a late sign-out finds the session', async (t, table) => {
  const application = makeApplication(t, table.options)
  const store = table.makeStore(0)
  t.teardown(async () => { await store.close() })
  const token = await newSession(application)
  const { token: renewed } = await application.visit(token, ({ session }) => { session.renewToken(); return 'ok' })
  t.equal(await store.deleteExpired(10), 0)
  t.equal(await table.rows(), 2)
  await store.delete(hashToken(token))
  t.strictSame(await dataOf(application, renewed), {}, 'the renewed session has ended')

  await table.run(`UPDATE sessions SET expiry = ${table.options.store === 'mssql' ? 'DATEADD(second, -61, expiry)' : 'expiry - INTERVAL 61 SECOND'}`)
  t.equal(await store.deleteExpired(10), 1)
  t.equal(await table.rows(), 0)
})

t.test('one process at a time cleans a table; the others leave it to that one (MySQL)', async t => {
  const database = await withExpired(t, 10)
  const { connection, name } = database
  const lock = `fastify-sql-sessions ${createHash('sha256').update(`\`${name}\`.\`sessions\``).digest('hex').slice(0, 32)}`
  const [[{ got } = { got: 0 }]] = await connection.query('SELECT GET_LOCK(?, 0) AS got', [lock]) as unknown as [Array<{ got: number }>]
  t.equal(got, 1)
  const failures: unknown[] = []
  const tries = new Map<Pool, number>()
  const stores: SessionStore[] = []
  for (let i = 0; i < 3; i++) {
    const pool = createPool(database.url)
    t.teardown(async () => { await pool.promise().end() })
    const store = mysqlStore(pool, { cleanupInterval: 1 })
    stores.push(store)
    await store.open({ warn: () => {}, error: details => { failures.push(details) } })
    // From here on only the cleanup takes connections.
    tries.set(pool, 0)
    pool.on('release', () => { tries.set(pool, Number(tries.get(pool)) + 1) })
  }
  await until(() => [...tries.values()].every(count => count >= 3))
  t.equal(await rowsIn(database), 10)
  await connection.query('DO RELEASE_LOCK(?)', [lock])
  await areCleaned(async () => await rowsIn(database))
  for (const store of stores) await store.close()
  t.strictSame(failures, [])
})

t.test('one process at a time cleans a table; the others leave it to that one (SQL Server)', frontOnly, async t => {
  const server = await makeFront(t)
  const table = await mssqlTable(t, server)
  await table.insertExpired(10)
  const letGo = await table.hold('EXEC sp_getapplock @Resource = N\'fastify-sql-sessions [sessions]\', @LockMode = \'Exclusive\', @LockTimeout = 0')
  const { statements } = server.front
  const failures: unknown[] = []
  const stores = [1, 2, 3].map(() => table.makeStore(1))
  for (const store of stores) await store.open({ warn: () => {}, error: details => { failures.push(details) } })
  const tries = () => statements.filter(({ sql }) => sql === 'EXEC sp_getapplock').length
  await until(() => tries() >= 30)
  t.strictSame(statements.filter(({ sql }) => sql.includes('DELETE TOP')), [])
  t.equal(await table.rows(), 10)
  await letGo()
  await areCleaned(async () => await table.rows())
  t.strictSame(failures, [])
  for (const store of stores) await store.close()
})

t.test('a cleanup that fails is logged, and tried again (SQL Server)', frontOnly, async t => {
  const server = await makeFront(t)
  const table = await mssqlTable(t, server)
  await table.insertExpired(10)
  server.front.faults.failStatement(1, 9002, /DELETE TOP/)
  const errors: object[] = []
  const store = table.makeStore(20)
  await store.open({ warn: () => {}, error: (details, message) => { errors.push({ ...details, message }) } })
  await areCleaned(async () => await table.rows())
  await store.close()
  t.equal(errors.length, 1)
  t.match(errors[0], { message: /cleanup of expired sessions failed/, err: { message: /\(9002\)/ } })
})

t.test('a cleanup that fails is logged, and tried again (MySQL)', async t => {
  const database = await withExpired(t, 10)
  const failed = latch()
  const errors: object[] = []
  const store = mysqlStore(database.url, { cleanupInterval: 20 })
  const log: StoreLog = { warn: () => {}, error: (details, message) => { errors.push({ ...details, message }); failed.open() } }
  await store.open(log)
  await database.connection.query('RENAME TABLE sessions TO elsewhere')
  await failed.opened
  t.match(errors[0], { message: /cleanup of expired sessions failed/, err: /elsewhere|sessions/ })
  await database.connection.query('RENAME TABLE elsewhere TO sessions')
  await areCleaned(async () => await rowsIn(database))
  await store.close()
})

t.test('the memory store cleans by itself too', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  for (let i = 0; i < 10; i++) await store.insert({ token: `t${i}`, data: Buffer.from('x'), ttl: -1 })
  await store.insert({ token: 'live', data: Buffer.from('x'), ttl: 60_000 })
  t.equal(await store.deleteExpired(4), 4)
  t.equal(await store.deleteExpired(100), 6)
  t.equal(await store.deleteExpired(100), 0)
})

t.test('the pauses between cleanups are up to a tenth shorter or longer than asked, and 0 is never', async t => {
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.reset() })
  for (const [random, pause] of [[0, 900], [0.5, 1000], [0.9999, 1100]] as const) {
    mock.method(Math, 'random', () => random)
    let runs = 0
    const cleanup = new Cleanup(1000, async () => { runs++ })
    cleanup.start(silent)
    cleanup.start(silent)
    mock.timers.tick(pause - 1)
    t.equal(runs, 0)
    mock.timers.tick(1)
    t.equal(runs, 1, 'started twice, it runs once')
    await cleanup.settled()
    mock.timers.tick(pause)
    t.equal(runs, 2)
    await cleanup.settled()
    cleanup.stop()
    cleanup.stop()
    mock.timers.tick(10 * pause)
    t.equal(runs, 2)
    cleanup.start(silent)
    mock.timers.tick(10 * pause)
    t.equal(runs, 2, 'once stopped it stays so')
  }
  let runs = 0
  const never = new Cleanup(0, async () => { runs++ })
  never.start(silent)
  mock.timers.tick(1_000_000_000)
  t.equal(runs, 0)
})

t.test('a cleanup is told to stop while it runs, and settled waits for it', async t => {
  const began = latch()
  const goOn = latch()
  let sawStop = false
  const cleanup = new Cleanup(1, async stop => {
    began.open()
    await goOn.opened
    sawStop = stop.aborted
  })
  cleanup.start(silent)
  // Its own timer keeps nothing alive.
  const alive = setInterval(() => {}, 1000)
  await began.opened
  cleanup.stop()
  const settled = cleanup.settled()
  goOn.open()
  await settled
  t.equal(sawStop, true)
  clearInterval(alive)
})
