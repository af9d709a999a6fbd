import { once } from 'node:events'
import type { AddressInfo } from 'node:net'
import cookie from '@fastify/cookie'
import csrf from '@fastify/csrf-protection'
import flash from '@fastify/flash'
import formbody from '@fastify/formbody'
import passportModule from '@fastify/passport'
import websocket from '@fastify/websocket'
import Fastify, { type FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import sessions, { type SessionOptions } from '../../plugin/index.js'
import { makeDatabase } from '../support/database.js'
import { Visitor } from '../support/visitor.js'

const { Authenticator, Strategy } = passportModule

/** Where a test's sessions are kept. */
type Keep = (t: Test) => Promise<SessionOptions>

const stores: ReadonlyArray<readonly [string, Keep]> = [
  ['memory', async () => ({ store: 'memory' })],
  ['MySQL', async t => ({ store: 'mysql', mysql: (await makeDatabase(t)).url, createTable: true })]
]

for (const [name, keep] of stores) {
  t.test(`on ${name}`, async t => {
    t.test('@fastify/passport signs in, knows the user in the next request, and signs out', async t => {
      const visitor = new Visitor(await passportApp(t, await keep(t)))
      t.equal((await visitor.get('/me')).json().user, null)
      t.equal((await visitor.post('/login', { user: 'ada' })).statusCode, 200)
      t.equal((await visitor.get('/me')).json().user, 'ada')
      await visitor.post('/logout')
      t.equal((await visitor.get('/me')).json().user, null)
    })

    t.test('a token that was there before the sign-in by @fastify/passport is not signed in', async t => {
      const app = await passportApp(t, await keep(t))
      const victim = new Visitor(app)
      await victim.post('/put', { basket: 'apple' })
      const attacker = new Visitor(app)
      attacker.cookies.set('session', victim.cookies.get('session') as string)

      await victim.post('/login', { user: 'ada' })
      t.not(victim.cookies.get('session'), attacker.cookies.get('session'))
      t.equal((await attacker.get('/me')).json().user, null)
      t.equal((await victim.get('/me')).json().user, 'ada')
    })

    t.test('a token that was signed in is worth nothing after @fastify/passport has signed it out', async t => {
      const app = await passportApp(t, await keep(t))
      const visitor = new Visitor(app)
      await visitor.post('/login', { user: 'ada' })
      const thief = new Visitor(app)
      thief.cookies.set('session', visitor.cookies.get('session') as string)
      await visitor.post('/logout')
      t.equal((await thief.get('/me')).json().user, null)
    })

    t.test('clearSessionOnLogin, the default, takes what was in the session before, but for the fields to keep', async t => {
      const visitor = new Visitor(await passportApp(t, await keep(t), { clearSessionIgnoreFields: ['language'] }))
      await visitor.post('/put', { basket: 'apple', language: 'en' })
      await visitor.post('/login', { user: 'ada' })
      t.same((await visitor.get('/me')).json(), { user: 'ada', data: { language: 'en', passport: 'ada' } })
    })

    t.test('clearSessionOnLogin: false keeps it all, under a new token', async t => {
      const visitor = new Visitor(await passportApp(t, await keep(t), { clearSessionOnLogin: false }))
      await visitor.post('/put', { basket: 'apple' })
      const before = visitor.cookies.get('session')
      await visitor.post('/login', { user: 'ada' })
      t.not(visitor.cookies.get('session'), before)
      t.same((await visitor.get('/me')).json().data, { basket: 'apple', passport: 'ada' })
      await visitor.post('/logout')
      t.same((await visitor.get('/me')).json(), { user: null, data: { basket: 'apple' } })
    })

    t.test('keepSessionInfo keeps it all too', async t => {
      const visitor = new Visitor(await passportApp(t, await keep(t)))
      await visitor.post('/put', { basket: 'apple', get: 'a key named like a method' })
      const before = visitor.cookies.get('session')
      await visitor.post('/login-and-keep', { user: 'ada' })
      t.not(visitor.cookies.get('session'), before)
      t.same((await visitor.get('/me')).json().data, { basket: 'apple', get: 'a key named like a method', passport: 'ada' })
    })

    t.test('@fastify/flash shows a message once, to this visitor alone', async t => {
      const app = await start(t)
      await app.register(sessions, await keep(t))
      await app.register(flash)
      app.post('/save', async request => ({ count: request.flash('info', 'Saved %s', 'it') }))
      app.get('/', async (_request, reply) => ({ info: reply.flash('info'), all: reply.flash() }))

      const visitor = new Visitor(app)
      t.equal((await visitor.post('/save')).json().count, 1)
      t.equal((await visitor.post('/save')).json().count, 2)
      t.same((await new Visitor(app).get('/')).json(), { info: [], all: {} })
      t.same((await visitor.get('/')).json(), { info: ['Saved it', 'Saved it'], all: {} })
      t.same((await visitor.get('/')).json(), { info: [], all: {} })
    })

    t.test('@fastify/csrf-protection keeps its secret in the session, and lets through only who has the form', async t => {
      const app = await start(t)
      await app.register(sessions, await keep(t))
      await app.register(csrf, { sessionPlugin: '@fastify/secure-session' })
      app.get('/form', async (_request, reply) => ({ token: reply.generateCsrf() }))
      app.post('/buy', { preHandler: app.csrfProtection }, async () => ({}))
      const [visitor, stranger] = [new Visitor(app), new Visitor(app)]
      const { token } = (await visitor.get('/form')).json<{ token: string }>()
      await stranger.get('/form')
      t.equal((await visitor.post('/buy', { _csrf: token })).statusCode, 200)
      t.equal((await visitor.post('/buy')).statusCode, 403)
      t.equal((await stranger.post('/buy', { _csrf: token })).statusCode, 403)
    })

    t.test('the handler of @fastify/websocket reads the session, and commit() saves what it puts', async t => {
      const { app, visitor } = await websocketApp(t, await keep(t))
      await visitor.post('/put', { name: 'Ada' })
      t.same(await say(t, app, visitor.cookieHeader, ['hello', 'hello again']), ['Ada: hello', 'Ada: hello again'])
      t.same((await visitor.get('/data')).json(), { name: 'Ada', said: 2 })
    })

    t.test('a session that begins in a websocket, where no cookie can be set, is refused and says why', async t => {
      const { app } = await websocketApp(t, await keep(t))
      t.same(await say(t, app, '', ['hello']), ['FST_SESSION_HEADERS_SENT'])
    })

    t.test('@fastify/cookie registered by the application first, with options of its own, sets its cookies beside ours', async t => {
      const app = await start(t)
      await app.register(cookie, {
        secret: 'a secret of the application',
        parseOptions: { path: '/elsewhere', domain: 'example.com', sameSite: 'strict', signed: true, httpOnly: false, maxAge: 5 }
      })
      await app.register(sessions, await keep(t))
      app.get('/', async (request, reply) => {
        reply.setCookie('theme', 'dark', { path: '/' })
        return { n: request.session.update('n', n => Number(n ?? 0) + 1), theme: request.cookies['theme'] }
      })
      const visitor = new Visitor(app)
      const first = await visitor.get('/')
      const [ours, ...more] = first.cookies.filter(({ name }) => name === 'session')
      t.same(more, [])
      t.match(ours, { value: /^[\w-]{43}$/, path: '/', httpOnly: true, sameSite: 'Lax', maxAge: 86400, domain: undefined })
      t.match(first.cookies.find(({ name }) => name === 'theme')?.value, /^dark\./, 'its own is signed')
      t.equal((await visitor.get('/')).json().n, 2)
    })

    t.test('an application that has not registered @fastify/cookie can set cookies all the same, before and after', async t => {
      const app = await start(t)
      app.addHook('onRequest', async (_request, reply) => { reply.setCookie('early', '1') })
      await app.register(sessions, await keep(t))
      app.get('/', async (request, reply) => {
        request.session.put('name', 'Ada')
        reply.setCookie('late', '2')
        reply.header('set-cookie', 'by-hand=3')
        return {}
      })
      const response = await app.inject('/')
      t.same(response.cookies.map(({ name }) => name).sort(), ['by-hand', 'early', 'late', 'session'])
    })
  })
}

t.test('beside @fastify/passport the session is what it is elsewhere, and lists its keys', async t => {
  const app = await passportApp(t, { store: 'memory' })
  app.get('/look', async ({ session }) => {
    session.put('status', 'a key named like a property')
    session.put('fruit', ['apple'])
    return { keys: Object.keys(session), own: [Object.hasOwn(session, 'fruit'), Object.hasOwn(session, 'nothing'), Object.hasOwn(session, '')], status: session.status }
  })
  app.get('/same', async (request) => {
    const { session } = request
    return { same: session === request.session }
  })
  t.same((await app.inject('/look')).json(), { keys: ['fruit', 'status'], own: [true, false, false], status: 'modified' })
  t.same((await app.inject('/same')).json(), { same: true })
})

t.test('@fastify/cookie with its hook off leaves the session its cookie', async t => {
  const app = await start(t)
  await app.register(cookie, { hook: false })
  await app.register(sessions)
  app.get('/', async request => ({ n: request.session.update('n', n => Number(n ?? 0) + 1) }))
  const visitor = new Visitor(app)
  await visitor.get('/')
  t.equal((await visitor.get('/')).json().n, 2)
})

t.test('@fastify/flash registered before the sessions says what it misses', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  app.register(flash)
  app.register(sessions)
  await t.rejects(async () => { await app.ready() }, /session/)
})

