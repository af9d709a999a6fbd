import { errorNumber, isRefusedForGood } from './errors.js'
import type { Abilities, Query } from './abilities.js'
import { SCHEMA } from './schema.js'
import { NOW_MS, Statements, type Statement, type TableName } from './statements.js'
import { StoreMisconfiguredError, TableMissingError, withoutTokens } from '../errors.js'
import { OWNER_LENGTH } from '../sql/options.js'
import { forTable } from '../sql/schema.js'

/** What the store learns about its table. */
export interface MysqlTable extends TableName {
  /** The largest data that fits, in bytes, and what sets that limit. */
  readonly maxBytes: number
  readonly maxBytesBecause: string
  /** The database's time, in milliseconds since 1970 UTC. */
  readonly now: number
  /** The last expiry that fits, in milliseconds since 1970 UTC. */
  readonly lastExpiry: number
  /** How many bytes may go into one statement, its values included. */
  readonly maxStatementBytes: number
}

/**
 * The last time of a TIMESTAMP (2038-01-19 03:14:07), in milliseconds since 1970 UTC, less a day for what a statement may
 * wait before it runs and the server's clock be set meanwhile. MariaDB 11.5 and newer have more.
 */
const LAST_TIMESTAMP = Date.UTC(2038, 0, 18, 3, 14, 7)
const LAST_DATETIME = Date.UTC(9999, 11, 31)

/** Room in a packet for all that is not data, in bytes. */
const PACKET_OVERHEAD = 32 * 1024
const LEAST_PACKET = 64 * 1024

/**
 * Inspects the table. Creates it if it is missing and may be created. Throws `FST_SESSION_TABLE_MISSING` and
 * `FST_SESSION_STORE_MISCONFIGURED`.
 *
 * @param name the table's name, its database first if it has one
 */
export async function inspectTable (query: Query, name: readonly string[], { createTable, keepsOwners }: { readonly createTable: boolean, readonly keepsOwners: boolean }): Promise<MysqlTable> {
  const [[selected, packet, now] = []] = await query(`SELECT DATABASE(), @@max_allowed_packet * 1e0, ${NOW_MS}`)
  // Somebody may select another database on a shared connection, so statements name the one that is selected now.
  const full = name.length > 1 ? name : [databaseIn(selected), ...name]
  const quoted = full.map(quote).join('.')
  const shown = name.join('.')
  let columns = await columnsOf(query, full)
  if (columns.size === 0 && createTable) {
    await query(forTable(SCHEMA, '`sessions`', quoted))
    columns = await columnsOf(query, full)
  }
  if (columns.size === 0) throw new TableMissingError(shown, 'schema/mysql.sql')
  const { dataLength, isTimestamp } = checkColumns(columns, shown, keepsOwners)
  await checkEngine(query, full, shown)
  const keyIndex = await uniqueIndexOf(query, full)
  if (keyIndex === undefined) throw new StoreMisconfiguredError(`The column token of ${shown} is not its primary key. Run: ALTER TABLE ${shown} ADD PRIMARY KEY (token)`)
  const ownerIndex = keepsOwners ? await ownerIndexOf(query, full, name) : undefined
  if (Number(packet) < LEAST_PACKET) throw new StoreMisconfiguredError(`The server's max_allowed_packet is ${Number(packet)} bytes, but at least ${LEAST_PACKET} are needed`)
  const packetRoom = Number(packet) - PACKET_OVERHEAD
  return {
    quoted,
    keyIndex: quote(keyIndex),
    ownerIndex: ownerIndex === undefined ? undefined : quote(ownerIndex),
    now: Number(now),
    lastExpiry: isTimestamp ? LAST_TIMESTAMP : LAST_DATETIME,
    maxStatementBytes: packetRoom,
    maxBytes: Math.min(dataLength, packetRoom),
    maxBytesBecause: dataLength <= packetRoom ? `the column data of ${shown}` : 'the server\'s max_allowed_packet'
  }
}

