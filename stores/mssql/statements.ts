import { CHAR_43, INT, rowSource, TOKEN_LENGTH, type Parameter, type Row, type RowSource } from './rows.js'
import { NOTE } from '../successor.js'
import type { Page } from '../sql/database.js'
import { OWNER_LENGTH } from '../sql/options.js'
import { SUCCESSOR_TTL, type ChangedSession, type NewSession, type Seen, type TouchedSession } from '../store.js'

/*
 * The statements of the SQL Server store, each with its parameters. All of them use the server's own clock. They use no
 * table hints and no MERGE: an engine that speaks T-SQL without being SQL Server ignores or refuses hints, and has no MERGE.
 *
 * What writes many rows takes them from a source of rows, see rows.ts, and is the same text for one row and for many.
 */

/** A statement, ready to be sent. */
export interface Statement {
  readonly text: string
  readonly parameters: readonly Parameter[]
}

/** What {@link inspect} gives. */
export const INSPECTED = ['id', 'tokenLength', 'dataLength', 'expiryLength', 'dataType', 'now', 'database', 'schema'] as const

/** What the server knows about the table, in the order of {@link INSPECTED}. `name` is quoted. */
export function inspect (name: string): Statement {
  const lengths = ['token', 'data', 'expiry'].map(column => `COL_LENGTH(@name, N'${column}')`)
  return {
    text: `SELECT OBJECT_ID(@name, N'U'), ${lengths.join(', ')}, (SELECT DATA_TYPE FROM INFORMATION_SCHEMA.COLUMNS ` +
      'WHERE TABLE_SCHEMA = OBJECT_SCHEMA_NAME(OBJECT_ID(@name, N\'U\')) AND TABLE_NAME = OBJECT_NAME(OBJECT_ID(@name, N\'U\')) AND COLUMN_NAME = N\'data\'), ' +
      `${text(NOW)}, DB_NAME(), OBJECT_SCHEMA_NAME(OBJECT_ID(@name, N'U'))`,
    parameters: [{ name: 'name', type: driver => driver.NVarChar(300), value: name }]
  }
}

/**
 * The type of the column owner, its length, whether it may be NULL, and how many indexes begin with it. No row if there is no
 * such column.
 */
export function inspectOwner (name: string): Statement {
  const table = 'OBJECT_ID(@name, N\'U\')'
  return {
    text: 'SELECT DATA_TYPE, CHARACTER_MAXIMUM_LENGTH, IS_NULLABLE, ' +
      `(SELECT COUNT(*) FROM sys.index_columns WHERE object_id = ${table} AND key_ordinal = 1 AND column_id = (SELECT column_id FROM sys.columns WHERE object_id = ${table} AND name = N'owner')) ` +
      `FROM INFORMATION_SCHEMA.COLUMNS WHERE TABLE_SCHEMA = OBJECT_SCHEMA_NAME(${table}) AND TABLE_NAME = OBJECT_NAME(${table}) AND COLUMN_NAME = N'owner'`,
    parameters: [{ name: 'name', type: driver => driver.NVarChar(300), value: name }]
  }
}

/** The settings of the connection, as bits. */
export function selectOptions (): Statement {
  return { text: 'SELECT @@OPTIONS', parameters: [] }
}

/** How many transactions are open on the connection. */
export function selectTransactions (): Statement {
  return { text: 'SELECT @@TRANCOUNT', parameters: [] }
}

/** The database's time. */
export function selectNow (): Statement {
  return { text: `SELECT ${text(NOW)}`, parameters: [] }
}

/** token, data, expiry and the time now of the live rows among `tokens`, and of those that expired within SUCCESSOR_TTL. */
export function find (table: string, tokens: readonly string[], lockTimeoutMs: number): Statement {
  const all = filled(tokens)
  return {
    text: `${waiting(lockTimeoutMs)}SELECT token, data, ${text('expiry')}, ${text(NOW)} FROM ${table} WHERE token IN (${list(all)}) AND expiry > ${LATELY}`,
    parameters: tokenParameters(all)
  }
}

/** Changes nothing, but waits for whoever is writing the row, and keeps it locked until the transaction ends. */
export function lock (table: string, token: string, lockTimeoutMs: number): Statement {
  return { text: `${waiting(lockTimeoutMs)}UPDATE ${table} SET expiry = expiry WHERE token = @t0`, parameters: tokenParameters([token]) }
}

/** token and data of `tokens`, live or not. */
export function peek (table: string, tokens: readonly string[]): Statement {
  const all = filled(tokens)
  return { text: `SELECT token, data FROM ${table} WHERE token IN (${list(all)})`, parameters: tokenParameters(all) }
}

