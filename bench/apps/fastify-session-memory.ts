import { serve } from './fastify-session.js'

await serve(undefined)
