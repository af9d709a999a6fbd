import type { ServerResponse } from 'node:http'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type { SessionLife } from './session/life.js'
import type { Session } from './session/session.js'
import { USUAL_NAME } from './token.js'

/**
 * Gives the sessions of a registration to Express's middleware (@fastify/express, @fastify/middie), which gets the raw request
 * and the raw response: `req.session` and `req.sessionID`, as from express-session. If middleware ends the
 * response itself, the session is saved first.
 *
 * @param lifeOf the session of a request, if it has one
 */
export function exposeToExpress (app: FastifyInstance, name: string, lifeOf: (request: FastifyRequest) => SessionLife | undefined): void {
  const sessionOf = (request: FastifyRequest): Session => (request as unknown as { readonly [name: string]: Session })[name] as Session
  const hasId = name === USUAL_NAME
  if (hasId && !app.hasRequestDecorator('sessionID')) {
    app.decorateRequest('sessionID', { getter (this: FastifyRequest): string { return sessionOf(this).id } })
  }
  // All requests share these accessors: separate ones would give each request its own hidden class in V8. They find the request
  // by a property of the raw one, so reading `session` of an object that copies only the accessors throws.
  const key = Symbol(`fastify-sql-sessions.${name}.request`)
  const properties: PropertyDescriptorMap = {
    [key]: { writable: true, value: undefined },
    [name]: {
      enumerable: true,
      configurable: true,
      get (this: Raw) { return sessionOf(requestOf(this)) },
      set (this: Raw, value: unknown) { Object.assign(requestOf(this), { [name]: value }) }
    },
    ...hasId && { sessionID: { enumerable: true, configurable: true, get (this: Raw) { return sessionOf(requestOf(this)).id } } }
  }
  type Raw = FastifyRequest['raw'] & { [key]?: FastifyRequest }
  const requestOf = (raw: Raw): FastifyRequest => raw[key] as FastifyRequest
  app.addHook('onRequest', (request, reply, done) => {
    const raw: Raw = request.raw
    Object.defineProperties(raw, properties)
    raw[key] = request
    saveBeforeEnd(reply, () => lifeOf(request))
    done()
  })
}

/** Makes `raw.end` save the session first. If Fastify's reply ends the response, the session has been saved already. */
function saveBeforeEnd ({ raw }: FastifyReply, life: () => SessionLife | undefined): void {
  const end = raw.end.bind(raw) as (...args: unknown[]) => ServerResponse
  let isEnding = false
  raw.end = (...args: unknown[]) => {
    const saving = isEnding ? undefined : life()?.beforeRawEnd()
    isEnding = true
    if (saving === undefined) return end(...args)
    saving.then(() => { end(...args) }, (error: Error & { readonly statusCode?: number, readonly code?: string }) => { refuse(raw, end, error) })
    return raw
  }
}

/** The response must not look like success. */
function refuse (raw: ServerResponse, end: (body?: string) => void, { statusCode = 500, code, message }: Error & { readonly statusCode?: number, readonly code?: string }): void {
  if (raw.headersSent) {
    raw.destroy()
    return
  }
  for (const name of raw.getHeaderNames()) if (name !== 'set-cookie') raw.removeHeader(name)
  raw.statusCode = statusCode
  raw.setHeader('content-type', 'application/json; charset=utf-8')
  end(JSON.stringify({ statusCode, code, message }))
}
