import { readFileSync } from 'node:fs'
import { createConnection } from 'mysql2/promise'
import type { RowDataPacket } from 'mysql2/promise'
import { root } from '../paths.js'
import type { Database } from './database.js'
import type { Login } from './login.js'

// As the README of SCS's mysqlstore has it.
const scsSchema = `CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL);
CREATE INDEX sessions_expiry_idx ON sessions (expiry);`

/** MariaDB or MySQL. */
export async function openMySQL (login: Login): Promise<Database> {
  const connection = await createConnection({ ...login, multipleStatements: true, timezone: 'Z' })

  async function rows (sql: string, values: readonly unknown[] = []): Promise<RowDataPacket[]> {
    const [found] = await connection.query<RowDataPacket[]>(sql, [...values])
    return found
  }
  const variables = await rows(`SHOW GLOBAL VARIABLES WHERE Variable_name IN
    ('version', 'innodb_flush_log_at_trx_commit', 'innodb_buffer_pool_size', 'log_bin', 'sync_binlog')`)

  return {
    description: variables.map(({ Variable_name: name, Value: value }) => `${name}=${value}`).join(', '),
    async prepare (application) {
      const name = `bench_${application.replaceAll('-', '_')}`
      await connection.query(`DROP DATABASE IF EXISTS ${name}; CREATE DATABASE ${name}; USE ${name}`)
      // express-mysql-session makes its own.
      const schema = application.startsWith('scs') ? scsSchema : application.startsWith('ours') ? ourSchema() : undefined
      if (schema !== undefined) await connection.query(schema)
      return { ...login, database: name }
    },
    async statements () {
      const [row] = await rows("SHOW GLOBAL STATUS LIKE 'Questions'")
      return Number(row?.Value)
    },
    async count (application) {
      const [row] = await rows(`SELECT COUNT(*) AS sessions FROM bench_${application.replaceAll('-', '_')}.sessions`)
      return Number(row?.sessions)
    },
    async query (sql, values = []) {
      const [found] = await connection.query(sql, [...values])
      return found
    },
    async close () {
      await connection.end()
    }
  }
}

const ourSchema = (): string => readFileSync(new URL('schema/mysql.sql', root), 'utf8')
