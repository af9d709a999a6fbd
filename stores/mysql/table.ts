import { StoreMisconfiguredError, TableMissingError } from '../errors.js'
import { errorNumber } from './connections.js'
import { mariadb, mysql, SELECT_NOW, type Dialect } from './statements.js'
import { schemaFor } from '../sql/schema.js'

/** What the store learns at its first contact with the database. */
export interface MysqlTable {
  readonly dialect: Dialect
  /** The largest data that fits, in bytes, and what sets that limit. */
  readonly maxBytes: number
  readonly maxBytesBecause: string
  /** The database's time, in milliseconds since 1970 UTC. */
  readonly now: number
  /** The last expiry that fits, in milliseconds since 1970 UTC. */
  readonly lastExpiry: number
  /** How many bytes may go into one statement, its values all told. */
  readonly maxStatementBytes: number
  /** Whether the token is the primary key, or else a unique one. */
  readonly hasPrimaryKey: boolean
}

/** Runs a statement and gives its rows. */
export type Query = (sql: string, values?: readonly unknown[]) => Promise<readonly unknown[][]>

/**
 * The last time of a TIMESTAMP (2038-01-19 03:14:07), less a day for what a statement may wait before it runs and the
 * server's clock be set meanwhile, in milliseconds since 1970 UTC. MariaDB 11.5 and newer have more.
 */
const LAST_TIMESTAMP = Date.UTC(2038, 0, 18, 3, 14, 7)
const LAST_DATETIME = Date.UTC(9999, 11, 31)

/** Room in a packet for all that is not data. */
const PACKET_OVERHEAD = 32 * 1024
const LEAST_PACKET = 64 * 1024

/**
 * Looks at the server and the table, and creates the table if it is missing and may be created. Throws
 * `FST_SESSION_TABLE_MISSING` and `FST_SESSION_STORE_MISCONFIGURED`.
 *
 * @param name the table's name, its schema first if it has one
 * @param quoted the same as SQL
 */
export async function inspectTable (query: Query, name: readonly string[], quoted: string, createTable: boolean): Promise<MysqlTable> {
  const dialect = await inspectServer(query)
  let columns = await columnsOf(query, name)
  if (columns.size === 0 && createTable) {
    await query(await schemaFor('mysql.sql', '`sessions`', quoted))
    columns = await columnsOf(query, name)
  }
  if (columns.size === 0) throw new TableMissingError(name.join('.'), 'schema/mysql.sql')
  const { dataLength, isTimestamp, hasPrimaryKey } = checkColumns(columns, name.join('.'))
  await checkEngine(query, name)

  const [[packet, now] = []] = await query(`SELECT @@max_allowed_packet * 1e0, ${SELECT_NOW.slice('SELECT '.length)}`)
  if (Number(packet) < LEAST_PACKET) throw new StoreMisconfiguredError(`The server's max_allowed_packet is ${Number(packet)} bytes, but ${LEAST_PACKET} are needed at least`)
  const packetRoom = Number(packet) - PACKET_OVERHEAD
  return {
    dialect,
    now: Number(now),
    lastExpiry: isTimestamp ? LAST_TIMESTAMP : LAST_DATETIME,
    maxStatementBytes: packetRoom,
    hasPrimaryKey,
    maxBytes: Math.min(dataLength, packetRoom),
    maxBytesBecause: dataLength <= packetRoom ? `the column data of ${name.join('.')}` : 'the server\'s max_allowed_packet'
  }
}

async function inspectServer (query: Query): Promise<Dialect> {
  const [[version, autocommit] = []] = await query('SELECT VERSION(), @@autocommit + 0')
  if (Number(autocommit) === 0) {
    throw new StoreMisconfiguredError('The connections of the pool have autocommit off, so nothing would be saved. Give the sessions a pool of their own')
  }
  const dialect = String(version).includes('MariaDB') ? mariadb : mysql
  // An old server ignores the hint, or refuses the statement.
  const [[zone] = []] = await query(dialect.statement('SELECT', '@@time_zone')).catch((error: unknown) => {
    if (errorNumber(error) === 0) throw error
    return [['unknown']]
  })
  if (zone !== '+00:00') throw new StoreMisconfiguredError(`The server (${String(version)}) cannot set the time zone of a statement. MySQL 8.0.17, MariaDB 10.5, or newer, is needed`)
  return dialect
}

interface Column {
  readonly type: string
  /** In characters, of a column of bytes in bytes. */
  readonly length: number
  /** 'PRI' or 'UNI' if it is a key by itself. */
  readonly key: string
}

async function columnsOf (query: Query, name: readonly string[]): Promise<Map<string, Column>> {
  const table = name.at(-1)
  const schema = name.length > 1 ? name[0] : undefined
  const [[database] = []] = await query('SELECT DATABASE()')
  if (schema === undefined && (database === null || database === undefined)) {
    throw new StoreMisconfiguredError('No database is selected. Name one in the URL (mysql://user:password@host/database), or in the table\'s name (database.sessions)')
  }
  const rows = await query(
    'SELECT COLUMN_NAME, DATA_TYPE, COALESCE(CHARACTER_MAXIMUM_LENGTH, 0) + 0e0, COLUMN_KEY FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?',
    [schema ?? database, table]
  )
  return new Map(rows.map(([column, type, length, key]) => [String(column).toLowerCase(), { type: String(type).toLowerCase(), length: Number(length), key: String(key) }]))
}

function checkColumns (columns: ReadonlyMap<string, Column>, name: string): { dataLength: number, isTimestamp: boolean, hasPrimaryKey: boolean } {
  const wrong = (column: string, expected: string) => {
    throw new StoreMisconfiguredError(`The table ${name} has ${columns.has(column) ? `a column ${column} of type ${columns.get(column)?.type}${columns.get(column)?.length ? `(${columns.get(column)?.length})` : ''}` : `no column ${column}`}, but ${expected} is needed. Compare it with schema/mysql.sql of this package`)
  }
  const token = columns.get('token')
  const data = columns.get('data')
  const expiry = columns.get('expiry')
  if (token === undefined || !/char|binary/.test(token.type) || token.length < 43) wrong('token', 'token CHAR(43)')
  if (token?.key !== 'PRI' && token?.key !== 'UNI') throw new StoreMisconfiguredError(`The column token of ${name} is not its primary key. Run: ALTER TABLE ${name} ADD PRIMARY KEY (token)`)
  // A BINARY fills what is shorter up with zeros.
  if (data === undefined || !/blob|varbinary/.test(data.type)) wrong('data', 'data BLOB or MEDIUMBLOB')
  if (expiry === undefined || !/^(timestamp|datetime)$/.test(expiry.type)) wrong('expiry', 'expiry TIMESTAMP(6)')
  return { dataLength: data?.length ?? 0, isTimestamp: expiry?.type === 'timestamp', hasPrimaryKey: token?.key === 'PRI' }
}

async function checkEngine (query: Query, name: readonly string[]): Promise<void> {
  const rows = await query(
    `SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ${name.length > 1 ? '?' : 'DATABASE()'} AND TABLE_NAME = ?`,
    [...name]
  )
  const engine = String(rows[0]?.[0])
  if (/^(myisam|aria|memory|csv|archive)$/i.test(engine)) {
    throw new StoreMisconfiguredError(`The table ${name.join('.')} uses the engine ${engine}, which has no transactions. Run: ALTER TABLE ${name.join('.')} ENGINE = InnoDB`)
  }
}
