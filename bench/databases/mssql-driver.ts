import { createRequire } from 'node:module'

/** What `new mssql.ConnectionPool()` takes. */
export interface MssqlConfig {
  readonly server: string
  readonly port?: number
  readonly user?: string
  readonly password?: string
  readonly database?: string
  readonly options?: { readonly encrypt?: boolean, readonly trustServerCertificate?: boolean }
}

interface Pool {
  connect (): Promise<unknown>
  close (): Promise<void>
  request (): { batch (sql: string): Promise<{ recordset?: Array<Record<string, unknown>> }> }
}

interface Mssql {
  readonly ConnectionPool: (new (config: object) => Pool) & { parseConnectionString (text: string): object }
}

// mssql comes without types of its own.
const mssql = createRequire(import.meta.url)('mssql') as Mssql

/** A connection of the benchmark's own. */
export interface Administrator {
  /** Runs T-SQL, and gives the rows of its first SELECT. */
  batch (sql: string): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>>
  close (): Promise<void>
}

export async function connect (config: MssqlConfig): Promise<Administrator> {
  const pool = new mssql.ConnectionPool({ ...config, pool: { max: 1 } })
  await pool.connect()
  return {
    batch: async (sql) => (await pool.request().batch(sql)).recordset ?? [],
    close: async () => { await pool.close() }
  }
}

/** Reads a connection string, as the driver does. */
export function configOf (text: string): MssqlConfig {
  return mssql.ConnectionPool.parseConnectionString(text) as MssqlConfig
}
