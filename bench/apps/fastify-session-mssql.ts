import { serve } from './fastify-session.js'
import { requirePeer } from './peer.js'
import { mssqlPoolConfig } from './settings.js'

interface MSSQLStore {
  get (sid: string, then: (error: Error | null) => void): void
  on (event: 'error', listener: (error: Error) => void): void
}
type MSSQLStoreClass = new (config: object, options: object) => MSSQLStore

const exported = requirePeer('connect-mssql-v2') as MSSQLStoreClass & { default?: MSSQLStoreClass }
const Store = exported.default ?? exported
const store = new Store(mssqlPoolConfig(), { table: 'sessions' })
store.on('error', (error) => console.error(String(error)))
// It connects at its first statement, and those that come meanwhile fail: so one is made before any request.
await new Promise<void>((resolve, reject) => store.get('nobody', (error) => error ? reject(error) : resolve()))
await serve(store)
