/* A commit lets its cookie leave with the headers, whatever sends them, and once. Nor does a shared cache keep it. */
import type { OutgoingHttpHeaders } from 'node:http'
import { connect } from 'node:http2'
import type { AddressInfo } from 'node:net'
import { Readable } from 'node:stream'
import Fastify, { type FastifyReply, type FastifyRequest } from 'fastify'
import t from 'tap'
import sessions from '../../plugin/index.js'
import { withoutSharing } from '../../plugin/shared-caches.js'
import { ask, cookieIn } from '../support/ask.js'
import { startSite } from '../support/site.js'

const SESSION = /^session=[\w-]{43}; /
const THEIRS = 'theirs=1; Path=/'

type Send = (reply: FastifyReply) => unknown

/** Ways to send a reply after a commit. `theirs`: a cookie of the application's own leaves too. */
const WAYS: ReadonlyArray<readonly [how: string, send: Send, theirs?: true]> = [
  ['by an ordinary reply', reply => reply.send('done')],
  ['by an ordinary reply with a cookie of its own', reply => reply.header('set-cookie', THEIRS).send('done'), true],
  ['by an ordinary reply with a cookie of @fastify/cookie', reply => reply.setCookie('theirs', '1').send('done'), true],
  ['by an ordinary reply after a cookie on the raw response', reply => { reply.raw.setHeader('set-cookie', THEIRS); return reply.send('done') }],
  ['as a stream', reply => reply.send(Readable.from(['do', 'ne']))],
  ['as a stream with a cookie of its own', reply => reply.header('set-cookie', [THEIRS]).send(Readable.from(['do', 'ne'])), true],
  ['as a Response', reply => reply.send(new Response('done', { headers: { 'set-cookie': THEIRS, 'cache-control': 'public' } })), true],
  ['as an error', reply => reply.send(new Error('done'))],
  ['by end', reply => reply.raw.end('done')],
  ['by writeHead', reply => reply.raw.writeHead(200).end('done')],
  ['by flushHeaders', reply => { reply.raw.flushHeaders(); reply.raw.end('done') }],
  ['by writeHead with headers', reply => reply.raw.writeHead(200, 'OK', { 'X-A': '1' }).end('done')],
  ['by writeHead with a cookie of its own', reply => reply.raw.writeHead(200, { 'Set-Cookie': THEIRS, etag: undefined }).end('done'), true],
  ['by writeHead with an array of headers', reply => reply.raw.writeHead(200, ['X-A', '1', 'Set-Cookie', THEIRS]).end('done'), true],
  ['by writeHead with the headers of the reply', reply => reply.header('set-cookie', THEIRS).raw.writeHead(200, { ...reply.getHeaders() } as OutgoingHttpHeaders).end('done'), true],
  ['after a copy of the headers of the reply', reply => {
    for (const [name, value] of Object.entries(reply.getHeaders())) reply.raw.setHeader(name, value ?? '')
    reply.raw.end('done')
  }],
  ['after its cookie was set a second time', reply => { reply.raw.appendHeader('set-cookie', [reply.raw.getHeader('set-cookie') ?? []].flat().map(String)); reply.raw.end('done') }],
  ['after all cookies were removed', reply => { reply.raw.removeHeader('set-cookie'); reply.raw.end('done') }]
]

for (const [how, send, theirs] of WAYS) {
  for (const first of ['commit', 'hijack'] as const) {
    // Fastify sends nothing for a reply that was hijacked.
    if (first === 'hijack' && /ordinary|as a/.test(how)) continue
    t.test(`a reply that is sent ${how}, after ${first === 'commit' ? 'the commit' : 'hijack and commit'}`, async t => {
      const site = await startSite(t)
      site.app.get('/raw', async (request, reply) => {
        if (first === 'hijack') reply.hijack()
        request.session.put('a', 1)
        await request.session.commit()
        if (first === 'commit' && !/ordinary|as a/.test(how)) reply.hijack()
        await send(reply)
        return reply
      })
      const answer = await ask(t, site.app, '/raw')
      t.match(answer.text, 'done')
      const cookies = answer.headers['set-cookie'] ?? []
      t.equal(cookies.filter(cookie => SESSION.test(cookie)).length, 1)
      t.equal(cookies.filter(cookie => cookie.startsWith('theirs=')).length, theirs === true ? 1 : cookies.length - 1)
      t.match(answer.headers['cache-control'], /private|no-store/)
      t.strictSame((await site.browser().visit(session => session.data(), { headers: { cookie: cookieIn(answer) } })).value, { a: 1 })
      await site.app.close()
      t.strictSame(site.log.complaints.filter(complaint => complaint !== 'done').length, how === 'as a Response' ? 1 : 0)
    })
  }
}

t.test('of two commits before the headers the later cookie leaves alone', async t => {
  for (const end of [(reply: FastifyReply) => reply.send('done'), (reply: FastifyReply) => { reply.hijack(); reply.raw.end('done') }]) {
    const site = await startSite(t)
    site.app.get('/twice', async (request, reply) => {
      reply.setCookie('theirs', '1')
      reply.header('set-cookie', 'other=1')
      request.session.put('a', 1)
      await request.session.commit()
      request.session.renewToken()
      await request.session.commit()
      await end(reply)
      return reply
    })
    const answer = await ask(t, site.app, '/twice')
    const cookies = (answer.headers['set-cookie'] ?? []).filter(cookie => SESSION.test(cookie))
    t.equal(cookies.length, 1)
    t.strictSame((await site.browser().visit(session => session.data(), { headers: { cookie: cookies[0]?.split(';')[0] } })).value, { a: 1 })
  }
})

