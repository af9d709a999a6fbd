/* A request that came in time keeps its session from its arrival until its end. The tests move the clocks, and wait for nothing. */
import { EventEmitter, once } from 'node:events'
import { mock } from 'node:test'
import type { AddressInfo } from 'node:net'
import { PassThrough } from 'node:stream'
import { setImmediate as turn } from 'node:timers/promises'
import websocket from '@fastify/websocket'
import type { FastifyInstance } from 'fastify'
import t, { type Test } from 'tap'
import { WebSocket } from 'ws'
import { memoryStore, type SessionOptions, type Session } from '../../../plugin/index.js'
import { ask } from '../../support/ask.js'
import { latch } from '../../support/barrier.js'
import { movableClock } from '../../support/clock.js'
import { startSite } from '../../support/site.js'
import { watched } from '../../support/watched-store.js'

const IDLE = 600_000
/** The plugin looks this often at the requests that are at work. */
const LOOK = 10_000

/** An application whose time passes only by {@link Time.pass}. */
async function startTimedSite (t: Test, options: SessionOptions = {}, prepare: (app: FastifyInstance) => unknown = () => {}) {
  const clock = movableClock(t)
  mock.timers.enable({ apis: ['setTimeout'] })
  t.teardown(() => { mock.timers.reset() })
  const { store, calls } = watched(memoryStore({ cleanupInterval: 0 }))
  const site = await startSite(t, { store, idleTimeout: IDLE, ...options })
  await prepare(site.app)
  /** Lets so much time pass, and what is due be done. */
  const pass = async (milliseconds: number) => {
    for (let left = milliseconds; left > 0; left -= LOOK) {
      clock.forward(Math.min(left, LOOK))
      mock.timers.tick(Math.min(left, LOOK))
      for (let i = 0; i < 20; i++) await turn()
    }
  }
  const browser = site.browser()
  await browser.visit(session => { session.put('user', 'ada') })
  calls.length = 0
  return { ...site, newBrowser: () => site.browser(), browser, pass, calls, user: async () => (await browser.visit(session => session.get('user'))).value }
}

const touches = (calls: readonly string[]) => calls.filter(name => name === 'touch').length

t.test('a request that comes before the idle timeout and lasts beyond it keeps its session, and the next request finds it', async t => {
  const { browser, pass, user } = await startTimedSite(t)
  await pass(IDLE * 0.9)
  const { value } = await browser.visit(async session => {
    await pass(IDLE * 0.5)
    return session.get('user')
  })
  t.equal(value, 'ada')
  t.equal(await user(), 'ada')
})

t.test('a request that lasts many times the idle timeout writes at its end', async t => {
  const { browser, pass, user, calls } = await startTimedSite(t)
  const { response } = await browser.visit(async session => {
    await pass(IDLE * 5)
    session.put('n', 1)
  })
  t.equal(response.statusCode, 200)
  t.equal(await user(), 'ada')
  t.ok(touches(calls) >= 5 && touches(calls) <= 12, `${touches(calls)} touches, about two in an idle timeout`)
})

t.test('of three requests that last each keeps its own session, in whatever order they end', async t => {
  const { browser, newBrowser, pass, user } = await startTimedSite(t)
  const others = [newBrowser(), newBrowser()]
  for (const other of others) await other.visit(session => { session.put('user', 'bob') })
  const doors = [latch(), latch(), latch()]
  const visits = [browser, ...others].map((visitor, i) => visitor.visit(async session => {
    await doors[i]?.opened
    return session.get('user')
  }))
  await pass(IDLE)
  for (const i of [1, 0, 2]) {
    doors[i]?.open()
    t.equal((await visits[i])?.value, i === 0 ? 'ada' : 'bob')
    await pass(IDLE * 0.8)
  }
  t.equal(await user(), undefined, 'its last request ended long ago')
})

t.test('no request keeps its session beyond the deadline', async t => {
  const { browser, pass, calls } = await startTimedSite(t, { lifetime: IDLE * 2 })
  const { response } = await browser.visit(async session => {
    await pass(IDLE * 3)
    session.put('n', 1)
  })
  t.match(response.json(), { statusCode: 409, code: 'FST_SESSION_GONE' })
  t.ok(touches(calls) < 6, 'near the deadline there is nothing to move')
})

t.test('another request may write the session of one that lasts, and both keep it alive', async t => {
  const { browser, pass, user } = await startTimedSite(t)
  const other = browser.copy()
  const { response } = await browser.visit(async session => {
    await pass(IDLE * 0.2)
    await other.visit(theirs => { theirs.put('theirs', 1) })
    await pass(IDLE * 3)
    session.put('mine', 1)
  })
  t.equal(response.statusCode, 200)
  t.equal(await user(), 'ada')
})

t.test('a session that another request has ended is not asked for again and again', async t => {
  const { browser, pass, calls } = await startTimedSite(t)
  const other = browser.copy()
  await browser.visit(async () => {
    await other.visit(async theirs => { await theirs.destroy() })
    calls.length = 0
    await pass(IDLE * 3)
  })
  t.strictSame(calls, ['find', 'find'], 'once during the request, and once at its end')
})

