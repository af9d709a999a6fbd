import { readFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { root } from '../paths.js'
import type { Database } from './database.js'
import type { Login } from './login.js'

interface Pool {
  connect (): Promise<unknown>
  close (): Promise<void>
  request (): { query (sql: string): Promise<{ recordset?: Array<Record<string, unknown>> }> }
}

const tables = { 'ours-mssql': 'bench_sessions', 'fastify-session-mssql': 'bench_connect_sessions' } as const
type Name = keyof typeof tables

/** SQL Server. The database is the user's, so only the benchmark's own two tables in it are made anew. */
export async function openMSSQL (login: Login): Promise<Database> {
  const mssql = createRequire(import.meta.url)('mssql') as { ConnectionPool: new (config: object) => Pool }
  const { host, ...rest } = login
  const pool = new mssql.ConnectionPool({ ...rest, server: host, options: { trustServerCertificate: true } })
  await pool.connect()
  const query = async (sql: string): Promise<Array<Record<string, unknown>>> =>
    (await pool.request().query(sql)).recordset ?? []

  const [version] = await query('SELECT @@VERSION AS text')
  return {
    description: String(version?.text).split('\n', 1)[0] ?? '',
    async prepare (application) {
      const table = tables[application as Name]
      await query(`IF OBJECT_ID('${table}') IS NOT NULL DROP TABLE ${table}`)
      await query(application === 'ours-mssql' ? ourSchema(table) : connectSchema(table))
      return login
    },
    async statements () {
      const [row] = await query("SELECT cntr_value AS n FROM sys.dm_os_performance_counters WHERE counter_name = 'Batch Requests/sec'")
      return Number(row?.n)
    },
    async count (application) {
      const [row] = await query(`SELECT COUNT(*) AS n FROM ${tables[application as Name]}`)
      return Number(row?.n)
    },
    query,
    close: () => pool.close()
  }
}

/** As the README of connect-mssql-v2 has it. */
function connectSchema (table: string): string {
  return `CREATE TABLE ${table} (
    [sid] [nvarchar](255) NOT NULL PRIMARY KEY, [session] [nvarchar](max) NOT NULL, [expires] [datetime] NOT NULL)`
}

/** The schema under the name of the benchmark's table, so that it never touches a table of the user's. */
function ourSchema (table: string): string {
  return readFileSync(new URL('schema/mssql.sql', root), 'utf8')
    .replaceAll(/\bsessions(?=\b|_)/g, table)
    .replaceAll(/^\s*GO\s*$/gim, '')
}