/** @param keepsOwners the owner is written too */
export function insert (table: string, sessions: readonly NewSession[], keepsOwners: boolean): Statement {
  const rows = rowSource(sessions.map(session => newRow(session, keepsOwners)))
  const [column, value] = keepsOwners ? [', owner', `, ${ownerIn(rows)}`] : ['', '']
  return {
    text: `INSERT INTO ${table} (token, data, expiry${column}) SELECT ${rows.token}, ${rows.bytes('data')}, ${after(rows, 's', 'ms')}${value} ${rows.from}`,
    parameters: rows.parameters
  }
}

/** Returns the tokens of the rows that it updated. Where s is negative the expiry stays. Either all sessions have an owner, which is written too, or none. */
export function update (table: string, sessions: readonly ChangedSession[], lockTimeoutMs: number): Statement {
  const rows = rowSource(sessions.map(({ token, data, ttl, seen, expiryStays, owner }) => ({
    token,
    numbers: { ...(expiryStays === true ? { s: -1, ms: 0 } : lifetime(ttl)), len: comparedBytes(seen) },
    bytes: { seen: seen.bytes, data, ...owner !== undefined && { owner: ownerBytes(owner) } }
  })))
  const owner = sessions[0]?.owner === undefined ? '' : `owner = ${ownerIn(rows)}, `
  return {
    text: `${waiting(lockTimeoutMs)}UPDATE ${table} SET data = ${rows.bytes('data')}, ${owner}` +
      `expiry = CASE WHEN ${rows.number('s')} < 0 THEN expiry ELSE ${after(rows, 's', 'ms')} END OUTPUT inserted.token ` +
      `${rows.from}WHERE ${isToken(rows)} AND expiry > ${NOW} AND ${isSeen(rows)}`,
    parameters: rows.parameters
  }
}

/** Moves the expiry where it moves by `atLeast` or more. */
export function touch (table: string, sessions: readonly TouchedSession[], lockTimeoutMs: number): Statement {
  const rows = rowSource(sessions.map(({ token, ttl, atLeast, seen }) => ({
    token,
    numbers: { ...lifetime(ttl), ...least(ttl - atLeast), len: comparedBytes(seen) },
    bytes: { seen: seen.bytes }
  })))
  return {
    text: `${waiting(lockTimeoutMs)}UPDATE ${table} SET expiry = ${after(rows, 's', 'ms')} ${rows.from}` +
      `WHERE ${isToken(rows)} AND expiry > ${NOW} AND ${isSeen(rows)} AND expiry <= ${after(rows, 'leastS', 'leastMs')}`,
    parameters: rows.parameters
  }
}

/**
 * Replaces data and expiry, whatever the row holds.
 *
 * @param keepsOwners the owner is replaced too, if the session has one
 */
export function overwrite (table: string, session: NewSession, keepsOwners: boolean): Statement {
  const isOwned = keepsOwners && session.owner !== undefined
  const row = rowSource([newRow(session, isOwned)])
  return {
    text: `UPDATE ${table} SET data = ${row.bytes('data')}, ${isOwned ? `owner = ${ownerIn(row)}, ` : ''}expiry = ${after(row, 's', 'ms')} WHERE token = ${row.token}`,
    parameters: row.parameters
  }
}

/** Deletes those of `tokens` that name no successor, and returns their tokens. */
export function remove (table: string, tokens: readonly string[], lockTimeoutMs: number): Statement {
  const all = filled(tokens)
  const exactly = all.map((_, i) => bytesOf(`@t${i}`)).join(', ')
  return {
    text: `${waiting(lockTimeoutMs)}DELETE FROM ${table} OUTPUT deleted.token WHERE token IN (${list(all)}) AND ${bytesOf('token')} IN (${exactly}) AND ${IS_NO_NOTE}`,
    parameters: tokenParameters(all)
  }
}

/** The live rows of a page. */
export function page (table: string, { after, owner, size }: Page): Statement {
  const of = ofOwner(owner)
  return {
    text: `SELECT TOP (@n) token, data, ${text('expiry')}, ${text(NOW)} FROM ${table} WHERE expiry > ${NOW}${after === undefined ? '' : ' AND token > @t0'}${of.text} ORDER BY token`,
    parameters: [{ name: 'n', type: INT, value: size }, ...tokenParameters(after === undefined ? [] : [after]), ...of.parameters]
  }
}

/** How many rows are live, or how many of an owner's. */
export function count (table: string, owner: string | undefined): Statement {
  const of = ofOwner(owner)
  return { text: `SELECT COUNT(*) FROM ${table} WHERE expiry > ${NOW}${of.text}`, parameters: of.parameters }
}

/** Deletes up to `most` expired rows, and returns how many. A row that names a successor stays for SUCCESSOR_TTL. */
export function removeExpired (table: string, most: number, lockTimeoutMs: number): Statement {
  return {
    // Under NOCOUNT the server does not report the rows affected, so they are selected.
    text: `${waiting(lockTimeoutMs)}DELETE TOP (@n) FROM ${table} WHERE expiry <= ${NOW} AND (expiry <= ${LATELY} OR ${IS_NO_NOTE}); SELECT @@ROWCOUNT`,
    parameters: [{ name: 'n', type: INT, value: most }]
  }
}