t.test('a request that comes shortly before the end is touched at once, and once', async t => {
  const { browser, pass, calls } = await startTimedSite(t)
  await pass(IDLE * 0.9)
  await browser.visit(async session => { session.get('user') })
  t.strictSame(calls, ['find', 'find', 'touch'])
})

t.test('a short request before the middle of the idle timeout costs what it did: a read, and one touch per interval', async t => {
  const { pass, calls, user } = await startTimedSite(t)
  await user()
  t.strictSame(calls, ['find'])
  await pass(IDLE * 0.2)
  await user()
  await user()
  t.strictSame(calls, ['find', 'find', 'touch', 'find'])
})

t.test('a response that is a stream keeps its session until it has ended', async t => {
  const stream = new PassThrough()
  const { app, browser, pass, user } = await startTimedSite(t, {}, app => { app.get('/stream', (_request, reply) => reply.send(stream)) })
  stream.write('first ')
  const answer = ask(t, app, '/stream', `session=${browser.token}`)
  await once(stream, 'resume')
  await pass(IDLE * 3)
  stream.end('last')
  t.equal((await answer).text, 'first last')
  await pass(IDLE * 0.9)
  t.equal(await user(), 'ada', 'the idle timeout begins at the end of the stream')
  await pass(IDLE * 1.1)
  t.equal(await user(), undefined)
})

t.test('a hijacked reply keeps its session until it has ended, also one that it has begun itself', async t => {
  const began = new EventEmitter()
  let end = () => {}
  const { app, browser, pass, user } = await startTimedSite(t, {}, app => {
    app.get('/events', async (request, reply) => {
      request.session.put('user', 'ada')
      await request.session.commit()
      reply.hijack()
      reply.raw.writeHead(200, { 'content-type': 'text/event-stream' }).write('data: 1\n\n')
      end = () => { reply.raw.end() }
      began.emit('begun')
    })
  })
  browser.jar.clear()
  const answer = ask(t, app, '/events')
  await once(began, 'begun')
  await pass(IDLE * 3)
  end()
  const cookie = (await answer).headers['set-cookie']?.[0] ?? ''
  browser.jar.set('session', /session=([^;]*)/.exec(cookie)?.[1] ?? '')
  t.equal(await user(), 'ada')
  await pass(IDLE * 1.1)
  t.equal(await user(), undefined)
})

for (const isKept of [true, false]) {
  t.test(`a websocket ${isKept ? 'whose handler calls keepAlive keeps its session while it is open' : 'does not keep its session by itself'}`, async t => {
    const { app, browser, pass, user } = await startTimedSite(t, {}, async app => {
      await app.register(websocket)
      app.get('/socket', { websocket: true }, (socket, request) => {
        if (isKept) request.session.keepAlive()
        socket.send('ready')
      })
    })
    await app.listen({ host: '127.0.0.1', port: 0 })
    const socket = new WebSocket(`ws://127.0.0.1:${(app.server.address() as AddressInfo).port}/socket`, { headers: { cookie: `session=${browser.token}` } })
    await once(socket, 'message')
    await pass(IDLE * 3)
    t.equal(await user(), isKept ? 'ada' : undefined)
    const closed = once(socket, 'close')
    socket.close()
    await closed
    await pass(IDLE * 1.2)
    t.equal(await user(), undefined)
  })
}

t.test('touch prolongs a session now, at most once per interval', async t => {
  const { browser, pass, calls, user } = await startTimedSite(t)
  await browser.visit(async session => {
    for (let i = 0; i < 3; i++) await session.touch()
    t.equal(touches(calls), 0)
    await pass(IDLE * 0.2)
    for (let i = 0; i < 3; i++) await session.touch()
    t.equal(touches(calls), 1)
  })
  await pass(IDLE * 0.9)
  t.equal(await user(), 'ada')
})

t.test('without an idle timeout touch and keepAlive do nothing', async t => {
  const { store, calls } = watched(memoryStore())
  const browser = (await startSite(t, { store })).browser()
  await browser.visit(session => { session.put('a', 1) })
  calls.length = 0
  const both = async (session: Session) => { session.keepAlive(); await session.touch() }
  await browser.visit(both)
  t.strictSame(calls, ['find'])
})

t.test('a touch that fails during a request is logged, and tried again', async t => {
  const fault = { isBroken: true }
  const { store, calls } = watched(memoryStore({ cleanupInterval: 0 }), async name => { if (name === 'touch' && fault.isBroken) throw new Error('broken') })
  const { browser, pass, log, user } = await startTimedSite(t, { store })
  await browser.visit(async () => {
    await pass(IDLE * 0.6)
    fault.isBroken = false
    await pass(IDLE * 2)
  })
  t.equal(await user(), 'ada')
  t.ok(calls.includes('touch'))
  t.match(log.complaints[0], 'The expiry of a session could not be moved')
})
