import type { Dialect } from './dialect.js'
import type { Page } from '../sql/database.js'
import { NOTE } from '../successor.js'
import { SUCCESSOR_TTL, type ChangedSession, type NewSession, type Seen, type TouchedSession } from '../store.js'

/** A statement and its values. */
export interface Statement {
  readonly sql: string
  readonly values: readonly unknown[]
}

/** The table as statements name it. */
export interface TableName {
  /** The index of the owner, quoted, on a table whose owners are kept; undefined too if the server takes no index hint. */
  readonly ownerIndex: string | undefined
  /** Quoted, with its database. */
  readonly quoted: string
  /** The unique index of the token, quoted; undefined if the server takes no index hint. */
  readonly keyIndex: string | undefined
}

/** The most rows of one UPDATE: it tells which ones it updated by a bit each in the insert id, which the driver reads exactly up to 2^53. */
export const MOST_ROWS = 52
/** Statements for many rows are prepared for these numbers of rows. What is missing is filled up with the last row. */
const SIZES = [1, 2, 4, 8, 12, 16, 20, 24, 32, 40, MOST_ROWS, 64, 96, 128]

const NOW = 'UTC_TIMESTAMP(6)'
const LATELY = `${NOW} - INTERVAL ${SUCCESSOR_TTL / 1000} SECOND`
/** A double, which the driver makes a number whatever its options. */
export const NOW_MS = `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${NOW}) / 1e3`
/** On MySQL and MariaDB; the second one on a reader of Amazon Aurora. */
export const IS_READ_ONLY = '(@@global.read_only OR @@global.innodb_read_only)'
const TTL_MS = `TIMESTAMPDIFF(MICROSECOND, ${NOW}, expiry) / 1e3`
/** A case-insensitive or padding collation finds more than what was asked for. */
const EXACT_TOKEN = 'CAST(token AS BINARY)'
const EXACT_OWNER = 'owner = ? AND CAST(owner AS BINARY) = ?'
const IS_NOTE = `LEFT(data, ${NOTE.length}) = '${NOTE.toString()}'`
/** Expired. A row that names a successor: for long enough. */
const IS_EXPIRED = `expiry <= ${NOW} AND (expiry <= ${LATELY} OR NOT (${IS_NOTE}))`
/** More than any data has. */
const ALL_BYTES = 2 ** 31
const NO_OWNER = { set: '', values: [], kind: '' }
const NO_BYTES = Buffer.alloc(0)

const list = (n: number, one = '?') => Array.from({ length: n }, () => one).join(', ')
/** The row's place among n tokens, from 1. It is 0 if the column's collation took another token for one of them. */
const place = (n: number) => `FIELD(${EXACT_TOKEN}, ${list(n)})`
/** The row's own value among n: the parameters are n tokens and n values. */
const own = (n: number) => `ELT(${place(n)}, ${list(n)})`
/** Token and data in one, so that the server looks them up in a sorted list. The parameters are a length and n {@link seenKey}. */
const isSeen = (n: number) => `CONCAT(${EXACT_TOKEN}, X'0A', LEFT(data, ?)) IN (${list(n)})`

/**
 * The statements of the MySQL store. All of them run in UTC whatever the time zone of the connection, and leave it as it
 * is: the column is a TIMESTAMP, and a comparison with UTC_TIMESTAMP is exact only in UTC. A SELECT of several rows has a
 * LIMIT of its own, so that it gives all of them whatever the sql_select_limit of the connection.
 *
 * `lockSeconds` is how long a statement waits for a locked row, where the server can be told so; 0 is not at all.
 */
export class Statements {
  readonly #dialect: Dialect
  readonly #table: string
  readonly #tableByKey: string
  readonly #tableByOwner: string
  readonly #now: string
  /** A text is looked up by its kind and a number: the statements for many rows are long. */
  readonly #texts = new Map<string, string[]>()

  readonly #keepsOwners: boolean

