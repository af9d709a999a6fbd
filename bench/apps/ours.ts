import fastify from 'fastify'
import type { FastifyPluginAsync } from 'fastify'
import { listen } from './routes.js'
import { settings } from './settings.js'

interface Session {
  get (key: string): unknown
  put (key: string, value: unknown): void
}

/** This package, on the store that `options` name. */
export async function serve (options: object): Promise<void> {
  const plugin = new URL('../../plugin/index.js', import.meta.url).href
  const sessions = (await import(plugin) as { default: FastifyPluginAsync<Record<string, unknown>> }).default
  const app = fastify()
  await app.register(sessions, {
    ...options,
    ...(settings.idleTimeout > 0 && { idleTimeout: settings.idleTimeout }),
    ...(settings.touchInterval !== undefined && { touchInterval: settings.touchInterval }),
    cleanupInterval: settings.cleanupInterval
  })
  await listen(app, {
    get: (request, key) => (request as unknown as { session: Session }).session.get(key),
    set: (request, _reply, key, value) => { (request as unknown as { session: Session }).session.put(key, value) }
  })
}