const NOW = 'SYSUTCDATETIME()'
const LATELY = `DATEADD(second, -${SUCCESSOR_TTL / 1000}, ${NOW})`
/** Compares with a literal: it is the same in every statement. */
const IS_NO_NOTE = `SUBSTRING(data, 1, ${NOTE.length}) <> 0x${NOTE.toString('hex')}`

/** Gives up a statement that waits longer for a row. The setting ends with the statement. */
function waiting (milliseconds: number): string {
  return `SET LOCK_TIMEOUT ${milliseconds}; `
}

/** As text, because the driver would read a time in its own time zone. */
function text (time: string): string {
  return `CONVERT(varchar(33), ${time}, 126)`
}

/** The bytes of a token. They differ where a collation takes two tokens for the same. */
function bytesOf (token: string): string {
  return `CAST(${token} AS varbinary(${TOKEN_LENGTH}))`
}

/** So many seconds and milliseconds from now. */
function after (rows: RowSource, seconds: string, milliseconds: string): string {
  return `DATEADD(millisecond, ${rows.number(milliseconds)}, DATEADD(second, ${rows.number(seconds)}, ${NOW}))`
}

/** The first comparison finds the row by its key, the second compares the bytes. */
function isToken (rows: RowSource): string {
  return `token = ${rows.token} AND ${bytesOf('token')} = ${bytesOf(rows.token)}`
}

/** SQL Server ignores trailing zeros when it compares VARBINARY, so the length is compared too. */
function isSeen (rows: RowSource): string {
  const found = `SUBSTRING(data, 1, ${rows.number('len')})`
  return `${found} = ${rows.bytes('seen')} AND DATALENGTH(${found}) = ${rows.size('seen')}`
}

/** Of whole data one byte more is compared, so that nothing can follow. */
function comparedBytes ({ bytes, whole }: Seen): number {
  return whole ? bytes.length + 1 : bytes.length
}

/** DATEADD takes an INT of seconds: 68 years. */
const MOST_SECONDS = 2 ** 31 - 1

/** A time to live as whole seconds s, and the milliseconds ms that remain, for DATEADD. */
function lifetime (ttl: number): { readonly s: number, readonly ms: number } {
  const positive = Math.max(0, ttl)
  return { s: Math.min(Math.floor(positive / 1000), MOST_SECONDS), ms: Math.floor(positive % 1000) }
}

function least (ttl: number): { readonly leastS: number, readonly leastMs: number } {
  const { s, ms } = lifetime(ttl)
  return { leastS: s, leastMs: ms }
}

function newRow ({ token, data, ttl, owner }: NewSession, withOwner: boolean): Row {
  return { token, numbers: lifetime(ttl), bytes: { data, ...withOwner && { owner: ownerBytes(owner) } } }
}

/** An owner as bytes, with one before them: no bytes are NULL. */
function ownerBytes (owner: string | undefined): Uint8Array {
  return Buffer.from(owner === undefined ? '' : `=${owner}`, 'latin1')
}

function ownerIn (rows: RowSource): string {
  return `CASE WHEN ${rows.size('owner')} = 0 THEN NULL ELSE SUBSTRING(CAST(${rows.bytes('owner')} AS varchar(${OWNER_LENGTH + 1})), 2, ${OWNER_LENGTH}) END`
}

/** The first comparison finds the rows by the index, the second compares the bytes. */
function ofOwner (owner: string | null | undefined): Statement {
  if (owner === undefined) return { text: '', parameters: [] }
  if (owner === null) return { text: ' AND owner IS NULL', parameters: [] }
  const bytes = (of: string) => `CAST(${of} AS varbinary(${OWNER_LENGTH}))`
  return { text: ` AND owner = @owner AND ${bytes('owner')} = ${bytes('@owner')}`, parameters: [{ name: 'owner', type: driver => driver.VarChar(OWNER_LENGTH), value: owner }] }
}

/** Statements exist for these numbers of tokens only, so that the server keeps few plans. */
const TOKEN_COUNTS = [1, 2, 4, 8, 16, 32, 50]

/** Repeats the last token up to one of TOKEN_COUNTS. */
function filled (tokens: readonly string[]): readonly string[] {
  const size = TOKEN_COUNTS.find(count => count >= tokens.length) ?? tokens.length
  return Array.from({ length: size }, (_, i) => tokens[Math.min(i, tokens.length - 1)] as string)
}

function list (tokens: readonly string[]): string {
  return tokens.map((_, i) => `@t${i}`).join(', ')
}

function tokenParameters (tokens: readonly string[]): Parameter[] {
  return tokens.map((token, i) => ({ name: `t${i}`, type: CHAR_43, value: token }))
}
