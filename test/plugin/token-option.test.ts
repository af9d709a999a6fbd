/* A session whose token comes from elsewhere than a cookie: the option `token`. */
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import t, { type Test } from 'tap'
import sessions, { type SessionOptions } from '../../plugin/index.js'
import { Log } from '../support/log.js'

const BEARER: NonNullable<SessionOptions['token']> = request => /^Bearer (.+)$/.exec(request.headers.authorization ?? '')?.[1]

/** An application whose clients send their token in a header. */
async function startBearerSite (t: Test, options: SessionOptions = {}, prepare: (app: FastifyInstance) => unknown = () => {}) {
  const log = new Log()
  const app = Fastify({ logger: { level: 'warn', stream: log } })
  t.teardown(async () => { await app.close() })
  await app.register(sessions, { token: BEARER, ...options })
  await prepare(app)
  app.post('/sign-in', async ({ session }) => {
    session.renewToken()
    session.put('user', 'ada')
    await session.commit()
    return { token: session.token }
  })
  app.get('/me', async ({ session }) => ({ user: session.get('user') ?? null }))
  app.post('/sign-out', async ({ session }) => { await session.destroy(); return { done: true } })
  const ask = async (method: 'GET' | 'POST', url: string, token?: string, headers: Record<string, string> = {}) =>
    await app.inject({ method, url, headers: { ...token !== undefined && { authorization: `Bearer ${token}` }, ...headers } })
  const signIn = async (token?: string): Promise<string> => (await ask('POST', '/sign-in', token)).json<{ token: string }>().token
  return { app, log, ask, signIn }
}

t.test('a client signs in, uses its session, renews it and signs out with a header, and no cookie is read or set', async t => {
  const { app, log, ask, signIn } = await startBearerSite(t)
  t.notOk(app.hasPlugin('@fastify/cookie'), '@fastify/cookie is not needed')
  const answers = [await ask('POST', '/sign-in')]
  const { token } = (answers[0] as (typeof answers)[0]).json<{ token: string }>()
  t.match(token, /^[\w-]{43}$/)
  answers.push(await ask('GET', '/me', token), await ask('GET', '/me'))
  t.strictSame(answers.slice(1).map(answer => answer.json<unknown>()), [{ user: 'ada' }, { user: null }])
  const renewed = await signIn(token)
  t.not(renewed, token)
  t.strictSame((await ask('GET', '/me', token)).json(), { user: null })
  answers.push(await ask('POST', '/sign-out', renewed))
  t.strictSame((await ask('GET', '/me', renewed)).json(), { user: null })
  for (const { headers } of answers) {
    t.notOk('set-cookie' in headers)
    t.notOk('vary' in headers)
  }
  t.strictSame((await app.inject({ url: '/me', headers: { cookie: `session=${await signIn()}` } })).json(), { user: null }, 'a cookie is not looked at')
  t.strictSame(log.complaints, [])
})

t.test('what is no token counts as none, and costs no query', async t => {
  const { app, ask } = await startBearerSite(t)
  for (const token of ['', 'x', 'a'.repeat(42), 'a'.repeat(44), `${'a'.repeat(42)}=`, ' '.repeat(43)]) {
    t.strictSame((await ask('GET', '/me', token)).json(), { user: null })
  }
  t.equal(app.sessions.stats().loads, 0)
})

for (const [value, shown] of [[null, 'null'], [7, '7'], [['a'], 'an array'], [Promise.resolve('a'), 'a promise. Await it first'], [{ token: 'a' }, 'another object']] as const) {
  t.test(`a function that returns ${shown} fails the request with an error that names the option`, async t => {
    const { ask } = await startBearerSite(t, { token: (() => value) as never })
    const answer = await ask('GET', '/me')
    t.equal(answer.statusCode, 500)
    t.match(answer.json(), { code: 'FST_SESSION_INVALID_OPTION', message: `token must return a string, or undefined for a request without a token, not ${shown} (request.session)` })
  })
}

t.test('what the function throws fails the request, with the status that it says, and the error handler gets it', async t => {
  const told: unknown[] = []
  const { ask } = await startBearerSite(t, {
    token: request => {
      if (request.headers['x-fault'] === 'status') throw Object.assign(new Error('Which tenant?'), { statusCode: 400 })
      if (request.headers['x-fault'] === 'text') throw 'just text' // eslint-disable-line no-throw-literal
      return BEARER(request)
    }
  }, app => {
    app.setErrorHandler<Error>((error, request: FastifyRequest, reply) => {
      told.push(error.message)
      t.throws(() => request.session, { message: error.message }, 'the session was not loaded')
      return reply.send(error)
    })
  })
  t.match(await ask('GET', '/me', undefined, { 'x-fault': 'status' }), { statusCode: 400, body: /Which tenant/ })
  t.match(await ask('GET', '/me', undefined, { 'x-fault': 'text' }), { statusCode: 500 })
  t.strictSame(told, ['Which tenant?', 'The function of the option token has thrown something that is no Error'])
})

t.test('a new token that the application does not read is warned about', async t => {
  const { app, log, ask } = await startBearerSite(t, {}, app => {
    app.post('/forgets', async ({ session }) => { session.put('user', 'bob'); return { done: true } })
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  t.equal((await ask('POST', '/forgets')).statusCode, 200)
  while (log.complaints.length === 0) await new Promise(resolve => setImmediate(resolve))
  t.match(log.complaints, [/^A session has a new token, and the application has not read it.*send session\.token with the reply$/])
})

t.test('one registration for browsers and one for applications live side by side, and neither opens a session of the other', async t => {
  const { app, ask, signIn } = await startBearerSite(t, { name: 'mobile' }, async app => {
    await app.register(sessions, { cookie: { name: 'mobile' } })
    app.addHook('onRequest', async request => { if (request.headers.authorization !== undefined || request.method === 'POST') Object.defineProperty(request, 'session', { value: (request as unknown as { mobile: unknown }).mobile }) })
  })
  const token = await signIn()
  t.strictSame((await ask('GET', '/me', token)).json(), { user: 'ada' })
  t.strictSame((await app.inject({ url: '/me', headers: { cookie: `mobile=${token}` } })).json(), { user: null })
})
