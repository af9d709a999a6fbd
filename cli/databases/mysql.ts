import type { Database, Figures, Finding } from './database.js'
import { sized } from '../terminal.js'
import { inspectServer, type Abilities, type Query } from '../../stores/mysql/abilities.js'
import type { Connection } from '../../stores/mysql/connection.js'
import { MysqlConnections } from '../../stores/mysql/connections.js'
import { mysqlStore } from '../../stores/mysql/mysql.js'
import { checkSource, openPool } from '../../stores/mysql/pool.js'
import { NOTE } from '../../stores/successor.js'
import { SUCCESSOR_TTL, type SessionStore } from '../../stores/store.js'
import { tableName } from '../../stores/validate.js'

const NOW = 'UTC_TIMESTAMP(6)'
const IS_LIVE = `expiry > ${NOW}`
/** What the cleanup of the store deletes. */
const IS_DUE = `expiry <= ${NOW} AND (expiry <= ${NOW} - INTERVAL ${SUCCESSOR_TTL / 1000} SECOND OR LEFT(data, ${NOTE.length}) <> '${NOTE.toString()}')`
const MS = (time: string) => `TIMESTAMPDIFF(MICROSECOND, '1970-01-01', ${time}) / 1e3`

/** How far the clocks may differ before it is worth a word, in milliseconds. */
const CLOCK_DIFFERENCE = 2000

/** A table in MySQL or MariaDB. */
export class MysqlTables implements Database {
  readonly kind = 'mysql'
  readonly place: string
  readonly table: string
  readonly #url: string
  readonly #timeout: number
  readonly #quoted: string
  #connections: Promise<MysqlConnections> | undefined

  constructor (url: string, table: string, timeout: number) {
    checkSource(url)
    this.#url = url
    this.#timeout = timeout
    this.table = table
    this.#quoted = tableName(table).map(part => `\`${part.replaceAll('`', '``')}\``).join('.')
    const { host, pathname } = new URL(url)
    this.place = `${host}${decodeURIComponent(pathname)}`
  }

