import { readFileSync } from 'node:fs'
import { hostname } from 'node:os'
import { resolve } from 'node:path'
import { createConnection } from 'mysql2/promise'
import type { RowDataPacket } from 'mysql2/promise'
import { databaseOf } from './database.js'
import type { Database } from './database.js'
import type { Login } from './login.js'

/** MariaDB or MySQL, which take statements from the series too. */
export interface MySQLDatabase extends Database {
  query (sql: string, values?: readonly unknown[]): Promise<unknown>
}

// As the README of SCS's mysqlstore has it.
const scsSchema = `CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL);
CREATE INDEX sessions_expiry_idx ON sessions (expiry);`

export async function openMySQL (login: Login): Promise<MySQLDatabase> {
  const connection = await createConnection({ ...login, multipleStatements: true, timezone: 'Z' })
  let own = 0

  async function rows (sql: string): Promise<RowDataPacket[]> {
    own++
    const [found] = await connection.query<RowDataPacket[]>(sql)
    return found
  }
  const variables = await rows(`SHOW GLOBAL VARIABLES WHERE Variable_name IN
    ('version', 'innodb_flush_log_at_trx_commit', 'innodb_buffer_pool_size', 'log_bin', 'sync_binlog')`)
  const [server] = await rows('SELECT @@hostname AS host, @@pid_file AS file, @@datadir AS folder')

  return {
    description: variables.map(({ Variable_name: name, Value: value }) => `${name}=${value}`).join(', '),
    pids: server?.host === hostname() ? pidIn(resolve(String(server?.folder), String(server?.file))) : [],
    async prepare (application, build) {
      const name = databaseOf(application)
      await connection.query(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name}; USE ${name}`)
      // express-mysql-session makes its own.
      const schema = application.startsWith('scs') ? scsSchema : application.startsWith('ours') ? ourSchema(build) : undefined
      if (schema !== undefined) await connection.query(schema)
      return { database: { ...login, database: name } }
    },
    async counts () {
      const [row] = await rows("SHOW GLOBAL STATUS LIKE 'Questions'")
      return { statements: Number(row?.Value) - own }
    },
    async count (application) {
      const [row] = await rows(`SELECT COUNT(*) AS sessions FROM ${databaseOf(application)}.sessions`)
      return Number(row?.sessions)
    },
    async query (sql, values = []) {
      own++
      const [found] = await connection.query(sql, [...values])
      return found
    },
    async close () {
      await connection.end()
    }
  }
}

/** The process that a pid file names; none if the file cannot be read. */
function pidIn (file: string): number[] {
  try {
    const pid = Number(readFileSync(file, 'utf8'))
    // The file of a server in a container has a number of another world.
    // The command line, because `comm` is the name of the main thread, which is `connection` with MySQL 9.
    return /mysqld|mariadbd/.test(readFileSync(`/proc/${pid}/cmdline`, 'utf8')) ? [pid] : []
  } catch {
    return []
  }
}

const ourSchema = (build: URL): string => readFileSync(new URL('schema/mysql.sql', build), 'utf8')
