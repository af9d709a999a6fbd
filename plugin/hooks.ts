import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { exposeToExpress } from './express.js'
import { InvalidArgumentError, NotLoadedError, OptedOutError } from './errors.js'
import type { Migration } from './session/migration.js'
import type { Registration } from './session/operations.js'
import { SessionLife } from './session/life.js'
import type { Loader } from './session/loader.js'
import type { Session } from './session/session.js'
import type { Settings } from './options.js'
import { tokenSource } from './token-source.js'

/** The state of a request before its session is loaded. */
const NOT_LOADED = null
/** The state of a request on a route that opted out. */
const OPTED_OUT = false
/** The error with which loading has failed. An error handler that looks at the session gets it again. */
type Failed = Error
type State = SessionLife | typeof NOT_LOADED | typeof OPTED_OUT | Failed

/**
 * Gives every request of `app` a session under `settings.name`. onRequest loads it, onSend commits it.
 *
 * @param migration takes sessions of another plugin over, if the application had one
 */
export function addHooks (app: FastifyInstance, settings: Settings, registration: Registration, loader: Loader, migration?: Migration): void {
  const { name, properties } = settings
  const tokensOf = tokenSource(settings)
  const key = Symbol(`fastify-sql-sessions.${name}`)
  const stateOf = (request: FastifyRequest): State => (request as unknown as { [key]: State })[key]
  const setState = (request: FastifyRequest, state: State): void => { (request as unknown as { [key]: State })[key] = state }

  app.decorateRequest(key, NOT_LOADED)
  app.decorateRequest(name, {
    getter (this: FastifyRequest): Session {
      const state = stateOf(this)
      if (state instanceof SessionLife) return properties || expectsProperties(this, state.reply) ? state.properties : state.session
      if (state === NOT_LOADED) throw new NotLoadedError(name)
      throw state === OPTED_OUT ? new OptedOutError(name) : state
    },
    setter (value: unknown): void {
      const instead = value === null || value === undefined ? `To end the session, call await request.${name}.destroy()` : `To keep values, call request.${name}.put(key, value) for each`
      throw new InvalidArgumentError(`request.${name} cannot be assigned. ${instead}`)
    }
  })

  if (properties) {
    exposeToExpress(app, name, request => {
      const state = stateOf(request)
      return state instanceof SessionLife ? state : undefined
    })
  }

  app.addHook('onRequest', function loadSession (request, reply, done) {
    if (hasOptedOut(request, name)) {
      setState(request, OPTED_OUT)
      done()
      return
    }
    const fail = (error: Error): void => {
      setState(request, error)
      done(refused(error, reply, undefined))
    }
    let tokens: readonly string[]
    try {
      tokens = tokensOf(request)
    } catch (error) {
      fail(error instanceof Error ? error : new Error('The function of the option token has thrown something that is no Error', { cause: error }))
      return
    }
    const loading = tokens.length === 0 ? migration?.load(request) : loader.load(tokens)
    if (loading === undefined) {
      setState(request, new SessionLife(registration, request, reply))
      done()
      return
    }
    loading.then(loaded => {
      const life = new SessionLife(registration, request, reply, loaded)
      setState(request, life)
      if (loaded.replacing !== undefined || loaded.isFollowed === true) life.hasNewCookie(loaded.replacing)
      done()
    }, fail)
  })

  app.addHook('onSend', function commitSession (request, reply, payload, done) {
    const state = stateOf(request)
    const finished = state instanceof SessionLife ? state.beforeHeaders({ isStream: isStream(payload) }) : undefined
    if (finished === undefined) done()
    // Not `finished.then(done)`: for a payload or a header that it cannot send, Fastify throws in `done`, and catches that
    // only if it waits for the promise.
    return finished?.catch((error: Error & { statusCode?: number }) => { throw refused(error, reply, payload) })
  })
}

/**
 * Whether a plugin is in use that takes the keys of a session for its properties: @fastify/passport, whose strategies do, or
 * @fastify/csrf-protection with `sessionPlugin: '@fastify/session'`, which names its function so.
 */
function expectsProperties (request: FastifyRequest, reply: FastifyReply): boolean {
  return 'passport' in request || (reply as { readonly generateCsrf?: { readonly name?: string } }).generateCsrf?.name === 'generateCsrfSession'
}

function hasOptedOut (request: FastifyRequest, name: string): boolean {
  // The application names its sessions, so their names are not in Fastify's type.
  const config = request.routeOptions.config as object as { readonly [name: string]: unknown } | undefined
  return config !== undefined && (config['session'] === false || config[name] === false)
}

/** Undoes what the handler has prepared for its reply: the status, the headers about the body, and a body that is a stream. */
function refused (error: Error & { statusCode?: number }, reply: FastifyReply, payload: unknown): Error {
  // Fastify takes the status from the error only if an error handler runs. None runs for a failure in the reply to an error.
  if (error.statusCode !== undefined) reply.code(error.statusCode)
  for (const header of ABOUT_THE_BODY) reply.removeHeader(header)
  if ('headers' in error && typeof error.headers === 'object' && error.headers !== null) reply.headers(error.headers as Record<string, string>)
  discard(payload)
  return error
}

const ABOUT_THE_BODY = ['content-type', 'content-encoding', 'content-language', 'content-location', 'content-range', 'content-disposition',
  'content-digest', 'repr-digest', 'accept-ranges', 'etag', 'last-modified', 'location', 'age', 'expires', 'cache-control']

/** Whether a response lasts beyond its headers. */
function isStream (payload: unknown): boolean {
  return typeof payload === 'object' && payload !== null && !Buffer.isBuffer(payload)
}

/** Closes a stream that nobody will read, so that it releases its files and connections. */
function discard (payload: unknown): void {
  const body = payload instanceof Response ? payload.body : payload
  if (body instanceof ReadableStream) body.cancel().catch(() => {})
  else if (typeof body === 'object' && body !== null && 'destroy' in body && typeof body.destroy === 'function') body.destroy()
}
