import { NOTE } from '../sql/successor.js'
import { SUCCESSOR_TTL } from '../store.js'

/*
 * The statements of the MySQL store, each beside what it is for. All of them
 * - run in UTC, whatever the time zone of the connection, without changing it: the column is a TIMESTAMP, and a comparison
 *   with UTC_TIMESTAMP is exact only there;
 * - are written for n rows, and tell per row what they did by a bit of the answer's insert id.
 */

/** The two servers say the same in different words. */
export interface Dialect {
  /** A whole statement from a verb and its rest. `locks` bounds the wait for a row, in milliseconds, where the server can: it counts in seconds. */
  statement (verb: string, rest: string, locks?: number): string
  /** What an UPDATE that counts in LAST_INSERT_ID puts before its conditions, so that it begins at 0. */
  readonly resetsCount: string
  /** Whether a statement can bound its wait for a row. */
  readonly boundsLocks: boolean
}

const IN_UTC = 'time_zone=\'+00:00\''

/** MariaDB sets variables for one statement, and puts them back. */
export const mariadb: Dialect = {
  statement: (verb, rest, locks) =>
    `SET STATEMENT ${IN_UTC}${verb === 'UPDATE' ? ', last_insert_id=0' : ''}${locks === undefined ? '' : `, innodb_lock_wait_timeout=${Math.ceil(locks / 1000)}`} FOR ${verb} ${rest}`,
  resetsCount: '',
  boundsLocks: true
}

/** MySQL does so by a hint, for some of its variables. */
export const mysql: Dialect = {
  statement: (verb, rest) => `${verb} /*+ SET_VAR(${IN_UTC}) */ ${rest}`,
  resetsCount: '(SELECT LAST_INSERT_ID(0) FROM (SELECT 1) AS zero) = 0 AND ',
  boundsLocks: false
}

