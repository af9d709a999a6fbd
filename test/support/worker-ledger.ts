/*
 * A process of its own with an application that has the routes of a ledger. The parent sends the options of the sessions, and
 * gets the port that it listens on.
 */
import { once } from 'node:events'
import Fastify from 'fastify'
import type { AddressInfo } from 'node:net'
import { addLedgerRoutes } from './ledger.js'
import sessions, { type SessionOptions } from '../../plugin/index.js'

const [options] = await once(process, 'message') as [SessionOptions]
const app = Fastify({ pluginTimeout: 0 })
await app.register(sessions, options)
addLedgerRoutes(app)
await app.listen({ port: 0, host: '127.0.0.1' })
process.send?.((app.server.address() as AddressInfo).port)
