import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import { announce } from './listen.js'

/** How one application reads and writes the session of a request. */
export interface Access {
  get (request: FastifyRequest, key: string): unknown
  set (request: FastifyRequest, reply: FastifyReply, key: string, value: string | number): void
}

interface Params { id: string, value: string, bytes: string }

/** The routes that every application has, on Fastify. An answer that is not of the session asked for has status 500. */
export async function listen (app: FastifyInstance, { get, set }: Access): Promise<void> {
  function answer (request: FastifyRequest<{ Params: Params }>, reply: FastifyReply): object {
    const id = get(request, 'user')
    if (String(id) !== request.params.id) reply.code(500)
    return { id, value: get(request, 'value') }
  }
  app.get('/ping', () => 'pong')
  app.get<{ Params: Params }>('/read/:id', answer)
  app.post<{ Params: Params }>('/write/:id/:value', (request, reply) => {
    set(request, reply, 'value', Number(request.params.value))
    return answer(request, reply)
  })
  app.post<{ Params: Params }>('/login/:id/:bytes', (request, reply) => {
    const { id, bytes } = request.params
    set(request, reply, 'user', Number(id))
    set(request, reply, 'value', 0)
    set(request, reply, 'filler', filler(id, Number(bytes)))
    return answer(request, reply)
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  announce(app.server)
}

/** What fills a session up to `bytes`: 40 are the two numbers and the names of the keys. */
export function filler (id: string, bytes: number): string {
  const length = Math.max(0, bytes - 40)
  return `${id} is a session of the benchmark; `.repeat(Math.ceil(length / 30)).slice(0, length)
}
