import { randomBytes } from 'node:crypto'
import { StoreMisconfiguredError, TableMissingError } from '../errors.js'
import type { Connection } from './connection.js'
import { errorNumber, kindOf } from './errors.js'
import { SCHEMA } from './schema.js'
import * as sql from './statements.js'
import { UnreachedError } from '../sql/database.js'
import { OWNER_LENGTH } from '../sql/options.js'
import { forTable } from '../sql/schema.js'

/** What the store learns at its first contact with the database. */
export interface MssqlTable {
  /** The table's name in a statement, with its database and schema. It means the same on every connection of the pool. */
  readonly quoted: string
  /** The largest data that fits, in bytes. */
  readonly maxBytes: number
  /** The database's time, in milliseconds since 1970 UTC. */
  readonly now: number
}

export interface TableOptions {
  /** The table's name, its schema first if it has one. */
  readonly name: readonly string[]
  /** Create the table if it is missing. */
  readonly createTable: boolean
  /** The table needs a column for owners. */
  readonly keepsOwners: boolean
  /** The database that the pool's config names. */
  readonly database: string | undefined
  /** Whether the application uses the connections too. */
  readonly isShared: boolean
}

/** The file that creates the table. */
export const SCHEMA_FILE = 'schema/mssql.sql'

/** What VARBINARY(MAX) holds, in bytes. */
export const LARGEST = 2 ** 31 - 1

/**
 * Inspects the connection and the table, creates the table if that is wanted, and tries the writes. Throws
 * `FST_SESSION_TABLE_MISSING` and `FST_SESSION_STORE_MISCONFIGURED`.
 */
export async function inspectTable (connection: Connection, options: TableOptions): Promise<MssqlTable> {
  const { name, createTable, keepsOwners, isShared } = options
  const asGiven = quoted(name)
  if (isShared) await checkSettings(connection)
  let found = await inspect(connection, asGiven)
  checkDatabase(found, options)
  if (found.id === null && createTable) {
    await create(connection, asGiven)
    found = await inspect(connection, asGiven)
  }
  checkColumns(found, name.join('.'))
  if (keepsOwners) await checkOwner(connection, asGiven, name.join('.'))
  const everywhere = isShared ? quoted([String(found.database), String(found.schema), ...name.slice(-1)]) : asGiven
  await tryWrites(connection, everywhere, name.join('.'), keepsOwners)
  return { quoted: everywhere, maxBytes: Number(found.dataLength) === -1 ? LARGEST : Number(found.dataLength), now: timeIn(found.now) }
}

/** The milliseconds since 1970 of a time in UTC, as the statements return it. */
export function timeIn (value: unknown): number {
  return Date.parse(`${String(value)}Z`)
}

/** A name as SQL. */
export function quoted (name: readonly string[]): string {
  return name.map(part => `[${part.replaceAll(']', ']]')}]`).join('.')
}

type Inspected = Readonly<Record<typeof sql.INSPECTED[number], unknown>>

async function inspect (connection: Connection, name: string): Promise<Inspected> {
  const [row = []] = await connection.rows(sql.inspect(name))
  return Object.fromEntries(sql.INSPECTED.map((field, i) => [field, row[i]])) as Inspected
}

/** The flag of IMPLICIT_TRANSACTIONS in @@OPTIONS. */
const IMPLICIT_TRANSACTIONS = 2

/** Each statement turns IMPLICIT_TRANSACTIONS off for itself, but a transaction of the driver's begins before it. */
async function checkSettings (connection: Connection): Promise<void> {
  const [[options] = []] = await connection.rowsAsItIs(sql.selectOptions()).catch((error: unknown) => {
    // An engine may lack @@OPTIONS.
    if (kindOf(error) !== 'failed') throw error
    return []
  })
  if ((Number(options) & IMPLICIT_TRANSACTIONS) !== 0) {
    throw new StoreMisconfiguredError('The connections of the pool have IMPLICIT_TRANSACTIONS on, so nothing would be committed. Give the sessions a pool of their own')
  }
}

