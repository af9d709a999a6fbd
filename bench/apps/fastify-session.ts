import fastify from 'fastify'
import type { FastifyPluginAsync } from 'fastify'
import cookie from '@fastify/cookie'
import { requirePeer } from './peer.js'
import { listen } from './routes.js'
import { lifetime, secret, settings } from './settings.js'

interface Session {
  get (key: string): unknown
  set (key: string, value: unknown): void
}

/**
 * @fastify/session as it is fastest: nothing written that has not changed. Only with an idle timeout does it have to roll:
 * it has no other way to keep a session alive.
 */
export async function serve (store: object | undefined): Promise<void> {
  const app = fastify()
  await app.register(cookie)
  await app.register(requirePeer('@fastify/session') as FastifyPluginAsync<Record<string, unknown>>, {
    secret,
    rolling: settings.idleTimeout > 0,
    saveUninitialized: false,
    cookie: { secure: false, maxAge: settings.idleTimeout || lifetime },
    ...(store && { store })
  })
  await listen(app, {
    get: (request, key) => (request as unknown as { session: Session }).session.get(key),
    set: (request, _reply, key, value) => { (request as unknown as { session: Session }).session.set(key, value) }
  })
}
