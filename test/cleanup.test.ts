import { mock } from 'node:test'
import { createPool, type Pool } from 'mysql2'
import { createConnection } from 'mysql2/promise'
import t, { type Test } from 'tap'
import { memoryStore, mysqlStore, type SessionStore, type StoreLog } from '../plugin/index.js'
import { hashToken } from '../plugin/token.js'
import { Cleanup } from '../stores/cleanup.js'
import * as sql from '../stores/mysql-sql.js'
import { dataOf, makeApplication, mysqlOptions, newSession } from './application.js'
import { latch } from './barrier.js'
import { makeDatabase, type Database } from './database.js'

const silent: StoreLog = { warn: () => {}, error: () => {} }

/** A database with a table, in which so many sessions have expired long ago. */
async function withExpired (t: Test, count: number): Promise<Database> {
  const database = await makeDatabase(t)
  const store = mysqlStore(database.url, { createTable: true, cleanupInterval: 0 })
  await store.open(silent)
  await store.close()
  await insertExpired(database, count)
  return database
}

async function insertExpired ({ connection }: Database, count: number): Promise<void> {
  const rows = Array.from({ length: count }, (_, i) => `('${`old${i}-`.padEnd(43, 'x')}', 'x', '2020-01-01' + INTERVAL ${i} SECOND)`)
  await connection.query(`INSERT INTO sessions (token, data, expiry) VALUES ${rows.join()}`)
}

async function rowsIn ({ connection }: Database, where = 'TRUE'): Promise<number> {
  const [rows] = await connection.query(`SELECT token FROM sessions WHERE ${where}`)
  return (rows as unknown[]).length
}

/** Waits until the cleanup, which runs by itself, has done its work. */
async function areCleaned (t: Test, database: Database): Promise<void> {
  for (let i = 0; i < 20_000 && await rowsIn(database) > 0; i++);
  t.equal(await rowsIn(database), 0)
}

const dialectOf = async ({ connection }: Database) => {
  const [[{ version } = { version: '' }]] = await connection.query('SELECT VERSION() AS version') as unknown as [Array<{ version: string }>]
  return version.includes('MariaDB') ? sql.mariadb : sql.mysql
}

t.test('expired rows are deleted, the oldest first and no more than asked for; live ones stay', async t => {
  const database = await withExpired(t, 600)
  const application = makeApplication(t, mysqlOptions(database))
  const token = await newSession(application)
  const store = mysqlStore(database.url, { cleanupInterval: 0 })
  t.teardown(async () => { await store.close() })
  t.equal(await store.deleteExpired(10), 10)
  t.equal(await rowsIn(database, 'token LIKE \'old_-%\''), 0, 'the ten oldest are gone')
  t.equal(await rowsIn(database), 591)
  t.equal(await store.deleteExpired(300), 300, 'more than a statement takes')
  t.equal(await store.deleteExpired(1000), 290)
  t.equal(await store.deleteExpired(1000), 0)
  t.strictSame(await dataOf(application, token), { user: 'ada' })
})

t.test('the cleanup runs by itself, and deletes everything that is expired', async t => {
  const database = await withExpired(t, 1000)
  const store = mysqlStore(database.url, { cleanupInterval: 1 })
  await store.open(silent)
  await areCleaned(t, database)
  await store.close()
})

t.test('the cleanup finds expired rows through the index', async t => {
  const database = await withExpired(t, 3000)
  await database.connection.query('ANALYZE TABLE sessions')
  const statement = sql.expired(await dialectOf(database), '`sessions`', 256).replace('SELECT', 'EXPLAIN FORMAT=TRADITIONAL SELECT')
  const [plan] = await database.connection.query(statement) as unknown as [Array<{ type: string, key: string, Extra: string }>]
  t.match(plan, [{ type: /range|index/, key: 'sessions_expiry_idx' }])
  t.notMatch(plan[0]?.Extra, /filesort/)
})