t.test('a change after a commit is in the cookie of the ordinary reply, and the first cookie is not', async t => {
  const site = await startSite(t)
  const { cookies } = await site.browser().visit(async session => {
    session.put('a', 1)
    await session.commit()
    session.setDeadline(new Date(Date.now() + 60_000))
  })
  t.match(cookies, [/^session=[\w-]{43}; Max-Age=60; /])
})

t.test('a renewal that is committed before a hijacked reply, or before a guard, does not sign the user out', async t => {
  const site = await startSite(t)
  const renew = async (request: FastifyRequest) => {
    request.session.renewToken()
    await request.session.commit()
  }
  site.app.get('/renew', { preHandler: renew }, (_request, reply) => { reply.hijack(); reply.raw.end('done') })
  const browser = site.browser()
  await browser.visit(session => { session.put('user', 'ada') })
  const before = browser.token
  await browser.get('/renew')
  t.not(browser.token, before)
  t.equal((await browser.visit(session => session.get('user'))).value, 'ada')
})

t.test('a destroy before a hijacked reply takes the cookie away', async t => {
  const site = await startSite(t)
  site.app.get('/sign-out', async (request, reply) => {
    await request.session.destroy()
    reply.hijack()
    reply.raw.end('done')
  })
  const browser = site.browser()
  await browser.visit(session => { session.put('user', 'ada') })
  await browser.get('/sign-out')
  t.equal(browser.token, '')
})

t.test('over HTTP/2 the cookie leaves with an end that writes no head', async t => {
  const app = Fastify({ http2: true })
  t.teardown(async () => { await app.close() })
  await app.register(sessions)
  app.get('/', async (request, reply) => {
    request.session.put('a', 1)
    await request.session.commit()
    reply.hijack()
    reply.raw.end()
  })
  await app.listen({ host: '127.0.0.1', port: 0 })
  const client = connect(`http://127.0.0.1:${(app.server.address() as AddressInfo).port}`)
  t.teardown(() => { client.destroy() })
  const headers = await new Promise<Record<string, unknown>>((resolve, reject) => {
    const stream = client.request({ ':path': '/' })
    stream.on('response', resolve).on('error', reject).resume()
  })
  t.match(headers['set-cookie'], [SESSION])
  t.equal(headers['cache-control'], 'no-store')
})

t.test('a cookie that became due after the headers is warned about', async t => {
  const site = await startSite(t)
  site.app.get('/late', async (request, reply) => {
    reply.hijack()
    reply.raw.writeHead(200)
    request.session.rememberMe(true)
    await request.session.commit()
    reply.raw.end('done')
  })
  const browser = site.browser()
  await browser.visit(session => { session.put('user', 'ada') })
  await ask(t, site.app, '/late', `session=${browser.token}`)
  await site.app.close()
  t.match(site.log.complaints, [/^The cookie of a session is due, and did not leave/])
})

t.test('what lets shared caches keep a response is amended where a cookie leaves, and warned about once', async t => {
  const site = await startSite(t)
  const browser = site.browser()
  const visit = async (cacheControl: string, name = 'cache-control') => (await browser.visit((session, _request, reply) => {
    session.rememberMe(session.get('remembered') !== true)
    session.put('remembered', session.get('remembered') !== true)
    reply.header(name, cacheControl)
  })).response.headers
  await browser.visit(session => { session.put('a', 1) })
  t.equal((await visit('public, max-age=60'))['cache-control'], 'public, max-age=60, private')
  t.equal((await visit('max-age=60'))['cache-control'], 'max-age=60, private')
  t.equal((await visit('private'))['cache-control'], 'private')
  const forCdn = await visit('max-age=600', 'CDN-Cache-Control')
  t.equal(forCdn['cdn-cache-control'], 'max-age=600, private')
  t.equal(forCdn['cache-control'], 'no-store')
  t.match(site.log.complaints, [/^The cookie "session" leaves with "public, max-age=60", which lets a shared cache/])
  const { response } = await browser.visit((session, _request, reply) => { session.get('a'); reply.header('cache-control', 'public') })
  t.equal(response.headers['cache-control'], 'public', 'a reply without a cookie is the application\'s own affair')
})

t.test('a Cache-Control that a later hook sets is amended too', async t => {
  const site = await startSite(t)
  site.app.addHook('onSend', async (_request, reply) => { reply.header('cache-control', 'public') })
  const { response } = await site.browser().visit(session => { session.put('a', 1) })
  t.equal(response.headers['cache-control'], 'public, private')
})

t.test('cookies of a raw response are not lost where the session\'s cookie leaves', async t => {
  const site = await startSite(t)
  const { cookies } = await site.browser().visit((session, _request, reply) => {
    session.put('a', 1)
    reply.raw.setHeader('set-cookie', THEIRS)
  })
  t.match(cookies, [THEIRS, SESSION])
})

for (const [cacheControl, expected] of [
  ['', 'no-store'],
  ['public', 'public, private'],
  ['s-maxage=60', 's-maxage=60, private'],
  ['no-cache', 'no-cache, private'],
  ['no-cache="set-cookie"', 'no-cache="set-cookie"'],
  ['no-cache="x-a, Set-Cookie"', 'no-cache="x-a, Set-Cookie"'],
  ['no-cache="x-set-cookie"', 'no-cache="x-set-cookie", private'],
  ['private="x-a"', 'private="x-a", private'],
  ['private=set-cookie', 'private=set-cookie'],
  ['max-age=1, PRIVATE', 'max-age=1, PRIVATE'],
  ['no-store', 'no-store'],
  ['extension="private, no-store"', 'extension="private, no-store", private']
] as const) {
  t.test(`beside a cookie "${cacheControl}" becomes "${expected}"`, async t => { t.equal(withoutSharing(cacheControl), expected) })
}
