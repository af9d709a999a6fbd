import type { FastifyInstance, FastifyRequest } from 'fastify'
import { done, showError, type Live } from './reply.js'
import { deviceOf } from './user-agent.js'

/** A session of a user, as the page shows it. */
export interface Device {
  readonly id: string
  readonly isThisOne: boolean
  readonly name: string
  readonly address: string
  readonly began: Date
  /** To the minute: see `touchInterval`. */
  readonly lastUsed: Date
}

/** The sessions of the user of a request: this one first, then the newest. */
export async function devicesOf ({ server, session }: FastifyRequest): Promise<readonly Device[]> {
  const owner = session.get('name')
  if (owner === undefined) return []
  const devices: Device[] = []
  // A session from before there was the option `track` was tracked only later.
  for await (const { id, userAgent, address = '', began = new Date(0), lastUsed = began } of server.sessions.list({ owner })) {
    devices.push({ id, isThisOne: id === session.id, name: deviceOf(userAgent), address, began, lastUsed })
  }
  return devices.sort((a, b) => Number(b.isThisOne) - Number(a.isThisOne) || b.began.getTime() - a.began.getTime())
}

/** Ends sessions of a user who has signed in. */
export function addDevices (app: FastifyInstance): void {
  app.post<{ Body: { id?: unknown } | undefined, Querystring: Live }>('/devices/sign-out', async ({ session, body, query }, reply) => {
    const owner = session.get('name')
    const id = body?.id
    if (owner === undefined || typeof id !== 'string') return showError(reply, 400, 'There is no such device', 'Please choose one of your devices.')
    // destroy() also deletes the cookie. With the owner, nobody ends a session of somebody else.
    if (id === session.id) await session.destroy()
    else await app.sessions.destroy(id, { owner })
    return done(reply, query.live)
  })

  app.post<{ Querystring: Live }>('/devices/sign-out-others', async ({ session, query }, reply) => {
    const owner = session.get('name')
    if (owner !== undefined) await app.sessions.destroyAll({ owner, except: session.id })
    return done(reply, query.live)
  })
}

/** Whether the session of an id is alive: a page asks for its own, while it is looked at. That is no use of the session. */
export function addAlive (app: FastifyInstance): void {
  app.get<{ Querystring: { id?: unknown } }>('/alive', { config: { session: false } }, async ({ query: { id } }, reply) => {
    const isAlive = typeof id === 'string' && await app.sessions.find(id) !== undefined
    return reply.header('cache-control', 'no-store').code(isAlive ? 204 : 410).send()
  })
}
