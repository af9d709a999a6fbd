import { NOTE } from '../sql/successor.js'
import { SUCCESSOR_TTL } from '../store.js'

/*
 * The statements of the SQL Server store. All of them work by the server's own clock, and none has a table hint or is a
 * MERGE: engines that speak T-SQL without being SQL Server ignore the one, or refuse it, and lack the other. Parameters of
 * row i: @t token, @d data, @s and @m the time to live in whole seconds and milliseconds, @h the bytes seen and @l how many
 * bytes to compare with them.
 */

const NOW = 'SYSUTCDATETIME()'
const LATELY = `DATEADD(second, -${SUCCESSOR_TTL / 1000}, ${NOW})`
/** As text, so that no time zone of the driver's gets at it. */
const text = (time: string) => `CONVERT(varchar(33), ${time}, 126)`
const list = (n: number, one: (i: number) => string) => Array.from({ length: n }, (_, i) => one(i)).join(', ')
const tokens = (n: number) => list(n, i => `@t${i}`)
const bytesOf = (token: string) => `CAST(${token} AS varbinary(43))`
/** The first condition finds the rows by their key, the second compares the bytes, whatever the collation. */
const isOneOf = (n: number) => `token IN (${tokens(n)}) AND ${bytesOf('token')} IN (${list(n, i => bytesOf(`@t${i}`))})`
/** The value of the row's own parameter. */
const own = (n: number, parameter: string) =>
  n === 1 ? `@${parameter}0` : `CASE ${bytesOf('token')} ${Array.from({ length: n }, (_, i) => `WHEN ${bytesOf(`@t${i}`)} THEN @${parameter}${i}`).join(' ')} END`
const after = (seconds: string, milliseconds: string) => `DATEADD(millisecond, ${milliseconds}, DATEADD(second, ${seconds}, ${NOW}))`
/** VARBINARY is compared without its trailing zeros, so the length is compared too. */
const isSeen = (n: number) => `SUBSTRING(data, 1, ${own(n, 'l')}) = ${own(n, 'h')} AND DATALENGTH(SUBSTRING(data, 1, ${own(n, 'l')})) = DATALENGTH(${own(n, 'h')})`
const IS_NO_NOTE = `SUBSTRING(data, 1, ${NOTE.length}) <> @note`

export const SELECT_NOW = `SELECT ${text(NOW)}`

/** token, data, expiry, now of those that are live or were until lately. */
export const find = (table: string, n: number) =>
  `SELECT token, data, ${text('expiry')}, ${text(NOW)} FROM ${table} WHERE token IN (${tokens(n)}) AND expiry > ${LATELY}`

/** In a transaction: writes nothing, but waits for whoever is writing the row, and keeps others from it until the end. */
export const lock = (table: string) => `UPDATE ${table} SET expiry = expiry WHERE token = @t0`

/** token and data, live or not. */
export const peek = (table: string, n: number) => `SELECT token, data FROM ${table} WHERE token IN (${tokens(n)})`

export const insert = (table: string, n: number) =>
  `INSERT INTO ${table} (token, data, expiry) VALUES ${list(n, i => `(@t${i}, @d${i}, ${after(`@s${i}`, `@m${i}`)})`)}`

/** The tokens of those that were written. Where @s is NULL the expiry stays. */
export const update = (table: string, n: number) =>
  `UPDATE ${table} SET data = ${own(n, 'd')}, expiry = COALESCE(${after(own(n, 's'), own(n, 'm'))}, expiry) OUTPUT inserted.token ` +
  `WHERE ${isOneOf(n)} AND expiry > ${NOW} AND ${isSeen(n)}`

/** @g and @f: the earliest time to live that is worth a write, in seconds and milliseconds. */
export const touch = (table: string, n: number) =>
  `UPDATE ${table} SET expiry = ${after(own(n, 's'), own(n, 'm'))} ` +
  `WHERE ${isOneOf(n)} AND expiry > ${NOW} AND ${isSeen(n)} AND expiry <= ${after(own(n, 'g'), own(n, 'f'))}`

export const overwrite = (table: string) => `UPDATE ${table} SET data = @d0, expiry = ${after('@s0', '@m0')} WHERE token = @t0`

/** Deletes what names no successor, and gives its tokens. */
export const remove = (table: string, n: number) =>
  `DELETE FROM ${table} OUTPUT deleted.token WHERE ${isOneOf(n)} AND ${IS_NO_NOTE}`

/** @n rows after the token @t0. */
export const page = (table: string, isFirst: boolean) =>
  `SELECT TOP (@n) token, data, ${text('expiry')}, ${text(NOW)} FROM ${table} WHERE expiry > ${NOW}${isFirst ? '' : ' AND token > @t0'} ORDER BY token`

/** Up to @n expired rows; those that name a successor only when they have done so for long enough. */
export const removeExpired = (table: string) =>
  `DELETE TOP (@n) FROM ${table} WHERE expiry <= ${NOW} AND (expiry <= ${LATELY} OR ${IS_NO_NOTE})`

export const INSPECT = 'SELECT OBJECT_ID(@name, N\'U\'), COL_LENGTH(@name, N\'token\'), COL_LENGTH(@name, N\'data\'), COL_LENGTH(@name, N\'expiry\'), ' + text(NOW)

/** Gives a statement up if it waits longer for a row; the setting ends with the statement's scope. */
export const waiting = (milliseconds: number, statement: string) => `SET LOCK_TIMEOUT ${milliseconds}; ${statement}`
