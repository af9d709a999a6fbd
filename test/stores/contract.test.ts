import { createPool, type Pool, type PoolOptions } from 'mysql2'
import { createPool as createPromisePool } from 'mysql2/promise'
import t, { type Test } from '../support/test.js'
import { makeDatabase, SCS_TABLE, type Database } from '../support/database.js'
import { memoryStore } from '../../stores/memory/memory.js'
import { mysqlStore, type MysqlPoolOptions, type MysqlSource, type MysqlStoreOptions } from '../../stores/mysql/mysql.js'
import { storeContract } from '../../stores/testing/testing.js'

t.test('in memory', async t => {
  for (const { name, run } of storeContract(() => memoryStore({ cleanupInterval: 0 }))) await t.test(name, run)
})

t.test('on MySQL, in the table of schema/mysql.sql', async t => {
  const { url } = await makeDatabase(t)
  await runOn(t, url, { createTable: true })
})

for (const collation of ['latin1_swedish_ci', 'utf8mb4_general_ci', 'utf8mb4_unicode_ci']) {
  t.test(`on MySQL, in the table of SCS's README, ${collation} the default`, async t => {
    const { url } = await scsDatabase(t, collation)
    await runOn(t, poolFor(t, { uri: url }))
  })
}

t.test('on MySQL, with a table of another database', async t => {
  const { url } = await makeDatabase(t)
  const other = await makeDatabase(t)
  await runOn(t, poolFor(t, { uri: url }), { table: `${other.name}.sessions`, createTable: true })
})

t.test('on MySQL, with no database but the table\'s', async t => {
  const { url, name } = await makeDatabase(t)
  await runOn(t, poolFor(t, { uri: url.replace(name, '') }), { table: `${name}.sessions`, createTable: true })
})

for (const table of ['se"ss`ions\'s ☃ ?', 'back\\slash\\']) {
  t.test(`on MySQL, with a table of the name ${table}`, async t => {
    const { url } = await makeDatabase(t)
    await runOn(t, poolFor(t, { uri: url }), { table, createTable: true })
  })
}

t.test('on MySQL, with a column of DATETIME', async t => {
  const { url, connection } = await makeDatabase(t)
  await connection.query(SCS_TABLE.replace('TIMESTAMP', 'DATETIME'))
  await runOn(t, poolFor(t, { uri: url }))
})

t.test('on MySQL, with a token of bytes', async t => {
  const { url, connection } = await makeDatabase(t)
  await connection.query(SCS_TABLE.replace('CHAR(43)', 'VARBINARY(64)'))
  await runOn(t, poolFor(t, { uri: url }))
})

t.test('on MySQL, with a pool', async t => {
  const { url } = await scsDatabase(t)
  const pool = poolFor(t, { uri: url })
  await runOn(t, pool)
  const [rows] = await pool.promise().query('SELECT 1 AS one')
  t.strictSame(rows, [{ one: 1 }], 'which is not closed')
})

t.test('on MySQL, with a pool of promises', async t => {
  const { url } = await scsDatabase(t)
  const pool = createPromisePool(url)
  t.teardown(async () => { await pool.end() })
  await runOn(t, pool)
  const [rows] = await pool.query('SELECT 1 AS one')
  t.strictSame(rows, [{ one: 1 }], 'which is not closed')
})

const DRIVER_OPTIONS: MysqlPoolOptions[] = [
  { timezone: '+05:00', dateStrings: true, supportBigNumbers: true, bigNumberStrings: true, decimalNumbers: true },
  { rowsAsArray: true, typeCast: false, flags: ['-FOUND_ROWS'] },
  { nestTables: true, namedPlaceholders: true, multipleStatements: true, maxPreparedStatements: 2 },
  { nestTables: '_', charset: 'latin1_swedish_ci' }
]
for (const options of DRIVER_OPTIONS) {
  t.test(`on MySQL, with a pool of the options ${JSON.stringify(options)}`, async t => {
    const { url } = await scsDatabase(t)
    await runOn(t, poolFor(t, { uri: url, ...options }))
  })
}

const SETTINGS = [
  'sql_mode = \'\'',
  'sql_mode = \'ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE\'',
  'sql_mode = \'NO_BACKSLASH_ESCAPES,TRADITIONAL\'',
  'sql_mode = \'HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH,NO_UNSIGNED_SUBTRACTION\', time_zone = \'-07:30\'',
  'SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  'SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  'sql_safe_updates = 1, character_set_client = latin1, collation_connection = latin1_german2_ci'
]
for (const setting of SETTINGS) {
  t.test(`on MySQL, on connections that somebody has told to SET ${setting}`, async t => {
    const { url } = await scsDatabase(t)
    const pool = poolFor(t, { uri: url })
    pool.on('connection', connection => { connection.query(`SET ${setting}`) })
    await runOn(t, pool, { table: 'it\'s a "table"', createTable: true })
  })
}

function poolFor (t: Test, options: PoolOptions): Pool {
  const pool = createPool(options)
  t.teardown(async () => { await pool.promise().end() })
  return pool
}

async function scsDatabase (t: Test, collation = 'utf8mb4_general_ci'): Promise<Database> {
  const database = await makeDatabase(t)
  await database.connection.query(`ALTER DATABASE COLLATE ${collation}; ${SCS_TABLE}`)
  return database
}

async function runOn (t: Test, source: MysqlSource, options: MysqlStoreOptions = {}): Promise<void> {
  for (const { name, run } of storeContract(() => mysqlStore(source, { cleanupInterval: 0, ...options }))) await t.test(name, run)
}
