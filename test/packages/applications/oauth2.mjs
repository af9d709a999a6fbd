/* passport-oauth2, and so the strategies of Google, GitHub and others, inside @fastify/passport. */
import assert from 'node:assert/strict'
import OAuth2Strategy from 'passport-oauth2'
import { Browser, check, end, listen, makePassportApplication, startProvider } from './site.mjs'

const provider = await startProvider()
const { app, passport } = await makePassportApplication()
const WAYS = { state: { state: true }, pkce: { state: true, pkce: true } }
for (const way of Object.keys(WAYS)) {
  app.get(`/${way}/login`, { preValidation: (request, reply) => passport.authenticate(way).call(app, request, reply) }, async () => {})
  app.get(`/${way}/callback`, { preValidation: (request, reply) => passport.authenticate(way, { successRedirect: '/me' }).call(app, request, reply) }, async () => {})
}
const base = await listen(app)
for (const [way, options] of Object.entries(WAYS)) {
  passport.use(way, new OAuth2Strategy({
    authorizationURL: `${provider.base}/authorize`,
    tokenURL: `${provider.base}/token`,
    clientID: 'client',
    clientSecret: 'secret',
    callbackURL: `${base}/${way}/callback`,
    ...options
  }, (accessToken, _refreshToken, _profile, done) => done(null, { id: accessToken.replace('access of ', '') })))

  await check(`passport-oauth2 with ${way} signs in, is read in the next request, and signs out`, async () => {
    const browser = new Browser(base)
    assert.equal((await browser.get(`/${way}/login`)).json.user, 'ada')
    assert.deepEqual((await browser.get('/me')).json, { user: 'ada', keys: ['passport'] })
    await browser.post('/logout')
    assert.equal((await browser.get('/me')).json.user, null)
  })

  await check(`passport-oauth2 with ${way} refuses the answer to somebody else's sign-in: login CSRF`, async () => {
    const attacker = new Browser(base)
    const begun = await fetch(`${base}/${way}/login`, { redirect: 'manual' })
    for (const line of begun.headers.getSetCookie()) attacker.keep(line)
    const answered = await fetch(begun.headers.get('location'), { redirect: 'manual' })
    const victim = new Browser(base)
    const { status } = await victim.get(answered.headers.get('location'))
    assert.notEqual(status, 200)
    assert.equal((await victim.get('/me')).json.user, null)
    assert.equal((await attacker.get(answered.headers.get('location'))).json.user, 'ada')
  })
}
await end()
