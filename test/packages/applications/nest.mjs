/* NestJS on Fastify, with @nestjs/passport and sessions. Decorators are called as functions, so that nothing is compiled. */
import 'reflect-metadata'
import assert from 'node:assert/strict'
import { Controller, Get, Module, Post, Req, UseGuards } from '@nestjs/common'
import { NestFactory } from '@nestjs/core'
import { AuthGuard, PassportModule, PassportSerializer, PassportStrategy } from '@nestjs/passport'
import { FastifyAdapter } from '@nestjs/platform-fastify'
import sessions from 'fastify-sql-sessions'
import LocalStrategy from 'passport-local'
import { Browser, check, end, onEnd } from './site.mjs'

class Local extends PassportStrategy(LocalStrategy) {
  validate (name, password) {
    return password === 'right' ? { id: name } : null
  }
}

class Serializer extends PassportSerializer {
  serializeUser (user, done) { done(null, user.id) }
  deserializeUser (id, done) { done(null, { id }) }
}

class SignIn extends AuthGuard('local') {
  async canActivate (context) {
    const isRight = await super.canActivate(context)
    await super.logIn(context.switchToHttp().getRequest())
    return isRight
  }
}

class SignedIn {
  canActivate (context) {
    const request = context.switchToHttp().getRequest()
    request.user = request.session.passport?.user && { id: request.session.passport.user }
    return request.user !== undefined
  }
}

class Users {
  login (request) { return { user: request.user.id } }
  me (request) { return { user: request.user.id } }
  async logout (request) {
    await new Promise((resolve, reject) => request.session.destroy(error => error === null ? resolve() : reject(error)))
    return {}
  }
}

function decorate (method, ...decorators) {
  Req()(Users.prototype, method, 0)
  for (const decorator of decorators) decorator(Users.prototype, method, Object.getOwnPropertyDescriptor(Users.prototype, method))
}

decorate('login', Post('login'), UseGuards(SignIn))
decorate('me', Get('me'), UseGuards(SignedIn))
decorate('logout', Post('logout'))
Controller()(Users)

class Application {}
Module({ imports: [PassportModule.register({ session: true })], controllers: [Users], providers: [Local, Serializer] })(Application)

const app = await NestFactory.create(Application, new FastifyAdapter(), { logger: false })
onEnd(() => app.close())
await app.register(sessions, { properties: true })
await app.listen(0, '127.0.0.1')
const base = await app.getUrl()

await check('@nestjs/passport signs in with a session, a guard reads it in the next request, and it signs out', async () => {
  const browser = new Browser(base)
  assert.equal((await browser.get('/me')).status, 403)
  assert.equal((await browser.post('/login', { json: { username: 'ada', password: 'wrong' } })).status, 401)
  const before = browser.cookie
  assert.deepEqual((await browser.post('/login', { json: { username: 'ada', password: 'right' } })).json, { user: 'ada' })
  assert.notEqual(browser.cookie, before)
  assert.deepEqual((await browser.get('/me')).json, { user: 'ada' })
  await browser.post('/logout', { json: {} })
  assert.equal((await browser.get('/me')).status, 403)
})
await end()
