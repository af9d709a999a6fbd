/*
 * A process of its own with an application that sends itself requests: all of them load the session before the first one
 * changes it. The parent says what (see `Order`), gets 'loaded' when all requests have loaded the session, and says 'go'.
 * A request that is answered before that ends the process with an error.
 */
import { once } from 'node:events'
import Fastify from 'fastify'
import sessions, { type SessionOptions } from '../../plugin/index.js'
import { Barrier, latch } from './barrier.js'

export interface Order {
  /** Where the sessions are kept: options that can be sent to another process. */
  readonly options: SessionOptions
  readonly token: string
  readonly requests: number
  /** Each request puts a key of its own, or all of them count in one key. */
  readonly deed: 'put' | 'count'
  /** The first request's number. */
  readonly first: number
}

const [order] = await once(process, 'message') as [Order]
// A busy machine may need long to start it.
const app = Fastify({ pluginTimeout: 0 })
await app.register(sessions, order.options)
const loaded = new Barrier(order.requests)
const go = latch()
app.get<{ Params: { n: string } }>('/:n', async ({ session, params: { n } }) => {
  session.keys()
  void loaded.arrive()
  await go.opened
  if (order.deed === 'put') session.put(`key${n}`, Number(n))
  else session.update('n', value => Number(value ?? 0) + 1)
  return n
})

const visits = Array.from({ length: order.requests }, async (_, i) => await app.inject({ url: `/${order.first + i}`, headers: { cookie: `session=${order.token}` } }))
const refused = Promise.race(visits).then(({ statusCode, body }) => { throw new Error(`A request was answered too early: ${statusCode} ${body}`) })
await Promise.race([loaded.full, refused])
refused.catch(() => {})

process.send?.('loaded')
await once(process, 'message')
go.open()
process.send?.((await Promise.all(visits)).map(({ statusCode }) => statusCode))
await app.close()
process.disconnect()