/**
 * The table's statements, each kind of which the server has run once, for a token that no row has. Throws
 * `FST_SESSION_STORE_MISCONFIGURED` if it refuses one. Rejects with the server's error if that may pass.
 */
export async function rehearse (query: Query, table: TableName, { dialect, version, countsRows, watchesReadOnly }: Abilities, keepsOwners: boolean): Promise<Statements> {
  const trial = async ({ quoted, keyIndex, ownerIndex }: TableName) => {
    const statements = new Statements(dialect, { quoted, keyIndex, ownerIndex }, watchesReadOnly, keepsOwners)
    for (const { sql, values } of trials(statements, countsRows, keepsOwners)) await query(sql, values)
    return statements
  }
  try {
    // A server may know no index hints.
    return await trial(table).catch(async (error: unknown) => {
      if (errorNumber(error) === 0) throw error
      return await trial({ ...table, keyIndex: undefined, ownerIndex: undefined })
    })
  } catch (error) {
    if (!isRefusedForGood(error)) throw error
    throw Object.assign(new StoreMisconfiguredError(`The server (${version}) does not accept a statement of the sessions: ${withoutTokens(error).message}`), { cause: withoutTokens(error) })
  }
}

function trials (statements: Statements, countsRows: boolean, keepsOwners: boolean): Statement[] {
  const nobody = { token: 'nobody', data: Buffer.alloc(0), ttl: 1, seen: { bytes: Buffer.from('nothing'), whole: true } }
  return [
    statements.find(['nobody']),
    countsRows ? statements.update([nobody, { ...nobody, token: 'nobody else' }], 1) : statements.updateOne(nobody, 1),
    statements.remove(['nobody'], 1),
    ...keepsOwners ? [statements.updateOne({ ...nobody, owner: '' }, 1), statements.count('nobody')] : []
  ]
}

interface Column {
  readonly type: string
  /** In characters; of a column of bytes in bytes. */
  readonly length: number
  /** An INSERT that does not name the column fails. */
  readonly needsValue: boolean
}

function databaseIn (selected: unknown): string {
  if (selected !== null && selected !== undefined) return String(selected)
  throw new StoreMisconfiguredError('No database is selected. Name one in the URL (mysql://user:password@host/database), or in the table\'s name (database.sessions)')
}

function quote (name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}

async function columnsOf (query: Query, [database, table]: readonly string[]): Promise<ReadonlyMap<string, Column>> {
  const rows = await query(
    'SELECT COLUMN_NAME, DATA_TYPE, COALESCE(CHARACTER_MAXIMUM_LENGTH, 0) + 0e0, IS_NULLABLE = \'NO\' AND COLUMN_DEFAULT IS NULL AND EXTRA NOT LIKE \'%auto_increment%\' AND EXTRA NOT LIKE \'%generated%\' ' +
    'FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?', [database, table])
  return new Map(rows.map(([column, type, length, needsValue]) => [String(column).toLowerCase(), { type: String(type).toLowerCase(), length: Number(length), needsValue: Number(needsValue) === 1 }]))
}

function checkColumns (columns: ReadonlyMap<string, Column>, name: string, keepsOwners: boolean): { dataLength: number, isTimestamp: boolean } {
  const checked = (column: string, isRight: (column: Column) => boolean, expected: string): Column => {
    const found = columns.get(column)
    if (found !== undefined && isRight(found)) return found
    const actual = found === undefined ? `no column ${column}` : `a column ${column} of type ${found.type}${found.length > 0 ? `(${found.length})` : ''}`
    throw new StoreMisconfiguredError(`The table ${name} has ${actual}, but ${expected} is needed. Compare it with schema/mysql.sql of this package`)
  }
  checked('token', ({ type, length }) => /char|binary/.test(type) && length >= 43, 'token CHAR(43)')
  // A BINARY is filled up with zeros.
  const data = checked('data', ({ type }) => /blob|varbinary/.test(type), 'data BLOB or MEDIUMBLOB')
  const expiry = checked('expiry', ({ type }) => /^(timestamp|datetime)$/.test(type), 'expiry TIMESTAMP(6)')
  for (const [column, { needsValue }] of columns) {
    if (needsValue && !['token', 'data', 'expiry', ...keepsOwners ? ['owner'] : []].includes(column)) {
      throw new StoreMisconfiguredError(`The table ${name} has a column ${column} that is NOT NULL and has no default, so no session can be added. Give it a default, or drop it: ALTER TABLE ${name} DROP COLUMN ${column}`)
    }
  }
  return { dataLength: data.length, isTimestamp: expiry.type === 'timestamp' }
}

