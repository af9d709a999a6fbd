import { serve } from './fastify-session.js'
import { mysqlStore } from './mysql-store.js'

await serve(await mysqlStore())