  /**
   * @param watchesReadOnly reads return NULL in place of the time if the server is read-only
   * @param keepsOwners each new row is written with its owner
   */
  constructor (dialect: Dialect, { quoted, keyIndex, ownerIndex }: TableName, watchesReadOnly: boolean, keepsOwners: boolean) {
    this.#dialect = dialect
    this.#table = quoted
    // Without a hint the server locks all rows of a small table, or searches by expiry.
    this.#tableByKey = keyIndex === undefined ? quoted : `${quoted} FORCE INDEX (${keyIndex})`
    // Otherwise the server may go through the whole table in the order of its key.
    this.#tableByOwner = ownerIndex === undefined ? quoted : `${quoted} FORCE INDEX (${ownerIndex})`
    this.#keepsOwners = keepsOwners
    this.#now = watchesReadOnly ? `IF(${IS_READ_ONLY}, NULL, ${NOW_MS})` : NOW_MS
  }

  /** The database's time, in milliseconds since 1970 UTC. */
  now (): Statement {
    return { sql: `SELECT ${NOW_MS}`, values: [] }
  }

  /** Token, data, time to live and now in milliseconds: of live rows, and of those that expired within SUCCESSOR_TTL. */
  find (tokens: readonly string[]): Statement {
    const values = fill(tokens)
    return { sql: this.#text('find', values.length, n => this.#dialect.statement('SELECT', this.#selectLately(n))), values }
  }

  /** The same of one row. Locks it. */
  findAndLock (token: string, lockSeconds: number): Statement {
    return { sql: this.#text('findAndLock', lockSeconds, s => this.#dialect.statement('SELECT', `${this.#selectLately(1)} FOR UPDATE`, s)), values: [token] }
  }

  /** Token and data of one row, live or not, once nobody else is writing it. */
  peekAndLock (token: string, lockSeconds: number): Statement {
    return { sql: this.#text('peekAndLock', lockSeconds, s => this.#dialect.statement('SELECT', `token, data FROM ${this.#table} WHERE token = ? LIMIT 1 FOR UPDATE`, s)), values: [token] }
  }

  insert (sessions: readonly NewSession[]): Statement {
    const [column, value] = this.#keepsOwners ? [', owner', ', ?'] : ['', '']
    const sql = this.#text('insert', sessions.length, n =>
      this.#dialect.statement('INSERT', `INTO ${this.#table} (token, data, expiry${column}) VALUES ${list(n, `(?, ?, ${NOW} + INTERVAL ? MICROSECOND${value})`)}`))
    return { sql, values: sessions.flatMap(({ token, data, ttl, owner = null }) => this.#keepsOwners ? [token, data, micros(ttl), owner] : [token, data, micros(ttl)]) }
  }

  /** Replaces data and expiry of one session, and the owner if it has one, if it is live and as its caller saw it. The rows affected say whether it was. */
  updateOne (session: ChangedSession, lockSeconds: number): Statement {
    const { token, data, seen: { bytes, whole } } = session
    const owner = this.#owner(session)
    // An expiry that is not named may be set by the server.
    const sql = this.#text(`updateOne${owner.kind}`, lockSeconds, s => this.#dialect.statement('UPDATE', `${this.#table} SET expiry = COALESCE(${NOW} + INTERVAL ? MICROSECOND, expiry), data = ?${owner.set}
      WHERE token = ? AND ${EXACT_TOKEN} = ? AND expiry > ${NOW} AND LEFT(data, ?) = ?`, s))
    return { sql, values: [newExpiry(session), data, ...owner.values, token, token, whole ? ALL_BYTES : bytes.length, bytes] }
  }

  /**
   * The same for up to MOST_ROWS sessions, of one group of {@link bySeen}, all with an owner or none. The answer has the
   * number of affected rows, and an insert id with a bit for each updated row; the lowest bit is that of the first session. No
   * assignment reads a column that the statement sets, so the server may evaluate them in any order.
   */
  update (sessions: readonly ChangedSession[], lockSeconds: number): Statement {
    const filled = fill(sessions, last => ({ ...last, data: NO_BYTES }))
    const tokens = filled.map(({ token }) => token)
    // Then the index of the expiry need not be looked at.
    const allStay = sessions.every(({ expiryStays }) => expiryStays)
    const isOwned = this.#keepsOwners && sessions[0]?.owner !== undefined
    const sql = this.#text(`${allStay ? 'update' : 'updateAndMove'}${isOwned ? 'WithOwner' : ''}`, filled.length * 100 + lockSeconds, () => {
      const n = filled.length
      const expiry = allStay ? 'expiry' : `COALESCE(${NOW} + INTERVAL ${own(n)} MICROSECOND, expiry)`
      const counted = `IF(LAST_INSERT_ID(LAST_INSERT_ID() | (1 << ${place(n)} - 1)), ${place(n)}, 0)`
      return this.#dialect.statement('UPDATE', `${this.#tableByKey} SET expiry = ${expiry}, ${isOwned ? `owner = ${own(n)}, ` : ''}data = ELT(${counted}, ${list(n)})
        WHERE ${this.#dialect.resetsCount}token IN (${list(n)}) AND expiry > ${NOW} AND ${isSeen(n)}`, lockSeconds)
    })
    const moves = allStay ? [] : [...tokens, ...filled.map(newExpiry)]
    const owners = isOwned ? [...tokens, ...filled.map(({ owner }) => owner)] : []
    return { sql, values: [...moves, ...owners, ...tokens, ...tokens, ...filled.map(({ data }) => data), ...tokens, ...seenValues(filled)] }
  }

  /** Moves the expiry of sessions that are live and as their callers saw them, of one group of {@link bySeen}. */
  touch (sessions: readonly TouchedSession[], lockSeconds: number): Statement {
    const filled = fill(sessions)
    const tokens = filled.map(({ token }) => token)
    const sql = this.#text('touch', filled.length * 100 + lockSeconds, () => {
      const n = filled.length
      return this.#dialect.statement('UPDATE', `${this.#tableByKey} SET expiry = ${NOW} + INTERVAL ${own(n)} MICROSECOND
        WHERE token IN (${list(n)}) AND expiry > ${NOW} AND ${isSeen(n)} AND expiry <= ${NOW} + INTERVAL ${own(n)} MICROSECOND`, lockSeconds)
    })
    const values = [...tokens, ...filled.map(({ ttl }) => micros(ttl)), ...tokens, ...seenValues(filled), ...tokens, ...filled.map(({ ttl, atLeast }) => micros(ttl - atLeast))]
    return { sql, values }
  }

  /** Replaces data and expiry, and the owner if there is one, whatever the row holds. */
  overwrite (session: NewSession): Statement {
    const { token, data, ttl } = session
    const owner = this.#owner(session)
    const sql = this.#text(`overwrite${owner.kind}`, 0, () => this.#dialect.statement('UPDATE', `${this.#table} SET data = ?, expiry = ${NOW} + INTERVAL ? MICROSECOND${owner.set} WHERE token = ?`))
    return { sql, values: [data, micros(ttl), ...owner.values, token] }
  }

  /** Deletes rows, but for those that name a successor. */
  remove (tokens: readonly string[], lockSeconds: number): Statement {
    const filled = fill(tokens)
    const sql = this.#text('remove', filled.length * 100 + lockSeconds, () =>
      this.#dialect.statement('DELETE', `FROM ${this.#table} WHERE token IN (${list(filled.length)}) AND ${EXACT_TOKEN} IN (${list(filled.length)}) AND NOT (${IS_NOTE})`, lockSeconds))
    return { sql, values: [...filled, ...filled] }
  }

  /** The tokens of rows that are there, with the data of those that name a successor, else NULL. */
  remaining (tokens: readonly string[]): Statement {
    const values = fill(tokens)
    return { sql: this.#text('remaining', values.length, n => this.#dialect.statement('SELECT', `token, IF(${IS_NOTE}, data, NULL) FROM ${this.#table} WHERE token IN (${list(n)}) LIMIT ${n}`)), values }
  }

  /** Token, data and time to live of the live rows of a page. */
  page ({ size, after, owner }: Page): Statement {
    const [isAfter, tokens] = after === undefined ? ['', []] : [' AND token > ?', [after]]
    const { from, is, values } = this.#ofOwner(owner)
    return { sql: this.#dialect.statement('SELECT', `token, data, ${TTL_MS} FROM ${from} WHERE expiry > ${NOW}${isAfter}${is} ORDER BY token LIMIT ${size}`), values: [...tokens, ...values] }
  }

  /** How many rows are live. */
  count (owner: string | undefined): Statement {
    const { from, is, values } = this.#ofOwner(owner)
    return { sql: this.#dialect.statement('SELECT', `COUNT(*) FROM ${from} WHERE expiry > ${NOW}${is}`), values }
  }

  /** Tokens of expired rows, found by the index of the expiry, without a lock. */
  expired (most: number): Statement {
    return { sql: this.#dialect.statement('SELECT', `token FROM ${this.#table} WHERE ${IS_EXPIRED} ORDER BY expiry LIMIT ${most}`), values: [] }
  }

  /** Deletes those of the rows that are expired. It finds each by its key, so it locks no other. */
  removeExpired (tokens: readonly string[], lockSeconds: number): Statement {
    const values = fill(tokens)
    const sql = this.#text('removeExpired', values.length * 100 + lockSeconds, () =>
      this.#dialect.statement('DELETE', `FROM ${this.#table} WHERE token IN (${list(values.length)}) AND ${IS_EXPIRED}`, lockSeconds))
    return { sql, values }
  }

  /** What an UPDATE sets beside the data and the expiry. */
  #owner ({ owner }: NewSession): { readonly set: string, readonly values: readonly string[], readonly kind: string } {
    return owner === undefined || !this.#keepsOwners ? NO_OWNER : { set: ', owner = ?', values: [owner], kind: 'WithOwner' }
  }

  #ofOwner (owner: string | null | undefined): { readonly from: string, readonly is: string, readonly values: readonly string[] } {
    if (owner === undefined) return { from: this.#table, is: '', values: [] }
    return owner === null ? { from: this.#tableByOwner, is: ' AND owner IS NULL', values: [] } : { from: this.#tableByOwner, is: ` AND ${EXACT_OWNER}`, values: [owner, owner] }
  }

  #selectLately (n: number): string {
    return `token, data, ${TTL_MS}, ${this.#now} FROM ${this.#table} WHERE token IN (${list(n)}) AND expiry > ${LATELY} LIMIT ${n}`
  }

  #text (kind: string, number: number, make: (number: number) => string): string {
    const texts = this.#texts.get(kind) ?? []
    if (texts.length === 0) this.#texts.set(kind, texts)
    const text = texts[number] ?? make(number)
    texts[number] = text
    return text
  }
}

/** Groups sessions that one statement can compare with what their callers saw: headers of one length, or all of the data. */
export function bySeen<T extends { readonly seen: Seen }> (items: readonly T[]): T[][] {
  const groups = new Map<number, T[]>()
  for (const item of items) {
    const length = seenLength(item.seen)
    const group = groups.get(length)
    if (group === undefined) groups.set(length, [item])
    else group.push(item)
  }
  return [...groups.values()]
}

function seenLength ({ bytes, whole }: Seen): number {
  return whole ? ALL_BYTES : bytes.length
}

function seenValues (items: ReadonlyArray<{ readonly token: string, readonly seen: Seen }>): unknown[] {
  return [items[0] === undefined ? 0 : seenLength(items[0].seen), ...items.map(({ token, seen: { bytes } }) => seenKey(token, bytes))]
}

/** Token and bytes as {@link isSeen} compares them. No token has a line feed. */
function seenKey (token: string, bytes: Uint8Array): Buffer {
  const key = Buffer.allocUnsafe(token.length + 1 + bytes.length)
  key.write(`${token}\n`, 'latin1')
  key.set(bytes, token.length + 1)
  return key
}

/**
 * Repeats the last item up to a size that a statement is prepared for. A row is found by the first item of its token, so
 * the values of the repetitions are never looked at, and `withoutValues` takes them out.
 */
function fill<T> (items: readonly T[], withoutValues: (item: T) => T = item => item): readonly T[] {
  const size = SIZES.find(size => size >= items.length) ?? items.length
  const last = items.at(-1)
  if (last === undefined || size === items.length) return items
  const filling = withoutValues(last)
  return [...items, ...Array.from({ length: size - items.length }, () => filling)]
}

/** Whole microseconds, as digits: the server writes a large number with an exponent, and then reads no further than that. */
function micros (ttl: number): string {
  return String(Math.floor(ttl * 1000))
}

function newExpiry ({ expiryStays, ttl }: ChangedSession): string | null {
  return expiryStays === true ? null : micros(ttl)
}
