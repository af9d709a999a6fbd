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
  /** The same with the owners of sessions in the table, by the key userId. */
  withOwners (): Promise<Place>
  /** The owners of all rows, in their order. */
  owners (): Promise<ReadonlyArray<string | null>>
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
  const place: Place = {
    driver: 'mysql',
    // SCS writes times of UTC, so its connections must be at UTC.
    dsn: `${login}@tcp(${host})${pathname}?parseTime=true&time_zone=%27%2B00%3A00%27`,
    options: { store: 'mysql', mysql: url },
    count: async () => await number('SELECT COUNT(*) AS n FROM sessions'),
    left: async () => await number('SELECT MAX(TIMESTAMPDIFF(MICROSECOND, UTC_TIMESTAMP(6), expiry)) / 1e6 AS n FROM sessions'),
    move: async seconds => { await connection.query(`UPDATE sessions SET expiry = expiry + INTERVAL ${seconds} SECOND`) },
    withOwners: async () => {
      await connection.query('ALTER TABLE sessions ADD COLUMN owner VARCHAR(191) CHARACTER SET ascii COLLATE ascii_bin NULL, ADD INDEX sessions_owner_idx (owner)')
      return { ...place, options: { ...place.options, owner: 'userId' } }
    },
    owners: async () => ((await connection.query('SELECT owner FROM sessions ORDER BY owner'))[0] as Array<{ owner: string | null }>).map(({ owner }) => owner)
  }
  return place
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
  const place: Place = {
    driver: 'sqlserver',
    dsn: dsn.href,
    options: { store: 'mssql', mssql: config },
    count: async () => await number('SELECT COUNT(*) AS n FROM sessions'),
    left: async () => await number('SELECT MAX(DATEDIFF(MILLISECOND, SYSUTCDATETIME(), expiry)) / 1000.0 AS n FROM sessions'),
    move: async seconds => { await query(`UPDATE sessions SET expiry = DATEADD(SECOND, ${seconds}, expiry)`) },
    withOwners: async () => {
      await query('ALTER TABLE [sessions] ADD owner VARCHAR(191) COLLATE Latin1_General_BIN2 NULL; CREATE INDEX sessions_owner_idx ON [sessions] (owner)')
      return { ...place, options: { ...place.options, owner: 'userId' } }
    },
    owners: async () => (await query('SELECT owner FROM sessions ORDER BY owner')).map(row => row['owner'] as string | null)
  }
  return place
}
