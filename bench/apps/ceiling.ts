import { randomBytes } from 'node:crypto'
import fastify from 'fastify'
import type { FastifyRequest } from 'fastify'
import cookie from '@fastify/cookie'
import { nameOf } from './content.js'
import { serveRoutes } from './routes.js'

// The ceiling: the same cookie is sent and read, and there is no session behind it. What it answers it takes from the path.
const app = fastify()
await app.register(cookie)
await serveRoutes(app, {
  get (request, key) {
    if (request.cookies.session === undefined) return undefined
    const { id = '', value } = request.params as Record<string, string>
    switch (key) {
      case 'user': return Number(id)
      case 'name': return nameOf(id)
      case 'profile': return { id: Number(id) }
      default: return Number(value ?? 0)
    }
  },
  set (_request, reply, key) {
    if (key === 'profile') reply.setCookie('session', randomBytes(32).toString('base64url'), { path: '/', httpOnly: true })
  },
  increment: (request: FastifyRequest) => request.cookies.session === undefined ? NaN : 1,
  renew () {}
})