t.test('while the cleanup deletes, rows beside the deleted ones can be written', async t => {
  const database = await withExpired(t, 3000)
  const { connection } = database
  const cleaner = await createConnection(database.url)
  t.teardown(async () => { await cleaner.end() })
  const dialect = await dialectOf(database)
  const [oldest] = await cleaner.query(sql.expired(dialect, '`sessions`', 256)) as unknown as [Array<{ token: string }>]
  const tokens = oldest.map(({ token }) => token)
  await cleaner.query('START TRANSACTION')
  await cleaner.query(sql.removeExpired(dialect, '`sessions`', tokens.length, 1000), tokens)

  await connection.query('SET innodb_lock_wait_timeout = 1')
  // Beside what was deleted, by token and by expiry.
  await connection.query('INSERT INTO sessions (token, data, expiry) VALUES (\'old\', \'x\', \'2019-12-31\'), (\'old4-a\', \'x\', \'2020-01-01 00:00:04.5\'), (\'old255-z\', \'x\', \'2020-01-01 00:04:15.5\'), (\'z\', \'x\', \'2037-01-01\')')
  await connection.query('UPDATE sessions SET expiry = \'2037-01-01\' WHERE token = ?', ['old256-'.padEnd(43, 'x')])
  await cleaner.query('COMMIT')
  t.equal(await rowsIn(database), 3000 - 256 + 4)
  t.equal(await rowsIn(database, 'expiry > \'2036-01-01\''), 2)
})

t.test('the note of a renewed session stays for its minute, so that a late sign-out finds the session', async t => {
  const database = await makeDatabase(t)
  const application = makeApplication(t, mysqlOptions(database))
  const store = mysqlStore(database.url, { cleanupInterval: 0 })
  t.teardown(async () => { await store.close() })
  const token = await newSession(application)
  const { token: renewed } = await application.visit(token, ({ session }) => { session.renewToken(); return 'ok' })
  t.equal(await store.deleteExpired(10), 0)
  t.equal(await rowsIn(database), 2)
  await store.delete(hashToken(token))
  t.strictSame(await dataOf(application, renewed), {}, 'the renewed session has ended')

  await database.connection.query('UPDATE sessions SET expiry = expiry - INTERVAL 61 SECOND')
  t.equal(await store.deleteExpired(10), 1)
  t.equal(await rowsIn(database), 0)
})

t.test('one process at a time cleans a table; the others leave it to that one', async t => {
  const database = await withExpired(t, 10)
  await database.connection.query('START TRANSACTION; SELECT token FROM sessions FOR UPDATE')
  const failures: unknown[] = []
  const log: StoreLog = { warn: () => {}, error: details => { failures.push(details) } }
  const fourGaveUp = latch()
  const cleaners: Array<{ store: SessionStore, pool: Pool, tries: number }> = []
  for (let i = 0; i < 5; i++) {
    const pool = createPool(database.url)
    const store = mysqlStore(pool, { cleanupInterval: 1 })
    await store.open(log)
    // From here on only its cleanup takes connections.
    const cleaner = { store, pool, tries: 0 }
    cleaners.push(cleaner)
    pool.on('release', () => {
      cleaner.tries++
      if (cleaners.filter(({ tries }) => tries >= 3).length >= 4) fourGaveUp.open()
    })
  }
  await fourGaveUp.opened
  t.equal(cleaners.filter(({ tries }) => tries === 0).length, 1, 'one waits for the rows')
  t.equal(await rowsIn(database), 10)
  await database.connection.query('ROLLBACK')
  await areCleaned(t, database)
  t.strictSame(failures, [])
  for (const { store, pool } of cleaners) {
    await store.close()
    await pool.promise().end()
  }
})

t.test('a cleanup that fails is logged, and tried again', async t => {
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
  await areCleaned(t, database)
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
  t.teardown(() => { mock.timers.reset() })
  for (const [random, pause] of [[0, 900], [0.5, 1000], [0.9999, 1100]] as const) {
    t.intercept(Math, 'random', { value: () => random })
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
  const cleanup = new Cleanup(1, async stopped => {
    began.open()
    await goOn.opened
    sawStop = stopped()
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
