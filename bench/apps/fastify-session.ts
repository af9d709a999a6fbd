import fastify from 'fastify'
import type { FastifyPluginAsync, FastifyRequest } from 'fastify'
import cookie from '@fastify/cookie'
import { requirePeer } from './peer.js'
import { serveRoutes } from './routes.js'
import { lifetime, secret, settings } from './settings.js'

interface Session {
  get (key: string): unknown
  set (key: string, value: unknown): void
  regenerate (): Promise<void>
}
const sessionOf = (request: FastifyRequest): Session => (request as unknown as { session: Session }).session

/**
 * @fastify/session as it is fastest: nothing written that has not changed. Only with an idle timeout does it have to roll:
 * it has no other way to keep a session alive. A route opts out by being outside of the scope that has the plugin.
 */
export async function serve (store: object | undefined): Promise<void> {
  const app = fastify()
  await app.register(cookie)
  await serveRoutes(app, {
    async register (scope) {
      await scope.register(requirePeer('@fastify/session') as FastifyPluginAsync<Record<string, unknown>>, {
        secret,
        rolling: settings.idleTimeout > 0,
        saveUninitialized: false,
        cookie: { secure: false, maxAge: settings.idleTimeout || lifetime },
        ...(store && { store })
      })
    },
    get: (request, key) => sessionOf(request).get(key),
    set: (request, _reply, key, value) => { sessionOf(request).set(key, value) },
    increment (request, _reply, key) {
      const session = sessionOf(request)
      const next = Number(session.get(key) ?? 0) + 1
      session.set(key, next)
      return next
    },
    renew: (request) => sessionOf(request).regenerate()
  })
}
