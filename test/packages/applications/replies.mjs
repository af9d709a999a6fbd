/* Replies that do not go the usual way: @fastify/sse, @fastify/static with maxAge. And @fastify/csrf-protection with userInfo. */
import assert from 'node:assert/strict'
import csrf from '@fastify/csrf-protection'
import sse from '@fastify/sse'
import fastifyStatic from '@fastify/static'
import sessions from 'fastify-sql-sessions'
import { Browser, check, end, listen, makeApplication } from './site.mjs'

const { app, log } = makeApplication()
await app.register(sessions)
await app.register(sse)
await app.register(fastifyStatic, { root: import.meta.dirname, maxAge: '1d' })
await app.register(csrf, { sessionPlugin: '@fastify/secure-session', getUserInfo: request => request.session.get('user') ?? '' })
app.get('/events', { sse: true }, async (request, reply) => {
  request.session.renewToken()
  request.session.put('user', 'ada')
  await request.session.commit()
  await reply.sse.send({ data: 'signed in' })
})
app.get('/page', async (request, reply) => {
  request.session.put('user', 'ada')
  return reply.sendFile('site.mjs')
})
app.get('/form', async (request, reply) => {
  request.session.put('user', 'ada')
  return { token: reply.generateCsrf({ userInfo: 'ada' }) }
})
app.get('/me', async request => ({ user: request.session.get('user') ?? null }))
app.post('/buy', { preHandler: app.csrfProtection }, async () => ({}))
app.post('/logout', async request => { await request.session.destroy(); return {} })
const base = await listen(app)

for (const [name, path, headers] of [['@fastify/sse', '/events', { accept: 'text/event-stream' }], ['@fastify/static with maxAge', '/page', {}]]) {
  await check(`${name}: a session that begins there is read in the next request, and signs out`, async () => {
    const browser = new Browser(base)
    const { headers: sent } = await browser.get(path, { headers })
    assert.equal(sent.getSetCookie().length, 1)
    assert.match(sent.get('cache-control'), /private|no-store/)
    assert.deepEqual((await browser.get('/me')).json, { user: 'ada' })
    await browser.post('/logout')
    assert.deepEqual((await browser.get('/me')).json, { user: null })
  })
}

await check('@fastify/static: a file without a new session may be kept by every cache', async () => {
  assert.equal((await new Browser(base).get('/site.mjs')).headers.get('cache-control'), 'public, max-age=86400')
})

await check('@fastify/csrf-protection with userInfo', async () => {
  const browser = new Browser(base)
  const { token } = (await browser.get('/form')).json
  assert.equal((await browser.post('/buy', { headers: { 'csrf-token': token } })).status, 200)
  assert.equal((await browser.post('/buy')).status, 403)
  await browser.post('/logout')
  assert.equal((await browser.post('/buy', { headers: { 'csrf-token': token } })).status, 403)
})

await check('nothing but the shared cache was warned about', async () => {
  assert.deepEqual(log.map(({ msg }) => msg).filter(message => !/csrf|shared cache/i.test(message)), [])
})
await end()
