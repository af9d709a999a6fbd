import { DriverMissingError, errorCode, InvalidOptionError, StoreMisconfiguredError } from '../errors.js'
import { described } from '../validate.js'

/** The part of mssql's ConnectionPool that the store uses. */
export interface MssqlPool {
  connect (): Promise<unknown>
  request (): unknown
  close (): Promise<unknown>
  on (event: 'error', listener: (error: unknown) => void): unknown
  removeListener? (event: 'error', listener: (error: unknown) => void): unknown
  listenerCount (event: 'error'): number
}

/** A config of mssql, as `new ConnectionPool(config)` takes it. */
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

/** The part of the driver that the store uses. */
export interface Driver {
  readonly ConnectionPool: (new (config: MssqlConfig) => MssqlPool) & { parseConnectionString (text: string): MssqlConfig }
  readonly Request: new (parent: unknown, overrides: { requestTimeout: number }) => DriverRequest
  readonly Transaction: new (pool: MssqlPool) => DriverTransaction
  readonly ISOLATION_LEVEL: { readonly READ_COMMITTED: number }
  readonly MAX: number
  readonly Char: (length: number) => unknown
  readonly NVarChar: (length: number) => unknown
  readonly VarChar: (length: number) => unknown
  readonly VarBinary: (length: number) => unknown
  readonly Int: unknown
}

export interface DriverRequest {
  arrayRowMode: boolean | null
  stream: boolean | null
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

export interface OpenedPool {
  readonly driver: Driver
  readonly pool: MssqlPool
  /** Whether the store made the pool. The store closes it, and nobody else uses its connections. */
  readonly isOwn: boolean
  /** The most connections that the pool opens. */
  readonly size: number
  /** The database that the pool's config names, if it names one. */
  readonly database: string | undefined
}

/** The default of mssql. */
const DEFAULT_SIZE = 10

/** Checks a source. Throws `FST_SESSION_INVALID_OPTION`. */
export function checkSource (source: unknown): asserts source is MssqlSource {
  const wanted = 'mssql must be a connection string like Server=localhost,1433;Database=app;User Id=name;Password=secret, a config of mssql with a server, or a ConnectionPool of mssql'
  if (typeof source === 'string') {
    if (!/^mssql:\/\/./.test(source) && !/(^|;)\s*(server|data source|addr|address|network address)\s*=/i.test(source)) throw new InvalidOptionError(`${wanted}, not ${described(source)}`)
  } else if (typeof source !== 'object' || source === null || Array.isArray(source)) {
    throw new InvalidOptionError(`${wanted}, not ${described(source)}`)
  } else if (poolIn(source) === undefined && !('server' in source && typeof source.server === 'string' && source.server !== '')) {
    throw new InvalidOptionError(`${wanted}, not ${described(source)}`)
  }
}

/**
 * The pool of a source, or a new one. Throws `FST_SESSION_DRIVER_MISSING`, and `FST_SESSION_STORE_MISCONFIGURED` for a
 * config that the driver refuses.
 *
 * @param connectTimeout of a new pool, in milliseconds
 */
export async function openPool (source: MssqlSource, connectTimeout: number): Promise<OpenedPool> {
  const driver = await loadDriver()
  const given = typeof source === 'string' ? undefined : poolIn(source)
  const pool = given ?? newPool(driver, source as string | MssqlConfig, connectTimeout)
  // The pool emits the error of a connection that is lost while it works. Without a listener the process would end.
  if (pool.listenerCount('error') === 0) pool.on('error', () => {})
  const config = 'config' in pool ? pool.config as Partial<MssqlConfig> : undefined
  return { driver, pool, isOwn: given === undefined, size: config?.pool?.max ?? DEFAULT_SIZE, database: config?.database }
}

/** The settings of the connections on which the statements rely. Nobody else uses the connections of this pool. */
const OWN_OPTIONS = { enableImplicitTransactions: false, textsize: 2 ** 31 - 1 }

function newPool ({ ConnectionPool }: Driver, source: string | MssqlConfig, connectionTimeout: number): MssqlPool {
  try {
    const config = typeof source === 'string' ? ConnectionPool.parseConnectionString(source) : source
    return new ConnectionPool({ connectionTimeout, ...config, options: { ...config.options, ...OWN_OPTIONS } })
  } catch (error) {
    throw new StoreMisconfiguredError(`The driver mssql refuses its options: ${error instanceof Error ? error.message : String(error)}`)
  }
}

/** Takes the pool of `fastify.mssql.pool` too, and the object with which fastify-mssql decorates. */
function poolIn (source: object): MssqlPool | undefined {
  const candidates: unknown[] = [source, 'pool' in source ? source.pool : undefined]
  return candidates.find((candidate): candidate is MssqlPool => typeof candidate === 'object' && candidate !== null &&
    'request' in candidate && typeof candidate.request === 'function' && 'connect' in candidate && typeof candidate.connect === 'function')
}

async function loadDriver (): Promise<Driver> {
  try {
    // Its types are in another package, which a user need not have.
    // @ts-expect-error -- there is no declaration
    const { default: driver } = await import('mssql') as { default: unknown }
    return driver as Driver
  } catch (error) {
    if (errorCode(error) === 'ERR_MODULE_NOT_FOUND') throw new DriverMissingError('mssql', 'mssql')
    throw error
  }
}
