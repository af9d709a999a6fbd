/* grant's handler for Fastify. */
import assert from 'node:assert/strict'
import sessions from 'fastify-sql-sessions'
import grant from 'grant'
import { Browser, check, end, freePort, listen, makeApplication, startProvider } from './site.mjs'

const provider = await startProvider()
const { app } = makeApplication()
await app.register(sessions, { properties: true })
const port = await freePort()
await app.register(grant.fastify()({
  defaults: { origin: `http://127.0.0.1:${port}`, transport: 'session', state: true, pkce: true, callback: '/done' },
  fake: { authorize_url: `${provider.base}/authorize`, access_url: `${provider.base}/token`, oauth: 2, key: 'client', secret: 'secret' }
}))
app.get('/done', async request => {
  const { access_token: token, error } = request.session.grant.response
  if (error !== undefined) return { error }
  await request.session.regenerate()
  request.session.user = token.replace('access of ', '')
  return { user: request.session.user }
})
app.get('/me', async request => ({ user: request.session.user ?? null }))
app.post('/logout', async request => { await request.session.destroy(); return {} })
const base = await listen(app, port)

await check('grant with state and PKCE signs in, is read in the next request, and signs out', async () => {
  const browser = new Browser(base)
  assert.deepEqual((await browser.get('/connect/fake')).json, { user: 'ada' })
  assert.deepEqual((await browser.get('/me')).json, { user: 'ada' })
  await browser.post('/logout')
  assert.deepEqual((await browser.get('/me')).json, { user: null })
})
await end()
