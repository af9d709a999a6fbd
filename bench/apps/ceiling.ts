import { randomBytes } from 'node:crypto'
import fastify from 'fastify'
import cookie from '@fastify/cookie'
import { listen } from './routes.js'

// The ceiling: the same cookie is sent and read, and there is no session behind it. What it answers it takes from the path.
const app = fastify()
await app.register(cookie)
await listen(app, {
  get (request, key) {
    const params = request.params as Record<string, string>
    if (key === 'user' && request.method === 'GET' && request.cookies.session === undefined) return 'no cookie'
    return Number(params[key === 'user' ? 'id' : key] ?? 0)
  },
  set (_request, reply, key) {
    if (key === 'filler') reply.setCookie('session', randomBytes(32).toString('base64url'), { path: '/', httpOnly: true })
  }
})