async function start (t: Test): Promise<FastifyInstance> {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(formbody)
  return app
}

/** Knows everybody by the name that the form brings. */
class AnybodyStrategy extends Strategy {
  constructor () {
    super('anybody')
  }

  override authenticate (request: { body: unknown }): void {
    const { user } = request.body as { user?: string }
    if (user === undefined) this.fail()
    else this.success({ name: user })
  }
}

async function passportApp (t: Test, options: SessionOptions, manager: { clearSessionOnLogin?: boolean, clearSessionIgnoreFields?: string[] } = {}): Promise<FastifyInstance> {
  const app = await start(t)
  const passport = new Authenticator(manager)
  passport.use(new AnybodyStrategy())
  passport.registerUserSerializer(async (user: { name: string }) => user.name)
  passport.registerUserDeserializer(async (name: string) => ({ name }))
  await app.register(sessions, options)
  await app.register(passport.initialize())
  await app.register(passport.secureSession())

  app.post('/login', { preValidation: passport.authenticate('anybody') }, async () => ({}))
  app.post('/login-and-keep', { preValidation: passport.authenticate('anybody', { keepSessionInfo: true }) }, async () => ({}))
  app.post('/logout', async request => { await request.logOut(); return {} })
  app.post('/put', async request => {
    for (const [key, value] of Object.entries(request.body as object)) request.session.put(key, value)
    return {}
  })
  app.get('/me', async request => {
    const user = request.user as { name: string } | null
    return { user: user?.name ?? null, data: request.session.data() }
  })
  return app
}

