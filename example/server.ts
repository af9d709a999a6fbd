import { memoryStore, mssqlStore, mysqlStore, type SessionStore } from 'fastify-sql-sessions'
import { createConnection } from 'mysql2/promise'
import { buildApplication } from './application.js'

const IN_MEMORY = 'in memory, until this process ends'
/** Somebody who tries the example may have a database that has just been started, on a busy machine. */
const OPTIONS = { createTable: true, storeTimeout: 30_000 }
const WHAT_TO_TRY = `
Open it, and try:
  - Sign in with any name, and send 20 requests at once.
  - Sign in with "Remember me", and close and open the browser.
  - Open it in two tabs, and sign out in one.
`
const HOW_TO_KEEP = `To keep sessions in a database:
  MYSQL_URL=mysql://user:password@127.0.0.1:3306/database npm start
  MSSQL_URL='Server=127.0.0.1,1433;Database=app;User Id=sa;Password=...;TrustServerCertificate=true' npm start`

try {
  const port = portOf(process.env['PORT'])
  const { store, where } = await chosenStore()
  const app = await buildApplication(store, where, { logger: { level: 'error' } })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void app.close() })
  await app.ready()
  // The plugin itself would start all the same, and use the database as soon as it is there.
  await store.find([])
  const address = await app.listen({ host: '127.0.0.1', port })
  console.log(`The example runs at ${address} (Ctrl+C ends it). Sessions are kept ${where}.`)
  console.log(WHAT_TO_TRY)
  if (where === IN_MEMORY) console.log(HOW_TO_KEEP)
} catch (error) {
  console.error(explained(error))
  process.exit(1)
}

async function chosenStore (): Promise<{ store: SessionStore, where: string }> {
  const mysql = process.env['MYSQL_URL'] ?? ''
  if (mysql !== '') {
    const store = mysqlStore(mysql, OPTIONS)
    return { store, where: `in ${await productAt(mysql)}, at ${new URL(mysql).host}` }
  }
  const mssql = process.env['MSSQL_URL'] ?? ''
  if (mssql !== '') return { store: mssqlStore(mssql, OPTIONS), where: 'in SQL Server' }
  return { store: memoryStore(), where: IN_MEMORY }
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

function portOf (text = '3000'): number {
  const port = Number(text)
  if (text.trim() !== '' && Number.isInteger(port) && port >= 0 && port < 65536) return port
  throw new Error(`PORT must be a number from 0 to 65535, not "${text}"`)
}

/** What went wrong, and what to do, without a stack. */
function explained (error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  const { code } = error as NodeJS.ErrnoException
  const { port } = error as { port?: number }
  if (code === 'EADDRINUSE') return `Port ${port} is taken. Choose another: PORT=${Number(port) + 1} npm start`
  if (code === 'EACCES') return `Port ${port} may not be used by this user. Choose another: PORT=3000 npm start`
  const cause = error.cause instanceof Error ? ` (${error.cause.message})` : ''
  const name = (process.env['MYSQL_URL'] ?? '') === '' ? 'MSSQL_URL' : 'MYSQL_URL'
  return code === 'FST_SESSION_STORE_UNAVAILABLE' ? `The database cannot be reached${cause}. Is ${name} right, and the server running?` : error.message + cause
}
