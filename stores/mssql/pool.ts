import { DriverMissingError, errorCode, InvalidOptionError } from '../errors.js'
import { inspected } from '../validate.js'

/** What the store needs of a ConnectionPool of the package mssql. */
export interface MssqlPool {
  connect (): Promise<unknown>
  request (): unknown
  close (): Promise<unknown>
  on (event: 'error', listener: (error: unknown) => void): unknown
  listenerCount (event: 'error'): number
}

/** A config of mssql's, as `new ConnectionPool(config)` takes it. */
export interface MssqlConfig {
  server: string
  port?: number
  user?: string
  password?: string
  database?: string
  pool?: { max?: number, min?: number, idleTimeoutMillis?: number, [option: string]: unknown }
  options?: { encrypt?: boolean, trustServerCertificate?: boolean, [option: string]: unknown }
  [option: string]: unknown
}

/** A connection string (`Server=localhost,1433;Database=app;User Id=sa;Password=...`), a config, or a ConnectionPool. */
export type MssqlSource = string | MssqlConfig | MssqlPool

/** What the store needs of the driver. */
export interface Driver {
  readonly ConnectionPool: (new (config: MssqlConfig) => MssqlPool) & { parseConnectionString (text: string): MssqlConfig }
  readonly Request: new (parent: unknown, overrides: { requestTimeout: number }) => DriverRequest
  readonly Transaction: new (pool: MssqlPool) => DriverTransaction
  readonly ISOLATION_LEVEL: { readonly READ_COMMITTED: number }
  readonly MAX: number
  readonly Char: (length: number) => unknown
  readonly NVarChar: (length: number) => unknown
  readonly VarBinary: (length: number) => unknown
  readonly Int: unknown
}

export interface DriverRequest {
  arrayRowMode: boolean | null
  input (name: string, type: unknown, value: unknown): unknown
  query (sql: string): Promise<{ recordsets: unknown[][][], rowsAffected: number[] }>
  execute (procedure: string): Promise<{ returnValue?: number }>
  cancel (): unknown
}

export interface DriverTransaction {
  begin (isolationLevel: number): Promise<unknown>
  commit (): Promise<unknown>
  rollback (): Promise<unknown>
}

/** A pool and whether the store made it, and so has to close it. */
export interface OpenedPool {
  readonly driver: Driver
  readonly pool: MssqlPool
  readonly isOwn: boolean
  /** How many connections it has at most. */
  readonly size: number
}

/** mssql's own default. */
const DEFAULT_SIZE = 10

/** Checks a source. Throws `FST_SESSION_INVALID_OPTION`. */
export function checkSource (source: unknown): asserts source is MssqlSource {
  const wanted = 'mssql must be a connection string like Server=localhost,1433;Database=app;User Id=name;Password=secret, a config of mssql with a server, or a ConnectionPool of mssql'
  if (typeof source === 'string') {
    if (!/^mssql:\/\/./.test(source) && !/(^|;)\s*(server|data source|addr|address|network address)\s*=/i.test(source)) throw new InvalidOptionError(`${wanted}, not ${inspected(source)}`)
  } else if (typeof source !== 'object' || source === null || Array.isArray(source)) {
    throw new InvalidOptionError(`${wanted}, not ${inspected(source)}`)
  } else if (poolIn(source) === undefined && !('server' in source && typeof source.server === 'string' && source.server !== '')) {
    throw new InvalidOptionError(`${wanted}, not ${inspected(source)}`)
  }
}

/**
 * The pool of a source. Throws `FST_SESSION_DRIVER_MISSING`.
 *
 * @param connectTimeout in milliseconds, for a pool that is made here
 */
export async function openPool (source: MssqlSource, connectTimeout: number): Promise<OpenedPool> {
  const driver = await loadDriver()
  const given = typeof source === 'string' ? undefined : poolIn(source)
  const pool = given ?? new driver.ConnectionPool(ownConfig(driver, source as string | MssqlConfig, connectTimeout))
  // A connection that is lost while it works is told to the pool too, and if nobody listens there the process ends.
  if (pool.listenerCount('error') === 0) pool.on('error', () => {})
  return { driver, pool, isOwn: given === undefined, size: sizeOf(pool) }
}

function ownConfig ({ ConnectionPool }: Driver, source: string | MssqlConfig, connectionTimeout: number): MssqlConfig {
  return { connectionTimeout, ...(typeof source === 'string' ? ConnectionPool.parseConnectionString(source) : source) }
}

function sizeOf (pool: MssqlPool): number {
  const config = 'config' in pool ? pool.config as Partial<MssqlConfig> : undefined
  return config?.pool?.max ?? DEFAULT_SIZE
}

/** fastify-mssql has its pool under `fastify.mssql.pool`; what it decorates with is taken too. */
function poolIn (source: object): MssqlPool | undefined {
  const candidates: unknown[] = [source, 'pool' in source ? source.pool : undefined]
  return candidates.find((candidate): candidate is MssqlPool => typeof candidate === 'object' && candidate !== null &&
    'request' in candidate && typeof candidate.request === 'function' && 'connect' in candidate && typeof candidate.connect === 'function')
}

async function loadDriver (): Promise<Driver> {
  try {
    // Its types are those of another package, which a user need not have.
    // @ts-expect-error -- there is no declaration
    const { default: driver } = await import('mssql') as { default: unknown }
    return driver as Driver
  } catch (error) {
    if (errorCode(error) === 'ERR_MODULE_NOT_FOUND') throw new DriverMissingError('mssql', 'mssql')
    throw error
  }
}
