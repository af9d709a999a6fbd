import { createRequire } from 'node:module'
import type { MssqlPool } from '../../plugin/index.js'
import { serve } from './ours.js'
import { login, settings } from './settings.js'

// mssql comes without types of its own.
const mssql = createRequire(import.meta.url)('mssql') as { ConnectionPool: new (config: object) => MssqlPool }

const { host, ...rest } = login()
const pool = new mssql.ConnectionPool({
  ...rest, server: host, pool: { max: settings.pool, min: settings.pool }, options: { trustServerCertificate: true }
})
await serve({ store: 'mssql', mssql: pool, table: 'bench_sessions' })