function checkDatabase (found: Inspected, { isShared, database }: TableOptions): void {
  if (!isShared || database === undefined || String(found.database).toLowerCase() === database.toLowerCase()) return
  throw new UnreachedError(`a connection of the pool is in the database ${String(found.database)}, not in ${database}`)
}

function checkColumns ({ id, tokenLength, dataLength, dataType, expiryLength }: Inspected, table: string): void {
  if (id === null) throw new TableMissingError(table, SCHEMA_FILE)
  // Text would be compared by its collation.
  const isText = /char|text/i.test(String(dataType))
  if (Number(tokenLength) < 43 || dataLength === null || isText || expiryLength === null) {
    throw new StoreMisconfiguredError(`The table ${table} needs the columns token CHAR(43), data VARBINARY(MAX) and expiry DATETIME2(6). Compare it with ${SCHEMA_FILE} of this package`)
  }
}

const OWNER = `owner VARCHAR(${OWNER_LENGTH}) COLLATE Latin1_General_BIN2 NULL`

/** Throws `FST_SESSION_STORE_MISCONFIGURED` if the column of the owner or its index is missing or cannot serve. */
async function checkOwner (connection: Connection, quoted: string, table: string): Promise<void> {
  const [column] = await connection.rows(sql.inspectOwner(quoted))
  const index = `CREATE INDEX sessions_owner_idx ON ${quoted} (owner)`
  if (column === undefined) throw new StoreMisconfiguredError(`The table ${table} has no column owner, which the owners of sessions need. Run: ALTER TABLE ${quoted} ADD ${OWNER}; ${index}`)
  const [type, length, isNullable, indexes] = column
  // An NVARCHAR has other bytes.
  if (String(type).toLowerCase() !== 'varchar' || Number(length) < OWNER_LENGTH || String(isNullable) !== 'YES') {
    throw new StoreMisconfiguredError(`The column owner of ${table} is ${String(type)}${length === null ? '' : `(${Number(length)})`}${String(isNullable) === 'YES' ? '' : ' NOT NULL'}, but ${OWNER} is needed. Run: ALTER TABLE ${quoted} ALTER COLUMN ${OWNER} (drop its index before, and create it again)`)
  }
  if (Number(indexes) === 0) throw new StoreMisconfiguredError(`The table ${table} has no index on its column owner, by which the sessions of an owner are found. Run: ${index}`)
}

/** The number of "there is already an object of that name": another process was faster. */
const EXISTS = 2714

async function create (connection: Connection, name: string): Promise<void> {
  const text = forTable(SCHEMA, '[sessions]', name, name.replaceAll('\'', '\'\''))
  await connection.rows({ text, parameters: [] }).catch((error: unknown) => {
    if (errorNumber(error) !== EXISTS) throw error
  })
}

/**
 * Sends the writes of the store for a token that nobody has. None of them leaves a row: the INSERT has two rows of one token.
 * The server then says at once what it would refuse later: a trigger, a further column without a default, a type of column,
 * a right that is missing.
 */
async function tryWrites (connection: Connection, quoted: string, table: string, keepsOwners: boolean): Promise<void> {
  const row = { token: randomBytes(33).toString('base64url').slice(0, 43), data: randomBytes(16), ttl: 0 }
  let isUnique = false
  await connection.rows(sql.insert(quoted, [row, row], keepsOwners)).catch((error: unknown) => {
    isUnique = kindOf(error) === 'duplicate'
    if (!isUnique) throw error
  })
  const change = { ...row, seen: { bytes: row.data, whole: true } }
  await connection.rows(sql.update(quoted, [change], LOCK_TIMEOUT))
  if (keepsOwners) await connection.rows(sql.update(quoted, [{ ...change, owner: '' }], LOCK_TIMEOUT))
  await connection.rows(sql.remove(quoted, [row.token], LOCK_TIMEOUT))
  if (!isUnique) throw new StoreMisconfiguredError(`The column token of ${table} is not unique. Run: ALTER TABLE ${table} ADD PRIMARY KEY (token)`)
}

/** How long these statements wait for a lock, in milliseconds. */
const LOCK_TIMEOUT = 1000
