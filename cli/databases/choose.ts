import type { Arguments } from '../arguments.js'
import { UsageError } from '../usage.js'
import type { Database } from './database.js'
import { MssqlTables } from './mssql.js'
import { MysqlTables } from './mysql.js'
import { tableName } from '../../stores/validate.js'

const TIMEOUT = 10_000
const LONGEST_TIMEOUT = 3_600_000

export type { Database } from './database.js'

/** The environment: process.env. */
export type Environment = Readonly<Record<string, string | undefined>>

/**
 * The database of a command line or of the environment. Throws a {@link UsageError} if there is none, and
 * `FST_SESSION_INVALID_OPTION` for a URL that the store would refuse.
 */
export function chooseDatabase (args: Arguments, env: Environment): Database {
  const url = urlOf(args, env)
  const table = args.text('table') ?? 'sessions'
  tableName(table)
  const timeout = args.number('timeout', TIMEOUT, LONGEST_TIMEOUT)
  if (/^(mysql|mariadb):\/\//i.test(url)) return new MysqlTables(url, table, timeout)
  if (/^mssql:\/\/|(^|;)\s*(server|data source|addr|address)\s*=/i.test(url)) return new MssqlTables(url, table, timeout)
  throw new UsageError('The URL must begin with mysql://, mariadb:// or mssql://, or be a connection string like Server=localhost,1433;Database=app;User Id=name;Password=secret')
}

function urlOf (args: Arguments, env: Environment): string {
  const given = args.text('url')
  if (given !== undefined) return given
  const { MYSQL_URL: mysql = '', MSSQL_URL: mssql = '' } = env
  if (mysql !== '' && mssql !== '') throw new UsageError('MYSQL_URL and MSSQL_URL are both set. Say which: --url "$MYSQL_URL"')
  if (mysql === '' && mssql === '') throw new UsageError('Which database? Set MYSQL_URL or MSSQL_URL, or write --url mysql://user@host/database')
  return mysql === '' ? mssql : mysql
}
