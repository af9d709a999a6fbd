import { DriverMissingError, errorCode, InvalidOptionError, StoreMisconfiguredError, withoutTokens } from '../errors.js'
import { described } from '../validate.js'

/** What the store needs of a connection of mysql2's callback API. */
export interface MysqlConnection {
  readonly threadId: number | null
  /** Its socket. */
  readonly stream?: { ref? (): unknown, unref? (): unknown }
  query (statement: MysqlStatement, callback: MysqlCallback): void
  execute (statement: MysqlStatement, callback: MysqlCallback): void
  release (): void
  destroy (): void
  on? (event: string, listener: () => void): unknown
  removeListener? (event: string, listener: () => void): unknown
}

/** One statement. It names the driver's options that a pool may have set otherwise. */
export interface MysqlStatement {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly rowsAsArray: true
  readonly typeCast: true | TypeCast
  readonly nestTables: false
}

/** A function that converts a value; `next` does it as the driver does. */
type TypeCast = (field: unknown, next: () => unknown) => unknown

export type MysqlCallback = (error: Error | null, result: unknown) => void

/** What the store needs of a pool of mysql2's callback API. */
export interface MysqlCallbackPool {
  getConnection (callback: (error: Error | null, connection: MysqlConnection) => void): void
  end (callback: (error: Error | null) => void): void
  on? (event: string, listener: (connection: object) => void): unknown
  removeListener? (event: string, listener: (connection: object) => void): unknown
  readonly config?: { readonly connectionLimit?: number, readonly connectionConfig?: { readonly typeCast?: unknown } }
}

/**
 * A pool of mysql2, made by `createPool` of 'mysql2' or of 'mysql2/promise'; the one that `@fastify/mysql` has under
 * `fastify.mysql.pool`. (The type says little, so that it does not need mysql2's own types.)
 */
export interface MysqlPool {
  // The two APIs differ in their parameters. The store looks which one it has.
  // eslint-disable-next-line @typescript-eslint/no-explicit-any
  getConnection (...args: any[]): any
}

/** Options of mysql2's `createPool`. */
export interface MysqlPoolOptions {
  uri?: string
  host?: string
  port?: number
  socketPath?: string
  user?: string
  password?: string
  database?: string
  connectionLimit?: number
  [option: string]: unknown
}

/** A URL (`mysql://user:password@host:3306/database`), options of `createPool`, or a pool. */
export type MysqlSource = string | MysqlPoolOptions | MysqlPool

/** A pool, ready to be used. */
export interface OpenedPool {
  readonly pool: MysqlCallbackPool
  /** The store opened the pool, closes it, and is the only one that uses it. */
  readonly isOwn: boolean
  /** The most connections that it opens. */
  readonly size: number
  readonly typeCast: MysqlStatement['typeCast']
}

/** mysql2's own default. */
const DEFAULT_SIZE = 10
const WANTED = 'mysql must be a URL like mysql://user:password@host:3306/database, options of mysql2\'s createPool, or a pool of mysql2'

/** Checks a source. Throws `FST_SESSION_INVALID_OPTION`, with a message that names what was passed. */
export function checkSource (source: unknown): asserts source is MysqlSource {
  if (typeof source === 'string') {
    checkUrl(source)
    return
  }
  if (typeof source !== 'object' || source === null || Array.isArray(source)) throw wrong(described(source))
  if ('then' in source) throw wrong('a promise. Await it first')
  const pool = poolIn(source)
  if (pool !== undefined) checkPool(pool)
  else if (!isOptions(source)) throw wrong('execute' in source || 'query' in source ? 'what looks like a single connection. A pool survives a lost connection, and runs requests side by side' : described(source))
}

/**
 * Opens the pool of a source. Throws `FST_SESSION_DRIVER_MISSING`, and `FST_SESSION_STORE_MISCONFIGURED` if mysql2 does not
 * accept the options.
 *
 * @param connectTimeout how long opening a connection may take, in milliseconds, for a pool that is opened here
 */
export async function openPool (source: MysqlSource, connectTimeout: number): Promise<OpenedPool> {
  const given = typeof source === 'string' ? undefined : poolIn(source)
  if (given !== undefined) return { pool: given, isOwn: false, size: given.config?.connectionLimit ?? DEFAULT_SIZE, typeCast: typeCastFor(given.config?.connectionConfig?.typeCast) }
  // poolIn has found no pool in it.
  const options = typeof source === 'string' ? { uri: source.replace(/^mariadb:/, 'mysql:') } : source as MysqlPoolOptions
  const size = options.connectionLimit ?? DEFAULT_SIZE
  const driver = await loadDriver()
  try {
    return { pool: driver.createPool({ connectTimeout, ...options, connectionLimit: size }), isOwn: true, size, typeCast: typeCastFor(options['typeCast']) }
  } catch (error) {
    throw new StoreMisconfiguredError(`mysql2 does not accept the options: ${withoutTokens(error).message}`)
  }
}

interface Driver {
  createPool (options: MysqlPoolOptions): MysqlCallbackPool
}

async function loadDriver (): Promise<Driver> {
  try {
    const { default: driver } = await import('mysql2')
    // The store declares the few members that it uses.
    return driver as unknown as Driver
  } catch (error) {
    if (errorCode(error) === 'ERR_MODULE_NOT_FOUND') throw new DriverMissingError('mysql', 'mysql2')
    throw new StoreMisconfiguredError(`The package mysql2 cannot be loaded: ${withoutTokens(error).message}`)
  }
}

/** Only a function of the statement's own takes precedence over a function of the pool's. */
function typeCastFor (ofPool: unknown): MysqlStatement['typeCast'] {
  return typeof ofPool === 'function' ? (_field, next) => next() : true
}

function wrong (given: string): Error {
  return new InvalidOptionError(`${WANTED}, not ${given}`)
}

function checkUrl (source: string): void {
  if (!/^(mysql|mariadb):\/\/[^/]/.test(source)) throw wrong(described(source))
  if (!URL.canParse(source) || new URL(source).hash !== '') {
    throw wrong(`${described(source)}. Special characters in the user's name or password must be encoded: encodeURIComponent(password)`)
  }
}

function checkPool (pool: object): void {
  if ('_cluster' in pool || ('add' in pool && 'of' in pool)) {
    throw wrong('a PoolCluster. mysql2 removes a node from it for good after a few errors, and its nodes may hold different data. Pass a pool of one address: a server, or a proxy in front of several')
  }
  // A pool of mysql2 can do all of these. One that has only getConnection is taken at its word.
  const isOfMysql2 = ['execute', 'promise'].every(name => name in pool)
  if (!('query' in pool) || isOfMysql2) return
  throw wrong('batch' in pool ? 'a pool of the package mariadb' : 'execute' in pool ? 'another kind of pool' : 'a pool of the package mysql')
}

/** mysql2's promise pool has the callback pool inside, under the same name as @fastify/mysql. So have its two kinds of cluster. */
const INSIDE = ['pool', 'cluster', 'poolNamespace']

function poolIn (source: object): MysqlCallbackPool | undefined {
  const inner = INSIDE.map(name => name in source ? Reflect.get(source, name) as unknown : undefined).find(value => typeof value === 'object' && value !== null)
  // TypeScript does not see that find has left the objects.
  if (inner !== undefined) return poolIn(inner as object)
  return 'getConnection' in source && typeof source.getConnection === 'function' ? source as MysqlCallbackPool : undefined
}

function isOptions (source: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(source)
  return (prototype === Object.prototype || prototype === null) && ['uri', 'host', 'socketPath', 'user', 'database'].some(option => option in source)
}
