import Fastify, { type FastifyInstance, type FastifyReply, type FastifyRequest, type FastifyServerOptions, type InjectOptions, type LightMyRequestResponse } from 'fastify'
import type { Test } from 'tap'
import sessions, { type Session, type SessionOptions, type SessionStore } from '../../plugin/index.js'
import { Log } from './log.js'

/** What runs in a request. */
export type Handler<T> = (session: Session, request: FastifyRequest, reply: FastifyReply) => T

/** The answer to a request, and what its handler has returned. */
export interface Answer<T> {
  readonly response: LightMyRequestResponse
  readonly value: T
  /** The Set-Cookie headers. */
  readonly cookies: readonly string[]
}

/** An application with sessions, whose requests run what a test hands them. */
export interface Site {
  readonly app: FastifyInstance
  readonly log: Log
  /** A visitor with cookies of their own. */
  browser (): Browser
}

/** Starts an application, and closes it when the test is over. */
export async function startSite (t: Test, options: SessionOptions | SessionStore = {}, serverOptions: FastifyServerOptions = {}): Promise<Site> {
  const log = new Log()
  const app: FastifyInstance = Fastify({ logger: { level: 'trace', stream: log }, pluginTimeout: 0, ...serverOptions })
  t.teardown(async () => { await app.close() })
  await app.register(sessions, options)
  const handlers = new Map<string, Handler<unknown>>()
  const results = new Map<string, unknown>()
  app.all<{ Params: { id: string } }>('/visit/:id', async (request, reply) => {
    const { id } = request.params
    const result = await handlers.get(id)?.(request.session, request, reply)
    results.set(id, result)
    return result === reply || reply.sent ? reply : { done: true }
  })
  app.setNotFoundHandler((_request, reply) => reply.code(404).send({ missing: true }))

  let visits = 0
  const run: Run = async (handler, request) => {
    const id = String(visits++)
    handlers.set(id, handler)
    const response = await app.inject({ url: `/visit/${id}`, ...request })
    return { response, value: results.get(id) }
  }
  return { app, log, browser: () => new Browser(app, run) }
}

type Run = (handler: Handler<unknown>, request: InjectOptions) => Promise<{ response: LightMyRequestResponse, value: unknown }>

/** Keeps cookies from one request to the next, as a browser does. */
export class Browser {
  /** By their names. */
  readonly jar = new Map<string, string>()
  readonly #app: FastifyInstance
  readonly #run: Run

  constructor (app: FastifyInstance, run: Run) {
    this.#app = app
    this.#run = run
  }

  /** The token of the session. */
  get token (): string {
    return this.jar.get('session') ?? ''
  }

  /** Has a handler run in a request. */
  async visit<T> (handler: Handler<T>, request: InjectOptions = {}): Promise<Answer<Awaited<T>>> {
    const { response, value } = await this.#run(handler, this.#withCookies(request))
    return { response, value: value as Awaited<T>, cookies: this.#keepCookies(response) }
  }

  /** Asks for a page of the application's own. */
  async get (url: string, request: InjectOptions = {}): Promise<Answer<undefined>> {
    const response = await this.#app.inject({ url, ...this.#withCookies(request) })
    return { response, value: undefined, cookies: this.#keepCookies(response) }
  }

  /** A browser that has the same cookies. */
  copy (): Browser {
    const other = new Browser(this.#app, this.#run)
    for (const [name, value] of this.jar) other.jar.set(name, value)
    return other
  }

  #withCookies (request: InjectOptions): InjectOptions {
    const cookie = [...this.jar].map(([name, value]) => `${name}=${value}`).join('; ')
    return { ...request, headers: { ...(cookie !== '' && { cookie }), ...request.headers } }
  }

  #keepCookies (response: LightMyRequestResponse): string[] {
    const header = response.headers['set-cookie'] ?? []
    const cookies = Array.isArray(header) ? header : [header]
    for (const cookie of cookies) {
      const [, name = '', value = ''] = /^([^=]+)=([^;]*)/.exec(cookie) ?? []
      if (/; Max-Age=0(;|$)/.test(cookie)) this.jar.delete(name)
      else this.jar.set(name, value)
    }
    return cookies
  }
}
