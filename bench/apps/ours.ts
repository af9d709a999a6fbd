import fastify from 'fastify'
import type { FastifyInstance } from 'fastify'
import type * as Package from '../../plugin/index.js'
import type { SessionOptions } from '../../plugin/index.js'
import { addRoutes, serveRoutes } from './routes.js'
import type { Access } from './routes.js'
import { settings } from './settings.js'

declare module '../../plugin/index.js' {
  interface SessionData { counter: number }
}

const access: Access = {
  get: (request, key) => request.session.get(key),
  set: (request, _reply, key, value) => { request.session.put(key, value as never) },
  increment: (request, _reply, key) => request.session.update(key as 'counter', (count = 0) => count + 1),
  renew: (request) => { request.session.renewToken() }
}

/** This package, on the store that `options` name. */
export async function serve (options: SessionOptions): Promise<void> {
  await serveRoutes(await withSessions(settings.entry, {
    ...options,
    ...(settings.idleTimeout > 0 && { idleTimeout: settings.idleTimeout }),
    ...(settings.touchInterval !== undefined && { touchInterval: settings.touchInterval }),
    cleanupInterval: settings.cleanupInterval
  }), access)
}

/** The same application, for requests from within this process. */
export async function application (entry: string, options: SessionOptions): Promise<FastifyInstance> {
  const app = await withSessions(entry, options)
  await addRoutes(app, access)
  await app.ready()
  return app
}

async function withSessions (entry: string, options: SessionOptions): Promise<FastifyInstance> {
  // Which build it is, only the settings know.
  const { default: sessions } = await import(entry) as typeof Package
  const app = fastify()
  await app.register(sessions, options)
  return app
}
