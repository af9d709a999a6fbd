import { createConnection } from 'mysql2/promise'
import { DATABASE_PREFIX } from '../support/database.js'
import { isMariadbAt, startServer, type PrivateServer } from '../support/mysql-server.js'

/** The database servers that all test files of a run share. */
export interface Servers {
  /** What tells the test processes where they are. */
  readonly env: Readonly<Record<string, string>>
  /** Ends those that were started here. On others it drops the databases that a test has left behind. */
  stop (): Promise<void>
}

/**
 * Finds MySQL (`MYSQL_URL`) and, for the front that stands in for SQL Server, MariaDB (`MARIADB_URL`, or the same server),
 * or starts them.
 */
export async function findServers (): Promise<Servers> {
  const started: PrivateServer[] = []
  const start = async (...args: Parameters<typeof startServer>) => {
    const server = await startServer(...args)
    started.push(server)
    return server.url()
  }
  const given = [process.env['MYSQL_URL'], process.env['MARIADB_URL']].filter(url => url !== undefined && url !== '') as string[]
  const mysql = process.env['MYSQL_URL'] || await start()
  const needsMariadb = !process.env['MSSQL_URL'] && !process.env['MARIADB_URL'] && !await isMariadbAt(mysql)
  const env = { MYSQL_URL: mysql, ...(needsMariadb && { MARIADB_URL: await start([], 'MariaDB') }) }
  return {
    env,
    stop: async () => {
      await Promise.all([...started.map(async server => { await server.stop() }), ...given.map(dropLeftovers)])
    }
  }
}

/** A test that was ended has not dropped its databases. */
async function dropLeftovers (url: string): Promise<void> {
  const connection = await createConnection(url)
  const [rows] = await connection.query('SELECT SCHEMA_NAME AS name FROM information_schema.SCHEMATA WHERE SCHEMA_NAME LIKE ?', [`${DATABASE_PREFIX.replaceAll('_', '\\_')}%`])
  for (const { name } of rows as Array<{ name: string }>) await connection.query(`DROP DATABASE IF EXISTS ${name}`)
  await connection.end()
}
