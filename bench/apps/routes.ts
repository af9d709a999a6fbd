import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { contentOf, isProfileOf, nameOf } from './content.js'
import { measureInside } from './in-process.js'
import { announce } from './listen.js'
import { settings } from './settings.js'

/** How one application uses the session of a request. */
export interface Access {
  /** Gives the session to the routes that have one, where `app` does not give it to all of them. */
  register? (app: FastifyInstance): Promise<void>
  get (request: FastifyRequest, key: string): unknown
  set (request: FastifyRequest, reply: FastifyReply, key: string, value: unknown): void
  /** Adds one to the number under a key, and gives the new number. */
  increment (request: FastifyRequest, reply: FastifyReply, key: string): unknown
  /** A new token, as at every sign-in. */
  renew (request: FastifyRequest): Promise<void> | void
}

interface Params { id: string, value: string, bytes: string }
type Request = FastifyRequest<{ Params: Params }>

/** The routes that every application has, on Fastify. An answer that is not of the session asked for has status 500. */
export async function addRoutes (app: FastifyInstance, { register, get, set, increment, renew }: Access): Promise<void> {
  function answer (request: Request, reply: FastifyReply, isRight: boolean, value: unknown): object {
    if (!isRight) reply.code(500)
    return { id: Number(request.params.id), value }
  }
  app.get('/ping', () => 'pong')
  app.get<{ Params: Params }>('/opted-out/:id', { config: { session: false } }, (request, reply) => answer(request, reply, true, 0))

  await app.register(async (app) => {
    await register?.(app)
    const isOwn = (request: Request): boolean => get(request, 'user') === Number(request.params.id)
    app.get<{ Params: Params }>('/read/:id', (request, reply) => answer(request, reply, isOwn(request), get(request, 'value')))
    app.get<{ Params: Params }>('/untouched/:id', (request, reply) => answer(request, reply, true, 0))
    app.get<{ Params: Params }>('/string/:id', (request, reply) =>
      answer(request, reply, get(request, 'name') === nameOf(request.params.id), 0))
    app.get<{ Params: Params }>('/object/:id', (request, reply) =>
      answer(request, reply, isProfileOf(request.params.id, get(request, 'profile')), 0))
    app.get<{ Params: Params }>('/counter/:id', (request, reply) =>
      answer(request, reply, isOwn(request), get(request, 'counter') ?? 0))
    app.get<{ Params: Params }>('/anonymous', (request, reply) => answer(request, reply, get(request, 'user') === undefined, 0))
    app.post<{ Params: Params }>('/write/:id/:value', (request, reply) => {
      set(request, reply, 'value', Number(request.params.value))
      return answer(request, reply, isOwn(request), Number(request.params.value))
    })
    app.post<{ Params: Params }>('/counter/:id', (request, reply) => answer(request, reply, true, increment(request, reply, 'counter')))
    app.post<{ Params: Params }>('/login/:id/:bytes', async (request, reply) => {
      const { id, bytes } = request.params
      await renew(request)
      for (const [key, value] of Object.entries(contentOf(id, Number(bytes)))) set(request, reply, key, value)
      return answer(request, reply, true, 0)
    })
  })
}

/** Serves the routes on a free port; or, if the settings say so, measures them within this process. */
export async function serveRoutes (app: FastifyInstance, access: Access): Promise<void> {
  await addRoutes(app, access)
  if (settings.inProcess !== undefined) return await measureInside(app, settings.inProcess)
  await app.listen({ host: '127.0.0.1', port: 0 })
  announce(app.server)
}
