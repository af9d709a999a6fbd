/* A process with an application, which sends itself the requests that its parent asks for. */
import Fastify from 'fastify'
import sessions, { type SessionOptions } from '../../plugin/index.js'

/** A request: a path, and the token in its cookie. */
export interface Request {
  readonly path: string
  readonly token?: string | undefined
}

export interface Reply {
  readonly status: number
  readonly body: string
  /** The token in its Set-Cookie header. */
  readonly token: string | undefined
}

const app = Fastify()
await app.register(sessions, JSON.parse(process.argv[2] ?? '') as SessionOptions)
app.get('/sign-in', async ({ session }) => { session.renewToken(); session.put('user', 'ada'); return 'in' })
app.get('/sign-out', async ({ session }) => { await session.destroy(); return 'out' })
app.get('/renew', async ({ session }) => { session.renewToken(); return 'renewed' })
app.get<{ Params: { key: string } }>('/put/:key', async ({ session, params: { key } }) => { session.put(key, key); return key })
app.get('/count', async ({ session }) => { session.update('n', n => Number(n ?? 0) + 1); return 'counted' })
app.get('/', async ({ session }) => session.data())
await app.ready()

process.on('message', (requests: readonly Request[] | 'close') => { void (requests === 'close' ? close() : send(requests)) })
process.send?.('ready')

async function send (requests: readonly Request[]): Promise<void> {
  const replies = await Promise.all(requests.map(async ({ path, token }): Promise<Reply> => {
    const { statusCode, body, cookies } = await app.inject({ url: path, headers: token === undefined ? {} : { cookie: `session=${token}` } })
    return { status: statusCode, body, token: cookies.find(({ name }) => name === 'session')?.value }
  }))
  process.send?.(replies)
}

async function close (): Promise<void> {
  await app.close()
  process.disconnect()
}
