import cookie from '@fastify/cookie'
import type { FastifyInstance } from 'fastify'
import fp from 'fastify-plugin'
import { claim } from './claims.js'
import { Committer } from './commit/commit.js'
import { Cookie } from './cookie.js'
import { addHooks } from './hooks.js'
import { settingsOf, type SessionOptions } from './options.js'
import { AppSessions, type UserSessions } from './owners/app-sessions.js'
import { loadSession } from './session/detached.js'
import { Keeper } from './session/keeper.js'
import { Loader } from './session/loader.js'
// Renamed, because another plugin may declare its own `interface Session` in the module below, and that would be used.
import type { Session as SqlSession } from './session/session.js'
import { Migration } from './session/migration.js'
import { SessionStorage } from './session/storage.js'
import { UnknownProperties } from './session/unknown-properties.js'
import { audible } from './warnings.js'
import type { SessionStats } from './diagnostics.js'
import type { SimpleStore } from '../stores/simple.js'
import type { SessionStore } from '../stores/store.js'

/** `app.sessions`, or `app.adminSessions` for a registration of the name `adminSession`. */
export interface Sessions extends UserSessions {
  /** Returns what has become of sessions since the application was made, in this process, and what the store is doing. */
  stats (): SessionStats

  /**
   * Loads a session outside of a request: for socket.io, a worker, a subscription of GraphQL. Resolves to undefined if there is no live
   * session, so that the caller can refuse: outside of a request no session can begin, because nobody would learn its token.
   *
   * The session is read and changed as in a request. Nothing saves it by itself: call `await session.commit()`. A change that
   * nothing has saved by the time when nothing refers to the session any more is warned about. After `renewToken` and the commit the
   * new token is in `session.token`; no cookie is sent. If the session ends meanwhile, each commit of changes rejects with
   * `FST_SESSION_GONE`. Loading a session does not prolong it: `await session.touch()` does. `keepAlive` throws.
   *
   * Rejects with `FST_SESSION_INVALID_ARGUMENT` for a source that is neither a string nor undefined, and with
   * `FST_SESSION_STORE_UNAVAILABLE`.
   *
   * @param source the Cookie header of the client, with all its cookies, or a token. Undefined, and text that has no token: no session
   */
  load (source: string | undefined): Promise<SqlSession | undefined>
}

declare module 'fastify' {
  interface FastifyInstance {
    sessions: Sessions
  }
  interface FastifyRequest {
    session: SqlSession
  }
  interface FastifyContextConfig {
    /** false: the route has no session and costs no query. Default true. */
    session?: boolean
  }
}

/**
 * Server-side sessions for Fastify: `app.register(sessions, { store: 'mysql', mysql: url })`, or with a store alone,
 * `app.register(sessions, store)`. Without options the sessions are kept in memory.
 *
 * Registering rejects with `FST_SESSION_INVALID_OPTION` for an option that is wrong or unknown, and with
 * `FST_SESSION_DUPLICATE` if the name is taken. `ready()` rejects with `FST_SESSION_TABLE_MISSING`,
 * `FST_SESSION_STORE_MISCONFIGURED` or `FST_SESSION_DRIVER_MISSING`.
 */
async function sessions (app: FastifyInstance, options: SessionOptions | SessionStore | SimpleStore): Promise<void> {
  const settings = settingsOf(options)
  claim(app, settings)
  const sendsCookies = settings.token === undefined
  if (sendsCookies && !app.hasPlugin('@fastify/cookie')) await app.register(cookie)

  const { store, inMemory, previous } = settings
  store.keysAreHashes?.(settings.hashTokenInStore)
  const log = audible(app.log)
  const committer = new Committer(settings)
  const users = new AppSessions(settings, committer.rows, log)
  const storage = new SessionStorage(settings, committer, users.limit)
  const { margin } = storage.rows
  const keeper = margin === undefined ? undefined : new Keeper(margin)
  const registration = { storage, cookie: new Cookie(settings.cookie, app), sendsCookies, keeper, unknown: new UnknownProperties() }
  const loader = new Loader(settings, storage)
  addHooks(app, settings, registration, loader, previous && new Migration(settings, previous, registration, committer))

  app.decorate(`${settings.name}s`, Object.assign(users, {
    stats: () => settings.report.stats(store.stats?.()),
    load: async (source: unknown) => await loadSession(source, { registration, loader, settings, log: app.log })
  }) satisfies Sessions)

  app.addHook('onReady', async () => {
    if (inMemory && process.env['NODE_ENV'] === 'production') {
      log.warn({}, 'Sessions are kept in the memory of this process, and end with it. Keep them in a database: { store: \'mysql\' } or { store: \'mssql\' }')
    }
    if (settings.idleTimeout >= settings.lifetime) {
      log.warn({}, `idleTimeout (${settings.idleTimeout} ms) is not shorter than lifetime (${settings.lifetime} ms), so it has no effect on most sessions`)
    }
    const timeout = readyTimeout(app)
    await Promise.all([store.open(log, timeout), previous?.open(log, timeout)])
  })
  app.addHook('onClose', async () => {
    keeper?.stop()
    await store.close()
    await previous?.close()
  })
}

/** How long `ready()` may wait for the database, in milliseconds. Beyond `pluginTimeout` Fastify would end the application. */
function readyTimeout ({ initialConfig: { pluginTimeout = DEFAULT_PLUGIN_TIMEOUT } }: FastifyInstance): number | undefined {
  return pluginTimeout > 0 ? Math.max(pluginTimeout / 2, pluginTimeout - 1000) : undefined
}

/** Fastify's. */
const DEFAULT_PLUGIN_TIMEOUT = 10_000

export default fp(sessions, { fastify: '5.x', name: 'fastify-sql-sessions' })

export type { Codec, RowContext, SessionContent } from './codecs/codec.js'
export { encrypted, type EncryptionOptions } from './codecs/encrypted.js'
export type { EncryptionKey } from './codecs/keys.js'
export { textCodec } from './codecs/text.js'
export { onSessionEvent, SESSION_EVENTS, type SessionEvents, type SessionStats } from './diagnostics.js'
export { fromExpress, type FromExpressOptions, type PreviousSessions } from './from-express.js'
export type { CookieOptions, SessionOptions } from './options.js'
export type { Owner } from './owner.js'
export type { OfOwner, UserSessions } from './owners/app-sessions.js'
export type { SessionRecord } from './owners/record.js'
export type { ExclusiveOptions, RenewalOptions, Session, SessionCallback, SessionData, SessionKey, SessionProperties, SessionStatus, SessionValue } from './session/session.js'
export type { SessionCookie } from './session/session-cookie.js'
export { connectStore } from '../stores/express/connect-store.js'
export type { ExpressColumns } from '../stores/express/mysql.js'
export type { ExpressSession, ExpressSource } from '../stores/express/source.js'
export type { ExpressStore } from '../stores/express/store.js'
export { memoryStore, type MemoryStoreOptions } from '../stores/memory/memory.js'
export { mssqlStore, type MssqlConfig, type MssqlPool, type MssqlSource, type MssqlStoreOptions } from '../stores/mssql/mssql.js'
export { mysqlStore, type MysqlSource, type MysqlPool, type MysqlPoolOptions, type MysqlStoreOptions } from '../stores/mysql/mysql.js'
export type { SimpleStore } from '../stores/simple.js'
export * from '../stores/store.js'
export type { BatchCaller, StoreEvents, StoreStats } from '../stores/diagnostics.js'
