import type { Login } from '../databases/login.js'
import type { MssqlConfig } from '../databases/mssql-driver.js'
import type { InProcess } from './in-process.js'

/** What an application process is told, as JSON in the environment variable BENCH_SETTINGS. */
export interface Settings {
  /** The database of its own, in MySQL or MariaDB. */
  readonly database?: Login
  /** The database of its own, in SQL Server. */
  readonly mssql?: MssqlConfig
  /** The size of its pool. */
  readonly pool: number
  /** The idle timeout in milliseconds, 0 for none. */
  readonly idleTimeout: number
  /** At most once in how many milliseconds a session is touched, where the application can be told. */
  readonly touchInterval?: number
  /** How often expired rows are removed, in milliseconds, where the application can be told; 0 for never. */
  readonly cleanupInterval: number
  /** The module of this package. */
  readonly entry: string
  /** Do not listen: make requests in the process, and print what they cost. */
  readonly inProcess?: InProcess
  /** Anything that only one application understands. */
  readonly [name: string]: unknown
}

export const settings = JSON.parse(process.env.BENCH_SETTINGS ?? '{}') as Settings

/** The login of the database, for the applications that have one in MySQL or MariaDB. */
export function login (): Login {
  if (settings.database === undefined) throw new Error('This application needs a database')
  return settings.database
}

/** What a pool of the driver of SQL Server takes. */
export function mssqlPoolConfig (): object {
  if (settings.mssql === undefined) throw new Error('This application needs a SQL Server')
  return { ...settings.mssql, pool: { max: settings.pool, min: settings.pool } }
}

export const lifetime = 24 * 60 * 60 * 1000
export const secret = 'a secret of the benchmark, and no secret at all'
