import { createPool, type Pool, type PoolOptions } from 'mysql2'
import { createPool as createPromisePool } from 'mysql2/promise'
import { makeDatabase, SCS_TABLE, type Database } from '../../support/database.js'
import type { Test } from 'tap'
import type { MysqlPoolOptions, MysqlSource, MysqlStoreOptions } from '../../../stores/mysql/mysql.js'

/** A way to set up the MySQL store: a table, a pool, options of the driver or of the connections. */
export interface Setting {
  readonly name: string
  /** Makes what the store is given; all of it is gone when the test is over. */
  readonly make: (t: Test) => Promise<{
    readonly source: MysqlSource
    readonly options?: MysqlStoreOptions
    /** Looks at the source when the store is closed. */
    readonly check?: () => Promise<void>
  }>
}

const tables: Setting[] = [
  {
    name: 'a table of another database',
    make: async t => {
      const { url } = await makeDatabase(t)
      const other = await makeDatabase(t)
      return { source: poolFor(t, { uri: url }), options: { table: `${other.name}.sessions`, createTable: true } }
    }
  },
  {
    name: 'no database but the table\'s',
    make: async t => {
      const { url, name } = await makeDatabase(t)
      return { source: poolFor(t, { uri: url.replace(name, '') }), options: { table: `${name}.sessions`, createTable: true } }
    }
  },
  ...['se"ss`ions\'s ☃ ?', 'back\\slash\\'].map((table): Setting => ({
    name: `a table of the name ${table}`,
    make: async t => {
      const { url } = await makeDatabase(t)
      return { source: poolFor(t, { uri: url }), options: { table, createTable: true } }
    }
  })),
  ...['latin1_swedish_ci', 'utf8mb4_unicode_ci'].map((collation): Setting => ({
    name: `the table of SCS's README where ${collation} is the default`,
    make: async t => ({ source: poolFor(t, { uri: (await scsDatabase(t, { collation })).url }) })
  })),
  {
    name: 'a column of DATETIME',
    make: async t => ({ source: poolFor(t, { uri: (await scsDatabase(t, { table: SCS_TABLE.replace('TIMESTAMP', 'DATETIME') })).url }) })
  },
  {
    name: 'a token of bytes',
    make: async t => ({ source: poolFor(t, { uri: (await scsDatabase(t, { table: SCS_TABLE.replace('CHAR(43)', 'VARBINARY(64)') })).url }) })
  }
]

const OWNER_COLUMNS = ['VARCHAR(255) CHARACTER SET utf8mb4 COLLATE utf8mb4_general_ci', 'VARBINARY(191)', 'VARCHAR(191) CHARACTER SET latin1 COLLATE latin1_swedish_ci']
const owners = OWNER_COLUMNS.map((column): Setting => ({
  name: `the table of SCS's README and an owner of ${column}`,
  make: async t => ({
    source: poolFor(t, { uri: (await scsDatabase(t, { table: `${SCS_TABLE}; ALTER TABLE sessions ADD COLUMN owner ${column}, ADD INDEX whose (owner, expiry)` })).url }),
    options: { owners: true }
  })
}))

const pools: Setting[] = [
  {
    name: 'a pool, which is not closed',
    make: async t => {
      const source = poolFor(t, { uri: (await scsDatabase(t)).url })
      return { source, check: async () => { t.strictSame((await source.promise().query('SELECT 1 AS one'))[0], [{ one: 1 }]) } }
    }
  },
  {
    name: 'a pool of promises, which is not closed',
    make: async t => {
      const source = createPromisePool((await scsDatabase(t)).url)
      t.teardown(async () => { await source.end() })
      return { source, check: async () => { t.strictSame((await source.query('SELECT 1 AS one'))[0], [{ one: 1 }]) } }
    }
  }
]

const DRIVER_OPTIONS: MysqlPoolOptions[] = [
  { timezone: '+05:00', dateStrings: true, supportBigNumbers: true, bigNumberStrings: true, decimalNumbers: true },
  { rowsAsArray: true, typeCast: false, flags: ['-FOUND_ROWS'] },
  { nestTables: true, namedPlaceholders: true, multipleStatements: true, maxPreparedStatements: 2 },
  { nestTables: '_', charset: 'latin1_swedish_ci' }
]
const drivers = DRIVER_OPTIONS.map((options): Setting => ({
  name: `a pool of the options ${JSON.stringify(options)}`,
  make: async t => ({ source: poolFor(t, { uri: (await scsDatabase(t)).url, ...options }) })
}))

const VARIABLES = [
  'sql_mode = \'\'',
  'sql_mode = \'ANSI_QUOTES,PIPES_AS_CONCAT,IGNORE_SPACE\'',
  'sql_mode = \'NO_BACKSLASH_ESCAPES,TRADITIONAL\'',
  'sql_mode = \'HIGH_NOT_PRECEDENCE,PAD_CHAR_TO_FULL_LENGTH,NO_UNSIGNED_SUBTRACTION\', time_zone = \'-07:30\'',
  'SESSION TRANSACTION ISOLATION LEVEL READ COMMITTED',
  'SESSION TRANSACTION ISOLATION LEVEL SERIALIZABLE',
  'sql_safe_updates = 1, character_set_client = latin1, collation_connection = latin1_german2_ci'
]
const connections = VARIABLES.map((variables): Setting => ({
  name: `connections on which the application has run SET ${variables}`,
  make: async t => {
    const source = poolFor(t, { uri: (await scsDatabase(t)).url })
    source.on('connection', connection => { connection.query(`SET ${variables}`) })
    return { source, options: { table: 'it\'s a "table"', createTable: true, owners: true } }
  }
}))

export const SETTINGS: readonly Setting[] = [...tables, ...owners, ...pools, ...drivers, ...connections]

function poolFor (t: Test, options: PoolOptions): Pool {
  const pool = createPool(options)
  t.teardown(async () => { await pool.promise().end() })
  return pool
}

async function scsDatabase (t: Test, { collation = 'utf8mb4_general_ci', table = SCS_TABLE } = {}): Promise<Database> {
  const database = await makeDatabase(t)
  await database.connection.query(`ALTER DATABASE COLLATE ${collation}; ${table}`)
  return database
}
