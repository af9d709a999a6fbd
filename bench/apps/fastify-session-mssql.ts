import { serve } from './fastify-session.js'
import { requirePeer } from './peer.js'
import { login, settings } from './settings.js'

type MSSQLStoreClass = new (config: object, options: object) => { once (event: string, then: (error?: Error) => void): void }

const { host, ...rest } = login()
const exported = requirePeer('connect-mssql-v2') as MSSQLStoreClass & { default?: MSSQLStoreClass }
const Store = exported.default ?? exported
const store = new Store({
  ...rest, server: host, pool: { max: settings.pool, min: settings.pool }, options: { trustServerCertificate: true }
}, { table: '[bench_connect_sessions]' })
// What arrives while it connects would fail.
await new Promise<void>((resolve, reject) => {
  store.once('connect', () => resolve())
  store.once('error', reject)
})
await serve(store)
