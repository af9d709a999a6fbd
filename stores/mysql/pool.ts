import { DriverMissingError, errorCode, InvalidOptionError } from '../errors.js'
import { inspected } from '../validate.js'

/** What the store needs of a connection of mysql2's callback API. */
export interface MysqlConnection {
  readonly threadId: number | null
  query (options: MysqlStatement, callback: MysqlCallback): void
  execute (options: MysqlStatement, callback: MysqlCallback): void
  release (): void
  destroy (): void
}

/** One statement. The driver's options that a pool may have set otherwise are given with each. */
export interface MysqlStatement {
  readonly sql: string
  readonly values: readonly unknown[]
  readonly rowsAsArray: true
  readonly typeCast: true
  readonly nestTables: false
}

export type MysqlCallback = (error: Error | null, result: unknown) => void

/** What the store needs of a pool of mysql2's callback API. */
export interface MysqlCallbackPool {
  getConnection (callback: (error: Error | null, connection: MysqlConnection) => void): void
  end (callback: (error: Error | null) => void): void
  readonly config?: { readonly connectionLimit?: number }
}

/**
 * A pool of mysql2's, made by `createPool` of 'mysql2' or of 'mysql2/promise'; what `@fastify/mysql` has under
 * `fastify.mysql.pool`. (The type says little, so that it does not need mysql2's own.)
 */
export interface MysqlPool {
  // The two APIs differ in their parameters; which one it is, is found out by looking.
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

/** A pool and whether the store made it, and so has to close it. */
export interface OpenedPool {
  readonly pool: MysqlCallbackPool
  readonly isOwn: boolean
  /** How many connections it has at most. */
  readonly size: number
}

const DEFAULT_SIZE = 10

/** Checks a source. Throws `FST_SESSION_INVALID_OPTION`. */
export function checkSource (source: unknown): asserts source is MysqlSource {
  const wanted = 'mysql must be a URL like mysql://user:password@host:3306/database, options of mysql2\'s createPool, or a pool of mysql2'
  if (typeof source === 'string') {
    if (!/^(mysql|mariadb):\/\/[^/]/.test(source)) throw new InvalidOptionError(`${wanted}, not ${inspected(source)}`)
    if (!URL.canParse(source) || new URL(source).hash !== '') {
      throw new InvalidOptionError(`${wanted}, not ${inspected(source)}. Special characters in the user's name or password must be encoded: encodeURIComponent(password)`)
    }
  } else if (typeof source !== 'object' || source === null || Array.isArray(source)) {
    throw new InvalidOptionError(`${wanted}, not ${inspected(source)}`)
  } else if (poolIn(source) === undefined && !isOptions(source)) {
    throw new InvalidOptionError('execute' in source || 'query' in source
      ? `${wanted}. What was given looks like a single connection: a pool survives a lost connection, and lets requests go side by side`
      : `${wanted}, not ${inspected(source)}`)
  }
}

/**
 * The pool of a source. Throws `FST_SESSION_DRIVER_MISSING`.
 *
 * @param connectTimeout in milliseconds, for a pool that is made here
 */
export async function openPool (source: MysqlSource, connectTimeout: number): Promise<OpenedPool> {
  const given = typeof source === 'string' ? undefined : poolIn(source)
  if (given !== undefined) return { pool: given, isOwn: false, size: given.config?.connectionLimit ?? DEFAULT_SIZE }
  const options: MysqlPoolOptions = typeof source === 'string' ? { uri: source.replace(/^mariadb:/, 'mysql:') } : source as MysqlPoolOptions
  const driver = await loadDriver()
  const size = options.connectionLimit ?? DEFAULT_SIZE
  return { pool: driver.createPool({ connectTimeout, ...options, connectionLimit: size }), isOwn: true, size }
}

interface Driver {
  createPool (options: MysqlPoolOptions): MysqlCallbackPool
}

async function loadDriver (): Promise<Driver> {
  try {
    const { default: driver } = await import('mysql2')
    return driver as unknown as Driver
  } catch (error) {
    if (errorCode(error) === 'ERR_MODULE_NOT_FOUND') throw new DriverMissingError('mysql', 'mysql2')
    throw error
  }
}

/** mysql2's promise pool has the callback pool inside, under the same name as @fastify/mysql. */
function poolIn (source: object): MysqlCallbackPool | undefined {
  let candidate: unknown = source
  while (typeof candidate === 'object' && candidate !== null) {
    if ('pool' in candidate && typeof candidate.pool === 'object') candidate = candidate.pool
    else return 'getConnection' in candidate && typeof candidate.getConnection === 'function' ? candidate as MysqlCallbackPool : undefined
  }
  return undefined
}

function isOptions (source: object): boolean {
  const prototype: unknown = Object.getPrototypeOf(source)
  return (prototype === Object.prototype || prototype === null) && ['uri', 'host', 'socketPath', 'user', 'database'].some(option => option in source)
}