const NOW = 'UTC_TIMESTAMP(6)'
const LATELY = `${NOW} - INTERVAL ${SUCCESSOR_TTL / 1000} SECOND`
/** A double, so that every setting of the driver's gives a number. */
const NOW_MS = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${NOW}) / 1e3`
const TTL_MS = `TIMESTAMPDIFF(MICROSECOND, ${NOW}, expiry) / 1e3`

/** The database's time. */
export const SELECT_NOW = `SELECT ${NOW_MS}`

/** A case-insensitive or padding collation finds more than what was asked for. */
const EXACT_TOKEN = 'CAST(token AS BINARY)'

const list = (n: number, one = '?') => Array.from({ length: n }, () => one).join(', ')
/**
 * The place of the row's token among the tokens given, from 1; 0, for which there is no value, if the column's collation
 * took another one for it.
 */
const place = (n: number) => `FIELD(${EXACT_TOKEN}, ${list(n)})`
const nth = (n: number) => `ELT(${place(n)}, ${list(n)})`

/** token, data, ttl in ms, now in ms of those among n tokens that are live or were until lately. */
export function find (d: Dialect, table: string, n: number): string {
  return d.statement('SELECT', selectLately(table, n))
}

/** The same, and locks the rows. */
export function findAndLock (d: Dialect, table: string, n: number, locks: number): string {
  return d.statement('SELECT', `${selectLately(table, n)} FOR UPDATE`, locks)
}

function selectLately (table: string, n: number): string {
  return `token, data, ${TTL_MS}, ${NOW_MS} FROM ${table} WHERE token IN (${list(n)}) AND expiry > ${LATELY}`
}

/** n times token, data, ttl in µs. */
export function insert (d: Dialect, table: string, n: number): string {
  return d.statement('INSERT', `INTO ${table} (token, data, expiry) VALUES ${list(n, `(?, ?, ${NOW} + INTERVAL ? MICROSECOND)`)}`)
}

/**
 * Replaces the data of those that are live and still are what was seen, and the expiry where a ttl says so. SET does not
 * read what it sets, so the order in which it is carried out does not matter.
 *
 * Parameters, each n times: unless all expiries stay token and ttl in µs (NULL: this one stays); then token, token, data;
 * token; and what was seen.
 *
 * @param allStay no expiry moves: then its index need not be looked at
 */
export function update (d: Dialect, table: string, n: number, whole: boolean, allStay: boolean, locks: number): string {
  const moved = `COALESCE(${NOW} + INTERVAL ${nth(n)} MICROSECOND, expiry)`
  const counted = `IF(LAST_INSERT_ID(LAST_INSERT_ID() | (1 << ${place(n)} - 1)), ${place(n)}, 0)`
  // An expiry that is not named may be set by the server.
  return d.statement('UPDATE', `${table} SET expiry = ${allStay ? 'expiry' : moved}, data = ELT(${counted}, ${list(n)})
    WHERE ${d.resetsCount}token IN (${list(n)}) AND expiry > ${NOW} AND ${isSeen(n, whole)}`, locks)
}

/**
 * The same for one session that has a header, without what tells many apart: the rows affected say whether it was written.
 * Parameters: ttl in µs (NULL: the expiry stays), data, token, token, the header's length, the header.
 */
export function updateOne (d: Dialect, table: string, locks: number): string {
  return d.statement('UPDATE', `${table} SET expiry = COALESCE(${NOW} + INTERVAL ? MICROSECOND, expiry), data = ?
    WHERE token = ? AND ${EXACT_TOKEN} = ? AND expiry > ${NOW} AND LEFT(data, ?) = ?`, locks)
}

/** Parameters, each n times: token, ttl in µs; token; what was seen; token, least gain in µs. */
export function touch (d: Dialect, table: string, n: number, whole: boolean, locks: number): string {
  return d.statement('UPDATE', `${table} SET expiry = ${NOW} + INTERVAL ${nth(n)} MICROSECOND
    WHERE token IN (${list(n)}) AND expiry > ${NOW} AND ${isSeen(n, whole)}
      AND expiry <= ${NOW} + INTERVAL ${nth(n)} MICROSECOND`, locks)
}

/**
 * A header: token and header in one, so that the server can look them up in a sorted list. Parameters: the length that the
 * headers have in common, n times token and header, see {@link headed}.
 * Whole: one byte more than each one's length, so that nothing can come after it. Parameters, each n times: token, length
 * and one; token, bytes.
 */
function isSeen (n: number, whole: boolean): string {
  return whole ? `LEFT(data, ${nth(n)}) = ${nth(n)}` : `CONCAT(${EXACT_TOKEN}, X'0A', LEFT(data, ?)) IN (${list(n)})`
}

/** Token and header as {@link isSeen} compares them. No token has a line feed. */
export function headed (token: string, header: Uint8Array): Buffer {
  const bytes = Buffer.allocUnsafe(token.length + 1 + header.length)
  bytes.write(`${token}\n`, 'latin1')
  bytes.set(header, token.length + 1)
  return bytes
}

const IS_NOTE = `LEFT(data, ${NOTE.length}) = '${NOTE.toString()}'`

/** Deletes n tokens, but for those that name a successor. Parameters: n tokens, n tokens. */
export function remove (d: Dialect, table: string, n: number, locks: number): string {
  return d.statement('DELETE', `FROM ${table} WHERE token IN (${list(n)}) AND ${EXACT_TOKEN} IN (${list(n)}) AND NOT (${IS_NOTE})`, locks)
}

/** token and data of those among n tokens that name a successor. Parameters: n tokens. */
export function notes (d: Dialect, table: string, n: number): string {
  return d.statement('SELECT', `token, data FROM ${table} WHERE token IN (${list(n)}) AND ${IS_NOTE}`)
}

/** Parameters: data, ttl in µs, token. */
export function overwrite (d: Dialect, table: string): string {
  return d.statement('UPDATE', `${table} SET data = ?, expiry = ${NOW} + INTERVAL ? MICROSECOND WHERE token = ?`)
}

/** token and data of n tokens, live or not, waiting for whoever is writing them. */
export function peekAndLock (d: Dialect, table: string, n: number, locks: number): string {
  return d.statement('SELECT', `token, data FROM ${table} WHERE token IN (${list(n)}) FOR UPDATE`, locks)
}

/** A page of live sessions, after a token that is the parameter. */
export function page (d: Dialect, table: string, after: boolean, size: number): string {
  return d.statement('SELECT', `token, data, ${TTL_MS} FROM ${table} WHERE expiry > ${NOW}${after ? ' AND token > ?' : ''} ORDER BY token LIMIT ${size}`)
}

/** Tokens of expired rows, through the index, without a lock. */
export function expired (d: Dialect, table: string, most: number): string {
  return d.statement('SELECT', `token FROM ${table} WHERE ${IS_EXPIRED} ORDER BY expiry LIMIT ${most}`)
}

/** Deletes those of n tokens that are expired, row by row through the primary key: no other row is locked. */
export function removeExpired (d: Dialect, table: string, n: number, locks: number): string {
  return d.statement('DELETE', `FROM ${table} WHERE token IN (${list(n)}) AND ${IS_EXPIRED}`, locks)
}

/** Expired, and if it names a successor, for long enough. */
const IS_EXPIRED = `expiry <= ${NOW} AND (expiry <= ${LATELY} OR NOT (${IS_NOTE}))`
