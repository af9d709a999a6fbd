import type { Database, Figures, Finding } from './database.js'
import { sized } from '../terminal.js'
import { MssqlConnections } from '../../stores/mssql/connections.js'
import { mssqlStore } from '../../stores/mssql/mssql.js'
import { checkSource, openPool, type OpenedPool } from '../../stores/mssql/pool.js'
import { LARGEST, quoted, timeIn } from '../../stores/mssql/table.js'
import { NOTE } from '../../stores/successor.js'
import { SUCCESSOR_TTL, type SessionStore } from '../../stores/store.js'
import { tableName } from '../../stores/validate.js'

const NOW = 'SYSUTCDATETIME()'
const IS_LIVE = `expiry > ${NOW}`
/** What the cleanup of the store deletes. */
const IS_DUE = `expiry <= ${NOW} AND (expiry <= DATEADD(second, -${SUCCESSOR_TTL / 1000}, ${NOW}) OR SUBSTRING(data, 1, ${NOTE.length}) <> 0x${NOTE.toString('hex')})`
const TEXT = (time: string) => `CONVERT(varchar(33), ${time}, 126)`

type Query = (text: string, values?: Readonly<Record<string, string>>) => Promise<unknown[][]>

/** A table in SQL Server. */
export class MssqlTables implements Database {
  readonly kind = 'mssql'
  readonly place: string
  readonly table: string
  readonly #url: string
  readonly #timeout: number
  readonly #quoted: string
  #opening: Promise<OpenedPool> | undefined
  #connections: MssqlConnections | undefined

  constructor (url: string, table: string, timeout: number) {
    checkSource(url)
    this.#url = url
    this.#timeout = timeout
    this.table = table
    this.#quoted = quoted(tableName(table))
    this.place = placeOf(url)
  }

  store ({ createTable = false } = {}): SessionStore {
    return mssqlStore(this.#url, { table: this.table, createTable, cleanupInterval: 0, storeTimeout: this.#timeout })
  }

  async inspect (): Promise<readonly Finding[]> {
    return await this.#use(async query => {
      const [[version, id, now] = []] = await query(`SELECT @@VERSION, OBJECT_ID(@name, N'U'), ${TEXT(NOW)}`, { name: this.#quoted })
      const ahead = Math.round((timeIn(now) - Date.now()) / 1000)
      const server: Finding[] = [
        { what: 'server', state: 'good', says: String(version).split('\n')[0]?.trim() ?? '' },
        Math.abs(ahead) < 2
          ? { what: 'time', state: 'good', says: 'UTC, whatever the server\'s time zone' }
          : { what: 'time', state: 'note', says: `the server's clock is ${Math.abs(ahead)} s ${ahead > 0 ? 'ahead of' : 'behind'} this machine's, and sessions expire by the server's` }
      ]
      return id === null ? server : [...server, ...await this.#ofTable(query)]
    })
  }

  async figures (): Promise<Figures> {
    return await this.#use(async query => {
      // In one statement each: not every engine has conditional aggregates of times.
      const [[live, total, largest, first, last] = []] = await query(`SELECT COUNT(*), SUM(CAST(DATALENGTH(data) AS bigint)), MAX(DATALENGTH(data)), ${TEXT('MIN(expiry)')}, ${TEXT('MAX(expiry)')} FROM ${this.#quoted} WHERE ${IS_LIVE}`)
      const [[expired, size] = []] = await query(`SELECT COUNT(*), SUM(CAST(DATALENGTH(data) AS bigint)) FROM ${this.#quoted} WHERE ${IS_DUE}`)
      const time = (value: unknown) => value === null ? null : timeIn(value)
      const sessions = Number(live)
      return {
        live: sessions,
        expired: Number(expired),
        averageSize: sessions === 0 ? 0 : Math.round(Number(total) / sessions),
        largestSize: Number(largest),
        totalSize: Number(total) + Number(size),
        firstExpiry: time(first),
        lastExpiry: time(last)
      }
    })
  }

  async countExpired (): Promise<number> {
    return await this.#use(async query => Number((await query(`SELECT COUNT(*) FROM ${this.#quoted} WHERE ${IS_DUE}`))[0]?.[0]))
  }

  async close (): Promise<void> {
    await this.#opening?.catch(() => {})
    await this.#connections?.close()
  }

  async #ofTable (query: Query): Promise<Finding[]> {
    const [[length] = []] = await query('SELECT COL_LENGTH(@name, N\'data\')', { name: this.#quoted })
    const most = Number(length) === -1 ? LARGEST : Number(length)
    const ofColumn = 'FROM sys.columns WHERE object_id = OBJECT_ID(@name, N\'U\') AND name ='
    const [[collation] = []] = await query(`SELECT collation_name ${ofColumn} N'token'`, { name: this.#quoted })
    const [[owner] = []] = await query(`SELECT COUNT(*) ${ofColumn} N'owner'`, { name: this.#quoted })
    const [[indexes] = []] = await query('SELECT COUNT(*) FROM sys.index_columns AS i JOIN sys.columns AS c ON c.object_id = i.object_id AND c.column_id = i.column_id ' +
      'WHERE i.object_id = OBJECT_ID(@name, N\'U\') AND i.key_ordinal = 1 AND c.name = N\'expiry\'', { name: this.#quoted })
    return [
      /_BIN2?$/i.test(String(collation))
        ? { what: 'token', state: 'good', says: `compared exactly (${String(collation)})` }
        : { what: 'token', state: 'note', says: `the server compares ${String(collation)}; the plugin compares exactly what comes back, so this is safe` },
      most < 2 ** 20
        ? { what: 'data', state: 'note', says: `a session may have up to ${sized(most)}; schema/mssql.sql has VARBINARY(MAX)` }
        : { what: 'data', state: 'good', says: `a session may have up to ${sized(most)}` },
      Number(indexes) > 0
        ? { what: 'expiry', state: 'good', says: 'has an index, which the cleanup uses' }
        : { what: 'expiry', state: 'change', says: 'has no index, so each cleanup reads the whole table', todo: `CREATE INDEX sessions_expiry_idx ON ${this.#quoted} (expiry)` },
      Number(owner) > 0
        ? { what: 'owner', state: 'good', says: 'there is a column for the option owner' }
        : { what: 'owner', state: 'note', says: 'there is no column owner, which the plugin\'s option owner needs' },
      // The store has tried all four at its first contact.
      { what: 'rights', state: 'good', says: 'SELECT, INSERT, UPDATE and DELETE on the table' }
    ]
  }

  async #use<T> (work: (query: Query) => Promise<T>): Promise<T> {
    const opened = await (this.#opening ??= openPool(this.#url, this.#timeout))
    this.#connections ??= new MssqlConnections(opened)
    return await this.#connections.use(performance.now() + this.#timeout, async connection => await work(async (text, values = {}) =>
      await connection.rows({ text, parameters: Object.entries(values).map(([name, value]) => ({ name, type: driver => driver.NVarChar(300), value })) })))
  }
}

/** Server and database of a connection string or URL. */
function placeOf (url: string): string {
  if (URL.canParse(url) && /^mssql:\/\//i.test(url)) {
    const { host, pathname } = new URL(url)
    return `${host}${pathname}`
  }
  const part = (name: RegExp) => name.exec(url)?.[1]?.trim()
  const server = part(/(?:^|;)\s*(?:server|data source|addr|address|network address)\s*=\s*([^;]*)/i) ?? ''
  const database = part(/(?:^|;)\s*(?:database|initial catalog)\s*=\s*([^;]*)/i)
  return database === undefined ? server : `${server}/${database}`
}