/** The unique index that has the token and no other column; the primary key if there is a choice. */
async function uniqueIndexOf (query: Query, [database, table]: readonly string[]): Promise<string | undefined> {
  const rows = await query('SELECT INDEX_NAME, IF(SUB_PART IS NULL, COLUMN_NAME, NULL) FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND NON_UNIQUE = 0', [database, table])
  const columns = new Map<string, string[]>()
  for (const [index, column] of rows) columns.set(String(index), [...columns.get(String(index)) ?? [], String(column).toLowerCase()])
  const indexes = [...columns].filter(([, names]) => names.join() === 'token').map(([index]) => index)
  return indexes.find(index => index === 'PRIMARY') ?? indexes[0]
}

async function checkEngine (query: Query, [database, table]: readonly string[], name: string): Promise<void> {
  const [[engine] = []] = await query('SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?', [database, table])
  if (/^(myisam|aria|memory|csv|archive)$/i.test(String(engine))) {
    throw new StoreMisconfiguredError(`The table ${name} uses the engine ${String(engine)}, which has no transactions. Run: ALTER TABLE ${name} ENGINE = InnoDB`)
  }
}

const OWNER = `owner VARCHAR(${OWNER_LENGTH}) CHARACTER SET ascii COLLATE ascii_bin NULL`
const OWNER_INDEX = 'sessions_owner_idx (owner)'
/** Character sets in which a character of ASCII is more than its byte. */
const WIDE = /^(ucs2|utf16|utf32)/i

/** The index of the owner. Throws `FST_SESSION_STORE_MISCONFIGURED` if the column or the index is missing or cannot serve. */
async function ownerIndexOf (query: Query, [database, table]: readonly string[], name: readonly string[]): Promise<string> {
  const shown = name.join('.')
  const alter = (change: string) => `Run: ALTER TABLE ${name.map(quote).join('.')} ${change}`
  const [column] = await query('SELECT COLUMN_TYPE, CHARACTER_MAXIMUM_LENGTH + 0e0, IS_NULLABLE, CHARACTER_SET_NAME FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND COLUMN_NAME = \'owner\'', [database, table])
  if (column === undefined) throw new StoreMisconfiguredError(`The table ${shown} has no column owner, which the owners of sessions need. ${alter(`ADD COLUMN ${OWNER}, ADD INDEX ${OWNER_INDEX}`)}`)
  const [type, length, isNullable, charset] = column.map(String)
  if (!/^var(char|binary)/i.test(type ?? '') || Number(length) < OWNER_LENGTH || isNullable !== 'YES' || WIDE.test(charset ?? '')) {
    throw new StoreMisconfiguredError(`The column owner of ${shown} is a ${type}${charset === 'null' ? '' : ` CHARACTER SET ${charset}`}${isNullable === 'YES' ? '' : ' NOT NULL'}, but ${OWNER} is needed. ${alter(`MODIFY COLUMN ${OWNER}`)}`)
  }
  const rows = await query('SELECT INDEX_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND COLUMN_NAME = \'owner\' AND SEQ_IN_INDEX = 1 AND SUB_PART IS NULL', [database, table])
  const [[index] = []] = rows
  if (index === undefined) throw new StoreMisconfiguredError(`The table ${shown} has no index on its column owner, by which the sessions of an owner are found. ${alter(`ADD INDEX ${OWNER_INDEX}`)}`)
  return String(index)
}
