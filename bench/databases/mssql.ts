import { readFileSync } from 'node:fs'
import { databaseOf } from './database.js'
import type { Database } from './database.js'
import { configOf, connect } from './mssql-driver.js'
import type { Administrator } from './mssql-driver.js'

/** A SQL Server, by its connection string. Each application has a database of its own, which is dropped at the end. */
export async function openMSSQL (text: string): Promise<Database> {
  const config = configOf(text)
  const administrator = await connect(config)
  const made = new Set<string>()
  let own = 0
  const batch: Administrator['batch'] = async (sql) => {
    own++
    return await administrator.batch(sql)
  }

  const [version] = await batch('SELECT @@VERSION AS text')
  return {
    description: String(version?.text).split('\n', 1)[0] ?? '',
    pids: [],
    async prepare (application, build) {
      const name = databaseOf(application)
      await batch(dropDatabase(name))
      await batch(`CREATE DATABASE ${name}`)
      made.add(name)
      const mssql = { ...config, database: name }
      await makeTable(await connect(mssql), application, build)
      return { mssql }
    },
    async counts () {
      try {
        const [row] = await batch("SELECT cntr_value AS n FROM sys.dm_os_performance_counters WHERE counter_name = 'Batch Requests/sec'")
        return row === undefined ? undefined : { statements: Number(row.n) - own }
      } catch {
        // Babelfish has no such counter, and a user may not be allowed to see it.
        return undefined
      }
    },
    async count (application) {
      const [row] = await batch(`SELECT COUNT(*) AS n FROM ${databaseOf(application)}.dbo.sessions`)
      return Number(row?.n)
    },
    async close () {
      for (const name of made) await batch(dropDatabase(name))
      await administrator.close()
    }
  }
}

/** Makes the sessions table of an application, and closes the connection. */
export async function makeTable (administrator: Administrator, application: string, build: URL): Promise<void> {
  const schema = application.startsWith('ours') ? ourSchema(build) : connectSchema
  for (const batch of schema.split(/^\s*GO\s*$/im)) await administrator.batch(batch)
  await administrator.close()
}

function dropDatabase (name: string): string {
  return `IF DB_ID('${name}') IS NOT NULL DROP DATABASE ${name}`
}

/** As the README of connect-mssql-v2 has it. */
const connectSchema =
  'CREATE TABLE sessions (sid NVARCHAR(255) NOT NULL PRIMARY KEY, session NVARCHAR(MAX) NOT NULL, expires DATETIME NOT NULL)'

const ourSchema = (build: URL): string => readFileSync(new URL('schema/mssql.sql', build), 'utf8')
