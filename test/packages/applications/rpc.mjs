/* tRPC and mercurius: the session is that of the request in their contexts. */
import assert from 'node:assert/strict'
import { initTRPC, TRPCError } from '@trpc/server'
import { fastifyTRPCPlugin } from '@trpc/server/adapters/fastify'
import sessions from 'fastify-sql-sessions'
import mercurius from 'mercurius'
import { Browser, check, end, listen, makeApplication } from './site.mjs'

const { app, log } = makeApplication({ routerOptions: { maxParamLength: 5000 } })
await app.register(sessions)

const trpc = initTRPC.context().create()
const signedIn = trpc.procedure.use(({ ctx, next }) => {
  if (!ctx.session.exists('user')) throw new TRPCError({ code: 'UNAUTHORIZED' })
  return next()
})
const router = trpc.router({
  login: trpc.procedure.mutation(({ ctx }) => {
    ctx.session.renewToken()
    ctx.session.put('user', 'ada')
    return { ok: true }
  }),
  me: signedIn.query(({ ctx }) => ctx.session.get('user')),
  logout: trpc.procedure.mutation(async ({ ctx }) => { await ctx.session.destroy() })
})
await app.register(fastifyTRPCPlugin, { prefix: '/trpc', trpcOptions: { router, createContext: ({ req }) => ({ session: req.session }) } })

await app.register(mercurius, {
  schema: 'type Query { me: String } type Mutation { login: Boolean logout: Boolean }',
  resolvers: {
    Query: { me: (_root, _args, { reply }) => reply.request.session.get('user') ?? null },
    Mutation: {
      login: (_root, _args, { reply: { request: { session } } }) => {
        session.renewToken()
        session.put('user', 'ada')
        return true
      },
      logout: async (_root, _args, { reply }) => { await reply.request.session.destroy(); return true }
    }
  }
})
const base = await listen(app)

await check('tRPC signs in, reads in the next request, and signs out', async () => {
  const browser = new Browser(base)
  assert.equal((await browser.get('/trpc/me')).status, 401)
  assert.equal((await browser.post('/trpc/login', { json: {} })).status, 200)
  assert.equal((await browser.get('/trpc/me')).json.result.data, 'ada')
  await browser.post('/trpc/logout', { json: {} })
  assert.equal((await browser.get('/trpc/me')).status, 401)
})

await check('mercurius signs in, reads in the next request, and signs out', async () => {
  const browser = new Browser(base)
  const ask = async query => (await browser.post('/graphql', { json: { query } })).json.data
  assert.deepEqual(await ask('{ me }'), { me: null })
  assert.deepEqual(await ask('mutation { login }'), { login: true })
  assert.deepEqual(await ask('{ me }'), { me: 'ada' })
  assert.deepEqual(await ask('mutation { logout }'), { logout: true })
  assert.deepEqual(await ask('{ me }'), { me: null })
})

await check('nothing was warned about', async () => { assert.deepEqual(log, []) })
await end()
