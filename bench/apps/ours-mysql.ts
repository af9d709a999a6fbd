import { createPool } from 'mysql2'
import { serve } from './ours.js'
import { login, settings } from './settings.js'

await serve({ store: 'mysql', mysql: createPool({ ...login(), connectionLimit: settings.pool, maxIdle: settings.pool }) })