async function websocketApp (t: Test, options: SessionOptions): Promise<{ app: FastifyInstance, visitor: Visitor }> {
  const app = await start(t)
  await app.register(websocket)
  await app.register(sessions, options)
  app.post('/put', async request => { request.session.put('name', (request.body as { name: string }).name); return {} })
  app.get('/data', async request => request.session.data())
  app.get('/talk', { websocket: true }, (socket, request) => {
    socket.on('message', message => {
      const answer = async () => {
        request.session.update('said', said => Number(said ?? 0) + 1)
        await request.session.commit()
        socket.send(`${String(request.session.get('name'))}: ${String(message)}`)
      }
      answer().catch((error: { code?: string }) => socket.send(String(error.code)))
    })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  return { app, visitor: new Visitor(app) }
}

/** Says these things one after the other, and gives the answers. */
async function say (t: Test, app: FastifyInstance, cookie: string, messages: readonly string[]): Promise<string[]> {
  const { port } = app.server.address() as AddressInfo
  const socket = new WebSocket(`ws://127.0.0.1:${port}/talk`, cookie === '' ? {} : { headers: { cookie } })
  t.teardown(() => socket.terminate())
  await once(socket, 'open')
  const answers: string[] = []
  for (const message of messages) {
    socket.send(message)
    answers.push(String((await once(socket, 'message') as [Buffer])[0]))
  }
  socket.close()
  return answers
}
