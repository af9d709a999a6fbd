import { createRequire } from 'node:module'
import { serve } from './ours.js'
import { login, settings } from './settings.js'

// mssql comes without types of its own.
const mssql = createRequire(import.meta.url)('mssql') as { ConnectionPool: new (config: object) => object }

const { host, ...rest } = login()
const pool = new mssql.ConnectionPool({
  ...rest, server: host, pool: { max: settings.pool, min: settings.pool }, options: { trustServerCertificate: true }
})
// The options are typed as soon as the store is on the main branch.
const options: object = { store: 'mssql', mssql: pool, table: 'bench_sessions' }
await serve(options)
