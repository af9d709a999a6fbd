/* The strategy of openid-client inside @fastify/passport. */
import assert from 'node:assert/strict'
import * as client from 'openid-client'
import { Strategy } from 'openid-client/passport'
import { Browser, check, end, listen, makePassportApplication, startProvider } from './site.mjs'

const provider = await startProvider()
const { app, passport } = await makePassportApplication()
app.get('/login', { preValidation: (request, reply) => passport.authenticate('openid').call(app, request, reply) }, async () => {})
app.get('/callback', { preValidation: (request, reply) => passport.authenticate('openid', { successRedirect: '/me' }).call(app, request, reply) }, async () => {})
const base = await listen(app)

for (const supportsPkce of [true, false]) {
  const config = new client.Configuration({
    issuer: provider.base,
    authorization_endpoint: `${provider.base}/authorize`,
    token_endpoint: `${provider.base}/token`,
    code_challenge_methods_supported: supportsPkce ? ['S256'] : []
  }, 'client', 'secret')
  client.allowInsecureRequests(config)
  passport.use('openid', new Strategy({ config, callbackURL: `${base}/callback`, scope: 'profile' }, (tokens, done) => done(null, { id: tokens.access_token.replace('access of ', '') })))

  await check(`openid-client with PKCE${supportsPkce ? '' : ' and state'} signs in, is read in the next request, and signs out`, async () => {
    const browser = new Browser(base)
    assert.equal((await browser.get('/login')).json.user, 'ada')
    assert.deepEqual((await browser.get('/me')).json, { user: 'ada', keys: ['passport'] })
    await browser.post('/logout')
    assert.equal((await browser.get('/me')).json.user, null)
  })
}
await end()
