import { randomBytes } from 'node:crypto'
import type { Test } from 'tap'
import { makeMariaDb } from './mariadb.js'
import { isQuick } from './quick.js'
import { startTdsFront, type TdsFront, type TdsFrontOptions } from '../tds/front.js'
import type { MssqlPool } from '../tds/mssql-driver.js'
import type { MssqlConfig, MssqlStoreOptions } from '../../stores/mssql/mssql.js'

/** The table as the README of SCS's mssqlstore defines it. */
export const SCS_TABLE = 'CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data VARBINARY(MAX) NOT NULL, expiry DATETIME2(6) NOT NULL); CREATE INDEX sessions_expiry_idx ON sessions (expiry);'

/** Why a test of faults, or of bytes on the wire, does not run with MSSQL_URL. */
export const NEEDS_FRONT = 'a real SQL Server is not made to fail by a test, and does not show what it is sent'

/** Whether the tests run on a real SQL Server, which MSSQL_URL names. */
export const isReal = (process.env['MSSQL_URL'] ?? '') !== ''

/**
 * Whether what runs on every store runs on SQL Server in this run. `npm test` leaves it out where the front stands in for
 * it, which takes more time than all else together: the store's own tests show there that both stores do the same.
 */
export const runsOnSqlServer = isReal || !isQuick

/** For tap: skips a test that needs the front's faults or its record of statements. */
export const frontOnly: { skip: string | false } = { skip: isReal && NEEDS_FRONT }

/** A database of a test's own on a SQL Server. */
export interface SqlServer {
  readonly config: MssqlConfig
  /** A connection string. */
  readonly url: string
  readonly isReal: boolean
  /** The front that speaks for MariaDB; undefined on a real server. */
  readonly front: TdsFront | undefined
  /** Runs T-SQL on a connection of the test's own, and gives the rows of its first SELECT. */
  query (sql: string): Promise<ReadonlyArray<Readonly<Record<string, unknown>>>>
}

/** A database on the server of MSSQL_URL, or behind a TDS front on the MariaDB of `npm test`; gone when the test is over. */
export async function makeSqlServer (t: Test): Promise<SqlServer> {
  return isReal ? await onServer(t, process.env['MSSQL_URL'] as string) : await onFront(t)
}

/** The same for a test that needs the front. */
export async function makeFront (t: Test, options: Partial<TdsFrontOptions> = {}): Promise<SqlServer & { readonly front: TdsFront }> {
  const server = await onFront(t, options)
  if (server.front === undefined) throw new Error('there is no front')
  return { ...server, front: server.front }
}

/** Options of the store on this server. Nothing is cleaned up unless the test asks for it. */
export function mssqlOptions (server: SqlServer): MssqlStoreOptions & { store: 'mssql', mssql: MssqlConfig } {
  return { store: 'mssql', mssql: server.config, createTable: true, cleanupInterval: 0 }
}

/** Loads the driver only where a test needs it: that takes longer than many a test. */
async function driver () {
  return (await import('../tds/mssql-driver.js')).mssql
}

async function onFront (t: Test, options: Partial<TdsFrontOptions> = {}): Promise<SqlServer> {
  const front = await startTdsFront({
    mariadb: await makeMariaDb(t),
    ...options
  })
  const config: MssqlConfig = { ...front.config, options: { ...front.config.options } }
  const query = queries(t, config)
  t.teardown(async () => { await front.close() })
  return { config, url: front.url, isReal: false, front, query }
}

async function onServer (t: Test, url: string): Promise<SqlServer> {
  const name = `fss_${randomBytes(6).toString('hex')}`
  const mssql = await driver()
  const given = mssql.ConnectionPool.parseConnectionString(url) as MssqlConfig
  const admin = await new mssql.ConnectionPool({ ...given, pool: { max: 1 } }).connect()
  await admin.request().batch(`CREATE DATABASE ${name}`)
  const config: MssqlConfig = { ...given, database: name }
  t.teardown(async () => {
    // Ends connections that are still open. Babelfish does not have it.
    await admin.request().batch(`ALTER DATABASE ${name} SET SINGLE_USER WITH ROLLBACK IMMEDIATE`).catch(() => {})
    await admin.request().batch(`DROP DATABASE ${name}`)
    await admin.close()
  })
  const query = queries(t, config)
  const { server, port = 1433, user = '', password = '' } = config
  const quoted = (text: string) => `"${text.replaceAll('"', '""')}"`
  const own = `Server=${server},${port};Database=${name};User Id=${quoted(user)};Password=${quoted(password)};Encrypt=${config.options?.encrypt ?? true};TrustServerCertificate=${config.options?.trustServerCertificate ?? false}`
  return { config, url: own, isReal: true, front: undefined, query }
}

function queries (t: Test, config: MssqlConfig): SqlServer['query'] {
  let made: Promise<MssqlPool> | undefined
  t.teardown(async () => { await (await made)?.close() })
  const make = async () => {
    const mssql = await driver()
    const pool = new mssql.ConnectionPool({ ...config, pool: { max: 1 } })
    pool.on('error', () => {})
    return pool
  }
  return async sql => {
    const pool = await (made ??= make())
    // Joins a connect under way, and does nothing when there is a connection.
    await pool.connect()
    return (await pool.request().batch(sql)).recordset ?? []
  }
}
