import type { FastifyInstance } from 'fastify'
import { buildApplication } from './application.js'
import { chosenPlace, type Place } from './database.js'
import { thingsToTry } from './tries.js'

const HOW_TO_KEEP = `To keep sessions in a database:
  MYSQL_URL=mysql://user:password@127.0.0.1:3306/database npm start
  MSSQL_URL='Server=127.0.0.1,1433;Database=app;User Id=sa;Password=...;TrustServerCertificate=true' npm start`

try {
  const port = portOf(process.env['PORT'])
  const place = await chosenPlace(process.env)
  const { app, withoutOwners } = await startOn(place)
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.once(signal, () => { void app.close() })
  const address = await app.listen({ host: '127.0.0.1', port })
  console.log(`The example runs at ${address} (Ctrl+C ends it). Sessions are kept ${place.where}.`)
  console.log(`Open it, and try:\n${thingsToTry(withoutOwners === undefined).map(sentence => `  - ${sentence}`).join('\n')}`)
  if (withoutOwners !== undefined) console.log(withoutOwners)
  if (place.isMemory) console.log(HOW_TO_KEEP)
} catch (error) {
  console.error(explained(error))
  process.exit(1)
}

/**
 * Makes the application ready. On a table without the column for owners, which an earlier version or SCS has made, it runs all
 * the same; then this resolves to what to do about it, too.
 */
async function startOn (place: Place): Promise<{ app: FastifyInstance, withoutOwners?: string }> {
  try {
    return { app: await ready(place, true) }
  } catch (error) {
    if (!(error instanceof Error) || (error as NodeJS.ErrnoException).code !== 'FST_SESSION_STORE_MISCONFIGURED') throw error
    const withoutOwners = `The table keeps no owners of sessions, so no devices are shown. ${error.message}`
    // If something else is wrong with the table, this fails as well.
    return { app: await ready(place, false, withoutOwners), withoutOwners }
  }
}

async function ready ({ where, store: makeStore }: Place, owners: boolean, withoutOwners?: string): Promise<FastifyInstance> {
  const store = makeStore(owners)
  const app = await buildApplication(store, where, { logger: { level: 'error' }, ...withoutOwners !== undefined && { withoutOwners } })
  try {
    await app.ready()
    // The plugin itself would start all the same, and use the database as soon as it is there.
    await store.find([])
    return app
  } catch (error) {
    await app.close()
    throw error
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
