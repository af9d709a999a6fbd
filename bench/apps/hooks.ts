import { IncomingMessage, ServerResponse } from 'node:http'
import { Socket } from 'node:net'
import type { FastifyInstance, FastifyReply, FastifyRequest } from 'fastify'
import type * as Package from '../../plugin/index.js'
import { contentOf } from './content.js'

/*
 * Prints what the package's own hooks and the use of the session take, in microseconds per request and kind. There is no
 * Fastify and no HTTP: this module calls the hooks itself. The arguments are the module of the package and the number of
 * requests of each kind.
 */

type OnRequest = (request: FastifyRequest, reply: FastifyReply, done: (error?: Error) => void) => void
type OnSend = (request: FastifyRequest, reply: FastifyReply, payload: string, done: (error?: Error) => void) => Promise<unknown> | undefined
interface Hooks { readonly onRequest: OnRequest, readonly onSend: OnSend, readonly request: object }

/** Requests in a slice: it takes less than a millisecond, so that some slices are never interrupted. */
const SLICE = 50
const WARM_UP = 5000

let value = 0
const uses: Readonly<Record<string, (request: FastifyRequest) => void>> = {
  untouched: () => {},
  string: (request) => { request.session.get('name') },
  object: (request) => { request.session.get('profile') },
  put: (request) => { request.session.put('value', ++value) },
  counter: (request) => { request.session.update('value', (count) => Number(count) + 1) },
  anonymous: (request) => { request.session.get('user') },
  'sign-in': (request) => {
    request.session.renewToken()
    for (const [key, content] of Object.entries(contentOf('1', 300))) request.session.put(key, content as never)
  }
}

async function main ([entry = '', count = '']: readonly string[]): Promise<void> {
  const hooks = await hooksOf(await import(entry) as typeof Package)
  const { cookie } = await life(hooks, 'sign-in', undefined)
  const costs: Record<string, number> = {}
  for (const kind of Object.keys(uses)) {
    costs[kind] = await costOf(hooks, kind, kind === 'anonymous' || kind === 'sign-in' ? undefined : cookie, Math.ceil(Number(count) / SLICE))
  }
  process.stdout.write(`${JSON.stringify(costs)}\n`, () => process.exit())
}

/** What a request costs in the cheapest of so many slices: what interrupts a slice makes it dearer, never cheaper. */
async function costOf (hooks: Hooks, kind: string, cookie: string | undefined, slices: number): Promise<number> {
  for (let i = 0; i < WARM_UP; i++) await life(hooks, kind, cookie)
  let least = Infinity
  for (let slice = 0; slice < slices; slice++) {
    const before = performance.now()
    for (let i = 0; i < SLICE; i++) await life(hooks, kind, cookie)
    least = Math.min(least, performance.now() - before)
    // Timers have their turn.
    await new Promise((resolve) => setImmediate(resolve))
  }
  return least / SLICE * 1000
}

/** One request from its arrival to its end. */
async function life ({ onRequest, onSend, request: prototype }: Hooks, kind: string, cookie: string | undefined): Promise<{ cookie: string | undefined }> {
  const request = Object.create(prototype) as FastifyRequest & { headers: { cookie: string | undefined } }
  request.headers = { cookie }
  const reply = new Reply()
  // The parts of Fastify that the hooks use.
  const asReply = reply as unknown as FastifyReply
  await new Promise<void>((resolve, reject) => onRequest(request, asReply, (error) => error === undefined ? resolve() : reject(error)))
  uses[kind]?.(request)
  await onSend(request, asReply, '{}', () => {})
  reply.raw.emit('finish')
  return { cookie: reply.cookie }
}

async function hooksOf ({ default: sessions }: typeof Package): Promise<Hooks> {
  const hooks: Record<string, unknown> = {}
  const log = { warn: console.error, error: console.error }
  const request: object = { routeOptions: { config: {} }, raw: {}, protocol: 'http', log }
  const app = {
    log,
    initialConfig: {},
    hasRequestDecorator: () => false,
    hasDecorator: () => false,
    decorate: () => {},
    hasPlugin: () => true,
    addHook: (name: string, hook: unknown) => { hooks[name] = hook },
    decorateRequest: (name: string | symbol, decorator: PropertyDescriptor & { getter?: () => unknown } | null) => {
      if (typeof decorator?.getter === 'function') Object.defineProperty(request, name, { get: decorator.getter })
      else Object.defineProperty(request, name, { value: decorator, writable: true })
    },
    serializeCookie: (name: string, token: string) => `${name}=${token}`
  }
  await sessions(app as unknown as FastifyInstance, { store: 'memory', maxSessions: 10_000_000, cleanupInterval: 0 })
  await (hooks.onReady as () => Promise<void>)()
  return { onRequest: hooks.onRequest as OnRequest, onSend: hooks.onSend as OnSend, request }
}

const INCOMING = new IncomingMessage(new Socket())

/** The parts of a reply that the hooks use. */
class Reply {
  readonly raw = new ServerResponse(INCOMING)
  readonly sent = false
  readonly statusCode = 200
  readonly #headers: Record<string, unknown> = {}

  /** The cookie that the browser sends back. */
  get cookie (): string | undefined {
    const cookies = this.raw.getHeader('set-cookie') ?? this.#headers['set-cookie']
    return cookies === undefined ? undefined : String(cookies).split(';', 1)[0]
  }

  getHeader (name: string): unknown { return this.#headers[name] }
  hasHeader (name: string): boolean { return name in this.#headers }
  removeHeader (name: string): void { this.#headers[name] = undefined }
  header (name: string, value: unknown): void { this.#headers[name] = value }
}

await main(process.argv.slice(2))
