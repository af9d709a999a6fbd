import fastify from 'fastify'
import sessions from '../../plugin/index.js'
import type { SessionOptions } from '../../plugin/index.js'
import { listen } from './routes.js'
import { settings } from './settings.js'

/** This package, on the store that `options` name. */
export async function serve (options: SessionOptions): Promise<void> {
  const app = fastify()
  await app.register(sessions, {
    ...options,
    ...(settings.idleTimeout > 0 && { idleTimeout: settings.idleTimeout }),
    ...(settings.touchInterval !== undefined && { touchInterval: settings.touchInterval }),
    cleanupInterval: settings.cleanupInterval
  })
  await listen(app, {
    get: (request, key) => request.session.get(key),
    set: (request, _reply, key, value) => { request.session.put(key, value) }
  })
}