  store ({ createTable = false } = {}): SessionStore {
    return mysqlStore(this.#url, { table: this.table, createTable, cleanupInterval: 0, storeTimeout: this.#timeout })
  }

  async inspect (): Promise<readonly Finding[]> {
    return await this.#use(async (query, abilities) => [
      ...await this.#ofServer(query, abilities),
      ...await this.#ofTable(query)
    ])
  }

  async figures (): Promise<Figures> {
    return await this.#use(async (query, { dialect }) => {
      const [row = []] = await query(dialect.statement('SELECT', `COUNT(IF(${IS_LIVE}, 1, NULL)), COUNT(IF(${IS_DUE}, 1, NULL)), AVG(IF(${IS_LIVE}, LENGTH(data), NULL)) + 0e0, ` +
        `MAX(IF(${IS_LIVE}, LENGTH(data), NULL)), SUM(LENGTH(data)) + 0e0, MIN(IF(${IS_LIVE}, ${MS('expiry')}, NULL)), MAX(IF(${IS_LIVE}, ${MS('expiry')}, NULL)) FROM ${this.#quoted}`))
      const [live, expired, average, largest, total, first, last] = row
      const time = (value: unknown) => value === null ? null : Math.round(Number(value))
      return { live: Number(live), expired: Number(expired), averageSize: Math.round(Number(average)), largestSize: Number(largest), totalSize: Number(total), firstExpiry: time(first), lastExpiry: time(last) }
    })
  }

  async countExpired (): Promise<number> {
    return await this.#use(async (query, { dialect }) => {
      const [[count] = []] = await query(dialect.statement('SELECT', `COUNT(*) FROM ${this.#quoted} WHERE ${IS_DUE}`))
      return Number(count)
    })
  }

  async close (): Promise<void> {
    const connections = await this.#connections?.catch(() => undefined)
    await connections?.close()
  }

  async #ofServer (query: Query, { version, dialect, countsRows, warnings }: Abilities): Promise<Finding[]> {
    const [[name, timeZone, readOnly, now] = []] = await query(`SELECT @@version_comment, CONCAT(@@time_zone, IF(@@time_zone = 'SYSTEM', CONCAT(' (', @@system_time_zone, ')'), '')), @@global.read_only + 0, ${MS(NOW)}`)
      .catch(() => [])
    const ahead = Math.round((Number(now) - Date.now()) / 1000)
    const clock = Math.abs(ahead) * 1000 < CLOCK_DIFFERENCE ? '' : `; the server's clock is ${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} this machine's, and sessions expire by the server's`
    return [
      { what: 'server', state: 'good', says: `${version}${name === undefined ? '' : ` (${String(name).replace(/^\((.*)\)$/, '$1')})`}` },
      countsRows
        ? { what: 'writes', state: 'good', says: 'up to 52 sessions share a statement' }
        : { what: 'writes', state: 'note', says: 'each session needs a statement of its own here, because the server cannot tell which rows of several it has updated' },
      ...timeZone === undefined ? [] : [{ what: 'time zone', state: clock === '' ? 'good' : 'note', says: `${String(timeZone)}; each ${dialect.setup === undefined ? 'statement' : 'connection'} sets UTC for itself${clock}` } as const],
      ...Number(readOnly) === 1 ? [{ what: 'read-only', state: 'change', says: 'the server is read-only', todo: 'connect to the primary server' } as const] : [],
      ...warnings.map((warning): Finding => ({ what: 'cluster', state: 'change', says: warning.replace(/: SET GLOBAL.*/, ''), todo: /SET GLOBAL.*/.exec(warning)?.[0] ?? 'see docs/operations.md' }))
    ]
  }

  async #ofTable (query: Query): Promise<Finding[]> {
    const [database, table] = await this.#fullName(query)
    const [[engine] = []] = await query('SELECT ENGINE FROM information_schema.TABLES WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?', [database, table])
    if (engine === undefined) return []
    const columns = new Map((await query('SELECT COLUMN_NAME, COLLATION_NAME, DATA_TYPE, CHARACTER_MAXIMUM_LENGTH + 0e0, EXTRA FROM information_schema.COLUMNS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ?', [database, table]))
      .map(row => [String(row[0]).toLowerCase(), row] as const))
    const [, collation] = columns.get('token') ?? []
    const [,, type, length] = columns.get('data') ?? []
    const indexed = await query('SELECT COLUMN_NAME FROM information_schema.STATISTICS WHERE TABLE_SCHEMA = ? AND TABLE_NAME = ? AND SEQ_IN_INDEX = 1', [database, table])
    const [[packet] = []] = await query('SELECT @@max_allowed_packet + 0e0')
    return [
      { what: 'engine', state: 'good', says: String(engine) },
      collation === undefined || collation === null || /_bin$/.test(String(collation))
        ? { what: 'token', state: 'good', says: `compared exactly (${collation === null || collation === undefined ? 'binary' : String(collation)})` }
        : { what: 'token', state: 'note', says: `the server compares ${String(collation)}; the plugin compares exactly what comes back, so this is safe` },
      ofData(String(type), Number(length), Number(packet)),
      indexed.some(([column]) => String(column).toLowerCase() === 'expiry')
        ? { what: 'expiry', state: 'good', says: 'has an index, which the cleanup uses' }
        : { what: 'expiry', state: 'change', says: 'has no index, so each cleanup reads the whole table', todo: `CREATE INDEX sessions_expiry_idx ON ${this.table} (expiry)` },
      ...columns.has('owner') ? [{ what: 'owner', state: 'good', says: 'there is a column for the option owner' } as const] : [{ what: 'owner', state: 'note', says: 'there is no column owner, which the plugin\'s option owner needs' } as const],
      await this.#ofInsert(query)
    ]
  }

  /** The store has tried the other statements at its first contact. */
  async #ofInsert (query: Query): Promise<Finding> {
    try {
      await query(`INSERT INTO ${this.#quoted} (token, data, expiry) SELECT token, data, expiry FROM ${this.#quoted} WHERE 1 = 0`)
      return { what: 'rights', state: 'good', says: 'SELECT, INSERT, UPDATE and DELETE on the table' }
    } catch {
      const [[user] = []] = await query('SELECT CURRENT_USER()').catch(() => [])
      const [name = 'user', host = '%'] = String(user ?? 'user@%').split(/@(?=[^@]*$)/)
      return { what: 'rights', state: 'change', says: 'the user may not INSERT into the table', todo: `GRANT SELECT, INSERT, UPDATE, DELETE ON ${this.table} TO '${name}'@'${host}'` }
    }
  }

  async #fullName (query: Query): Promise<readonly unknown[]> {
    const parts = tableName(this.table)
    if (parts.length > 1) return parts
    const [[selected] = []] = await query('SELECT DATABASE()')
    return [selected, ...parts]
  }

  async #use<T> (work: (query: Query, abilities: Abilities) => Promise<T>): Promise<T> {
    this.#connections ??= openPool(this.#url, this.#timeout).then(opened => new MysqlConnections(opened))
    return await (await this.#connections).use(performance.now() + this.#timeout, async (connection: Connection) => {
      const query: Query = async (sql, values) => values === undefined ? await connection.query(sql) : await connection.rows({ sql, values })
      const abilities = await inspectServer(query, true)
      if (abilities.dialect.setup !== undefined) await connection.command(abilities.dialect.setup)
      return await work(query, abilities)
    })
  }
}

function ofData (type: string, length: number, packet: number): Finding {
  const most = Math.min(length, packet)
  const says = `${type}: a session may have up to ${sized(most)}${packet < length ? ', by max_allowed_packet' : ''}`
  return most < 2 ** 20 ? { what: 'data', state: 'note', says: `${says}; schema/mysql.sql has MEDIUMBLOB` } : { what: 'data', state: 'good', says }
}
