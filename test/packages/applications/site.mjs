/* What the applications share: a browser, a provider of OAuth 2, and a list of what was checked, printed as JSON lines. */
import { createHash, randomUUID } from 'node:crypto'
import { once } from 'node:events'
import { createServer } from 'node:net'
import formbody from '@fastify/formbody'
import { Authenticator } from '@fastify/passport'
import Fastify from 'fastify'
import sessions from 'fastify-sql-sessions'

const closing = []

/** Checks one behaviour. What it throws is the failure. */
export async function check (name, run) {
  try {
    await run()
    console.log(JSON.stringify({ name }))
  } catch (error) {
    console.log(JSON.stringify({ name, failure: error?.stack ?? String(error) }))
  }
}

/** An application, whose warnings count as failures. It is closed at the end. */
export function makeApplication (options = {}) {
  const log = []
  const stream = { write: line => { log.push(JSON.parse(line)) } }
  const app = Fastify({ logger: { level: 'warn', stream }, ...options })
  closing.push(() => app.close())
  return { app, log }
}

/** An application with @fastify/passport on this plugin's session, for the strategies that sign in by redirects. */
export async function makePassportApplication () {
  const { app } = makeApplication()
  await app.register(sessions)
  const passport = new Authenticator()
  await app.register(passport.initialize())
  await app.register(passport.secureSession())
  passport.registerUserSerializer(async user => user.id)
  passport.registerUserDeserializer(async id => ({ id }))
  app.get('/me', async request => ({ user: request.user?.id ?? null, keys: request.session.keys() }))
  app.post('/logout', async request => { await request.logOut(); return {} })
  return { app, passport }
}

export async function listen (app, port = 0) {
  return await app.listen({ host: '127.0.0.1', port })
}

/** A port for an application that must know its own address before it listens. */
export async function freePort () {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address()
  server.close()
  await once(server, 'close')
  return port
}

/** Closes what was started; nothing may keep the process alive then. */
export async function end () {
  for (const close of closing.reverse()) await close()
}

export function onEnd (close) {
  closing.push(close)
}

/** Keeps cookies, and follows redirects, as a browser does. */
export class Browser {
  cookies = new Map()

  constructor (base) {
    this.base = base
  }

  get cookie () {
    return [...this.cookies].map(([name, value]) => `${name}=${value}`).join('; ')
  }

  async get (path, options = {}) {
    let url = new URL(path, this.base)
    for (let { method = 'GET', form, json, headers = {} } = options, hops = 0; ; hops++) {
      const body = form === undefined ? json && JSON.stringify(json) : new URLSearchParams(form)
      const response = await fetch(url, {
        method,
        body,
        redirect: 'manual',
        headers: { cookie: this.cookie, ...json && { 'content-type': 'application/json' }, ...headers }
      })
      for (const line of response.headers.getSetCookie()) this.keep(line)
      const location = response.headers.get('location')
      if (location === null || hops > 9) {
        const text = await response.text()
        return { status: response.status, headers: response.headers, text, json: text.startsWith('{') || text.startsWith('[') ? JSON.parse(text) : undefined }
      }
      await response.arrayBuffer()
      url = new URL(location, url)
      method = 'GET'
      form = json = undefined
    }
  }

  async post (path, options = {}) {
    return await this.get(path, { method: 'POST', ...options })
  }

  keep (line) {
    const [, name, value] = /^([^=]+)=([^;]*)/.exec(line)
    if (/max-age=0|expires=thu, 01 jan 1970/i.test(line)) this.cookies.delete(name)
    else this.cookies.set(name, value)
  }
}

/** A provider that signs everybody in as ada, and checks state and PKCE as RFC 6749 and RFC 7636 say. */
export async function startProvider () {
  const { app } = makeApplication()
  const codes = new Map()
  await app.register(formbody)
  app.get('/authorize', async ({ query }, reply) => {
    const code = randomUUID()
    codes.set(code, query)
    const target = new URL(query.redirect_uri)
    target.searchParams.set('code', code)
    if (query.state !== undefined) target.searchParams.set('state', query.state)
    return reply.redirect(target.href)
  })
  app.post('/token', async ({ body }, reply) => {
    const asked = codes.get(body.code)
    codes.delete(body.code)
    const challenge = createHash('sha256').update(body.code_verifier ?? '').digest('base64url')
    const isRight = asked !== undefined && (asked.code_challenge === undefined || asked.code_challenge === challenge)
    return isRight ? { access_token: 'access of ada', token_type: 'bearer', expires_in: 3600 } : reply.code(400).send({ error: 'invalid_grant' })
  })
  app.get('/profile', async () => ({ id: 'ada' }))
  return { base: await listen(app), asked: codes }
}
