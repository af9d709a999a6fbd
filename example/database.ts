import { memoryStore, mssqlStore, mysqlStore, type SessionStore } from 'fastify-sql-sessions'
import { createConnection } from 'mysql2/promise'

/** Where the environment says that sessions are kept. */
export interface Place {
  /** For people: 'in MariaDB 11.8.3, at localhost:3306'. */
  readonly where: string
  readonly isMemory: boolean
  /** Makes a store of it, which keeps the owners of sessions or does not. */
  store (owners: boolean): SessionStore
}

/** Somebody who tries the example may have a database that has just been started, on a busy machine. */
const OPTIONS = { createTable: true, storeTimeout: 30_000 }

/** The database of `MYSQL_URL` or `MSSQL_URL`, or else the memory of this process. */
export async function chosenPlace ({ MYSQL_URL: mysql = '', MSSQL_URL: mssql = '' }: NodeJS.ProcessEnv): Promise<Place> {
  if (mysql !== '') {
    const store = (owners: boolean) => mysqlStore(mysql, { ...OPTIONS, owners })
    // A URL that is none is told before anything is made of it.
    await store(false).close()
    return { where: `in ${await productAt(mysql)}, at ${new URL(mysql).host}`, isMemory: false, store }
  }
  if (mssql !== '') return { where: 'in SQL Server', isMemory: false, store: owners => mssqlStore(mssql, { ...OPTIONS, owners }) }
  return { where: 'in memory, until this process ends', isMemory: true, store: () => memoryStore() }
}

/** What the server calls itself: 'MySQL 8.4.6' or 'MariaDB 11.8.3'. */
async function productAt (url: string): Promise<string> {
  try {
    const connection = await createConnection(url)
    const [rows] = await connection.query('SELECT VERSION() AS version')
    await connection.end()
    const [{ version } = { version: '' }] = rows as Array<{ version: string }>
    return `${version.includes('MariaDB') ? 'MariaDB' : 'MySQL'} ${/[\d.]+/.exec(version)?.[0] ?? ''}`.trim()
  } catch {
    // The store says what is wrong.
    return 'MySQL'
  }
}
