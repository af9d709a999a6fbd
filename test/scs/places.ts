import type { Test } from 'tap'
import type { SessionOptions } from '../../plugin/index.js'
import { makeDatabase, SCS_TABLE } from '../support/database.js'
import { makeSqlServer, SCS_TABLE as SCS_TABLE_OF_MSSQL } from '../support/sql-server.js'

/** A table of SCS's, for both sides. */
export interface Place {
  /** The name of Go's driver, and what it connects by. */
  readonly driver: 'mysql' | 'sqlserver'
  readonly dsn: string
  /** The options of the plugin. */
  readonly options: SessionOptions
  /** How many rows there are. */
  count (): Promise<number>
  /** When the last row expires, in seconds from now. */
  left (): Promise<number>
  /** Moves the expiry of all rows by so many seconds. */
  move (seconds: number): Promise<void>
}

export async function mysqlPlace (t: Test): Promise<Place> {
  const { url, connection } = await makeDatabase(t)
  await connection.query(SCS_TABLE)
  const { username, password, host, pathname } = new URL(url)
  const login = [username, password].map(decodeURIComponent).join(':')
  const number = async (sql: string): Promise<number> => {
    const [[row]] = await connection.query(sql) as unknown as [[{ n: number }]]
    return Number(row.n)
  }
  await connection.query('SET time_zone = \'+00:00\'')
  return {
    driver: 'mysql',
    // SCS writes times of UTC, so its connections must be at UTC.
    dsn: `${login}@tcp(${host})${pathname}?parseTime=true&time_zone=%27%2B00%3A00%27`,
    options: { store: 'mysql', mysql: url },
    count: async () => await number('SELECT COUNT(*) AS n FROM sessions'),
    left: async () => await number('SELECT MAX(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), expiry)) / 1e6 AS n FROM sessions'),
    move: async seconds => { await connection.query(`UPDATE sessions SET expiry = expiry + INTERVAL ${seconds} SECOND`) }
  }
}

/** On the SQL Server of MSSQL_URL, else on the front of test/tds, which Go's driver connects to as to a server. */
export async function sqlServerPlace (t: Test): Promise<Place> {
  const { config, query } = await makeSqlServer(t)
  await query(SCS_TABLE_OF_MSSQL)
  const { server, port = 1433, user = '', password = '', database = '', options } = config
  const dsn = new URL(`sqlserver://${server}:${port}`)
  Object.assign(dsn, { username: user, password })
  dsn.search = new URLSearchParams({ database, encrypt: options?.encrypt === false ? 'disable' : 'true', TrustServerCertificate: String(options?.trustServerCertificate ?? false) }).toString()
  const number = async (sql: string): Promise<number> => Number((await query(sql))[0]?.['n'])
  return {
    driver: 'sqlserver',
    dsn: dsn.href,
    options: { store: 'mssql', mssql: config },
    count: async () => await number('SELECT COUNT(*) AS n FROM sessions'),
    left: async () => await number('SELECT MAX(DATEDIFF(MILLISECOND, SYSUTCDATETIME(), expiry)) / 1000.0 AS n FROM sessions'),
    move: async seconds => { await query(`UPDATE sessions SET expiry = DATEADD(SECOND, ${seconds}, expiry)`) }
  }
}
