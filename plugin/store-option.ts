import { InvalidOptionError } from './errors.js'
import { closest } from '../stores/closest.js'
import { memoryStore } from '../stores/memory/memory.js'
import { mssqlStore, type MssqlSource } from '../stores/mssql/mssql.js'
import { mysqlStore, type MysqlSource } from '../stores/mysql/mysql.js'
import { isExpressStore } from '../stores/express/store.js'
import { isSimpleStore, isStore, simpleStore, type SimpleStore } from '../stores/simple.js'
import type { SessionStore } from '../stores/store.js'
import { described } from '../stores/validate.js'

/** The options that choose a store, and those of the chosen one. */
export interface StoreOptions {
  /** Where sessions are kept. Default 'memory': in this process, where they end with it. */
  store?: 'memory' | 'mysql' | 'mssql' | SessionStore | SimpleStore
  /** For `store: 'mysql'`: a URL, options of mysql2's createPool, or a pool of mysql2. The plugin never closes a pool of yours. */
  mysql?: MysqlSource | URL | undefined
  /** For `store: 'mssql'`: a connection string, a config of mssql, or a ConnectionPool. The plugin never closes a pool of yours. */
  mssql?: MssqlSource | URL | undefined
  /** The table, with its schema if it is not the connection's: 'auth.sessions'. Default 'sessions'. */
  table?: string
  /** Create the table if it is missing. Default false. */
  createTable?: boolean
  /** For the store 'memory': how many sessions it keeps at most. Default 100,000. */
  maxSessions?: number
  /** How often expired sessions are deleted, in milliseconds. Default 5 minutes, in memory 1 minute; 0 never. */
  cleanupInterval?: number
  /** How long a request waits for the store, in milliseconds. Default 5000. Then it fails with 503. */
  storeTimeout?: number
}

/** The store of a registration, and which rows it uses. */
export interface ChosenStore {
  readonly store: SessionStore
  /** What the rows are in: a database as it was given, or a store object; undefined for a store of this registration alone. */
  readonly place: unknown
  readonly table: string
}

/**
 * Makes the store that the options choose. Throws `FST_SESSION_INVALID_OPTION`, naming the option and what to write instead.
 *
 * @param keepsOwners whether the store shall keep the owners of sessions. One that is passed in does so or not.
 */
export function chooseStore (options: StoreOptions, keepsOwners: boolean): ChosenStore {
  const { store = 'memory', table = 'sessions' } = options
  const mysql = withoutUrl(options.mysql)
  const mssql = withoutUrl(options.mssql)
  switch (store) {
    case 'memory':
      refuse(options, ['mysql', 'mssql', 'table', 'createTable'], 'has no effect on the store \'memory\'. Choose { store: \'mysql\' } or { store: \'mssql\' }, or leave it out')
      return { store: memoryStore(given(options, ['cleanupInterval', 'maxSessions'])), place: undefined, table }
    case 'mysql':
      refuse(options, ['mssql', 'maxSessions'], 'has no effect on the store \'mysql\'. Leave it out')
      if (mysql === undefined) throw new InvalidOptionError('store \'mysql\' needs the option mysql: a URL like mysql://user:password@host/database, options of mysql2, or a pool of mysql2')
      return { store: mysqlStore(mysql, { ...given(options, SQL_OPTIONS), owners: keepsOwners }), place: mysql, table }
    case 'mssql':
      refuse(options, ['mysql', 'maxSessions'], 'has no effect on the store \'mssql\'. Leave it out')
      if (mssql === undefined) throw new InvalidOptionError('store \'mssql\' needs the option mssql: a connection string, a config of mssql, or a ConnectionPool of mssql')
      return { store: mssqlStore(mssql, { ...given(options, SQL_OPTIONS), owners: keepsOwners }), place: mssql, table }
  }
  if (!isStore(store) && !isSimpleStore(store)) throw new InvalidOptionError(noStore(store))
  refuse(options, ['mysql', 'mssql', 'table', 'createTable', 'cleanupInterval', 'maxSessions'], 'has no effect on a store that is passed in. Give it to the store itself')
  return { store: isStore(store) ? store : simpleStore(store), place: store, table }
}

/**
 * The options that stand for what was passed in their place: a store, a pool, or a URL that names its database. Anything
 * else is returned as it is.
 */
export function optionsFor (passed: unknown): unknown {
  if (passed === undefined) return {}
  if (isStore(passed) || isSimpleStore(passed)) return { store: passed }
  const kind = kindOfSource(passed)
  return kind === undefined ? passed : { store: kind, [kind]: passed }
}

/** The store for a pool, a URL or a connection string, if it says which one that is. */
function kindOfSource (source: unknown): 'mysql' | 'mssql' | undefined {
  if (typeof source === 'string' || source instanceof URL) {
    const text = String(source)
    if (/^(mysql|mariadb):\/\//.test(text)) return 'mysql'
    return /^mssql:\/\/|(^|;)\s*(server|data source)\s*=/i.test(text) ? 'mssql' : undefined
  }
  if (typeof source !== 'object' || source === null) return undefined
  if ('getConnection' in source && typeof source.getConnection === 'function') return 'mysql'
  return 'connect' in source && 'request' in source && typeof source.request === 'function' ? 'mssql' : undefined
}

function withoutUrl<T> (source: T | URL | undefined): T | string | undefined {
  return source instanceof URL ? source.href : source
}

/** What is wrong with the option `store`. It may hold a password, so no message quotes it. */
function noStore (store: unknown): string {
  const wanted = 'store must be \'memory\', \'mysql\', \'mssql\' or an object with the methods of SessionStore'
  const kind = kindOfSource(store)
  if (kind !== undefined) return `${wanted}. What was passed is for the option ${kind}: write { store: '${kind}', ${kind}: ... }`
  if (isExpressStore(store)) return `${wanted}. A store for express-session goes through connectStore: write { store: connectStore(store) }`
  if (typeof store !== 'string') return `${wanted}, not ${described(store)}`
  const name = store.toLowerCase()
  const known = NAMES.get(name) ?? closest(name, ['memory', 'mysql', 'mssql'])
  if (known !== undefined) return `${wanted}, not another string. Use '${known}'${name === 'mariadb' ? ' for MariaDB' : ''}`
  return UNSUPPORTED.test(name)
    ? `${wanted}. There is no store for that database in this package: pass a store of your own, an object with the methods of SessionStore`
    : `${wanted}, not another string`
}

/** Other names of the databases that have a store. */
const NAMES: ReadonlyMap<string, string> = new Map([
  ...['mariadb', 'mysql2', 'maria'].map(name => [name, 'mysql'] as const),
  ...['sqlserver', 'sql-server', 'sql server', 'tedious', 'azure', 'azuresql'].map(name => [name, 'mssql'] as const),
  ...['ram', 'mem', 'memorystore'].map(name => [name, 'memory'] as const)
])
const UNSUPPORTED = /^(postgres|pg$|redis|valkey|mongo|sqlite|dynamo|memcached|cockroach|oracle)/

const SQL_OPTIONS = ['table', 'createTable', 'cleanupInterval', 'storeTimeout'] as const

function given<K extends keyof StoreOptions> (options: StoreOptions, names: readonly K[]): Partial<Pick<StoreOptions, K>> {
  const chosen: Partial<Pick<StoreOptions, K>> = {}
  for (const name of names) if (options[name] !== undefined) chosen[name] = options[name]
  return chosen
}

function refuse (options: StoreOptions, names: ReadonlyArray<keyof StoreOptions>, why: string): void {
  for (const name of names) if (options[name] !== undefined) throw new InvalidOptionError(`${name} ${why}`)
}
