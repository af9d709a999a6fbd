import { memoryStore, mssqlStore, mysqlStore, type SessionStore } from 'fastify-sql-sessions'
import { buildApplication } from './application.js'

const IN_MEMORY = 'in memory, until this process ends'
const HOW_TO_KEEP = `To keep sessions in a database:
  MYSQL_URL=mysql://user:password@127.0.0.1:3306/database npm start
  MSSQL_URL='Server=127.0.0.1,1433;Database=app;User Id=sa;Password=...;TrustServerCertificate=true' npm start`

try {
  const port = portOf(process.env['PORT'])
  const { store, where } = chosenStore()
  const app = await buildApplication(store, where, { logger: { level: 'error' } })
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void app.close() })
  await app.ready()
  // The plugin itself would start all the same, and use the database as soon as it is there.
  await store.find([])
  const address = await app.listen({ host: '127.0.0.1', port })
  console.log(`The example runs at ${address} (Ctrl+C ends it). Sessions are kept ${where}.`)
  if (where === IN_MEMORY) console.log(HOW_TO_KEEP)
} catch (error) {
  console.error(explained(error))
  process.exit(1)
}

function chosenStore (): { store: SessionStore, where: string } {
  const mysql = process.env['MYSQL_URL'] ?? ''
  if (mysql !== '') return { store: mysqlStore(mysql, { createTable: true }), where: `in MySQL, at ${new URL(mysql).host}` }
  const mssql = process.env['MSSQL_URL'] ?? ''
  if (mssql !== '') return { store: mssqlStore(mssql, { createTable: true }), where: 'in SQL Server' }
  return { store: memoryStore(), where: IN_MEMORY }
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
