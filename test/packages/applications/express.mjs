/* Express's middleware in @fastify/express: Express's passport, connect-flash and csurf. */
import assert from 'node:assert/strict'
import express from '@fastify/express'
import formbody from '@fastify/formbody'
import flash from 'connect-flash'
import csurf from 'csurf'
import sessions from 'fastify-sql-sessions'
import passportModule from 'passport'
import LocalStrategy from 'passport-local'
import { Browser, check, end, listen, makeApplication } from './site.mjs'

const { Passport } = passportModule
const { app, log } = makeApplication()
await app.register(sessions, { properties: true })
await app.register(formbody)
await app.register(express)
app.use(flash())
const passport = new Passport()
passport.use(new LocalStrategy((name, password, done) => done(null, password === 'right' ? { id: name } : false, { message: 'Wrong password' })))
passport.serializeUser((user, done) => done(null, user.id))
passport.deserializeUser((id, done) => done(null, { id }))
app.use(passport.initialize())
app.use(passport.session())

/** Runs one of passport's or csurf's functions in a route, where the body has been read. */
const middleware = run => (request, reply, done) => {
  request.raw.body = request.body
  run(request.raw, reply.raw, done)
}
app.get('/me', async request => ({ user: request.raw.user?.id ?? null, messages: request.raw.flash() }))
app.post('/login', { preHandler: middleware((request, response, done) => passport.authenticate('local', { successRedirect: '/me', failureRedirect: '/me', failureFlash: true })(request, response, done)) }, async () => {})
app.post('/login-and-keep', { preHandler: middleware((request, response, done) => passport.authenticate('local', { keepSessionInfo: true })(request, response, done)) }, async () => ({}))
app.post('/put', async request => { request.session.basket = ['tea']; return {} })
app.get('/basket', async request => ({ basket: request.session.basket ?? null }))
app.post('/logout', { preHandler: middleware((request, _response, done) => request.logout(done)) }, async () => ({}))
app.get('/form', { preHandler: middleware(csurf()) }, async request => ({ token: request.raw.csrfToken() }))
app.post('/buy', { preHandler: middleware(csurf()) }, async () => ({ bought: true }))
app.get('/answer', { onRequest: middleware((request, response) => { request.session.seen = 1; request.session.save(error => { response.end(String(error)) }) }) }, async () => {})
const base = await listen(app)

await check('Express\'s passport signs in, is read in the next request, and signs out', async () => {
  const browser = new Browser(base)
  await browser.post('/put')
  const before = browser.cookie
  assert.equal((await browser.post('/login', { form: { username: 'ada', password: 'right' } })).json.user, 'ada')
  assert.notEqual(browser.cookie, before, 'the token is renewed')
  assert.deepEqual((await browser.get('/basket')).json, { basket: null })
  await browser.post('/logout')
  assert.equal((await browser.get('/me')).json.user, null)
})

await check('Express\'s passport keeps the session\'s values where it is told to', async () => {
  const browser = new Browser(base)
  await browser.post('/put')
  await browser.post('/login-and-keep', { form: { username: 'ada', password: 'right' } })
  assert.equal((await browser.get('/me')).json.user, 'ada')
  assert.deepEqual((await browser.get('/basket')).json, { basket: ['tea'] })
})

await check('connect-flash shows a message once', async () => {
  const browser = new Browser(base)
  const { json } = await browser.post('/login', { form: { username: 'ada', password: 'wrong' } })
  assert.deepEqual(json, { user: null, messages: { error: ['Wrong password'] } })
  assert.deepEqual((await browser.get('/me')).json.messages, {})
})

await check('csurf keeps its secret in the session', async () => {
  const [browser, stranger] = [new Browser(base), new Browser(base)]
  const { token } = (await browser.get('/form')).json
  await stranger.get('/form')
  assert.equal((await browser.post('/buy', { form: { _csrf: token } })).status, 200)
  assert.equal((await browser.post('/buy', { form: {} })).status, 403)
  assert.equal((await stranger.post('/buy', { form: { _csrf: token } })).status, 403)
})

await check('middleware that answers by itself saves first', async () => {
  const browser = new Browser(base)
  log.length = 0
  assert.equal((await browser.get('/answer')).text, 'null')
  assert.notEqual(browser.cookie, '')
  assert.deepEqual(log, [])
})
await end()
