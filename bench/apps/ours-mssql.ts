import { createRequire } from 'node:module'
import type { MssqlPool } from '../../plugin/index.js'
import { serve } from './ours.js'
import { mssqlPoolConfig } from './settings.js'

// mssql comes without types of its own.
const mssql = createRequire(import.meta.url)('mssql') as { ConnectionPool: new (config: object) => MssqlPool }

await serve({ store: 'mssql', mssql: new mssql.ConnectionPool(mssqlPoolConfig()) })
