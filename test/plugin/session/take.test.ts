/* A value that exactly one of many requests gets: `session.take`. */
import t, { type Test } from 'tap'
import { memoryStore } from '../../../plugin/index.js'
import { dataOf, makeApplication, newSession } from '../../support/application.js'
import { Barrier } from '../../support/barrier.js'
import { startSite } from '../../support/site.js'
import { FaultyStore } from '../support/faulty-store.js'

const ROUNDS = 5
const REQUESTS = 6

t.test('of requests that take a value at once, in two applications, one gets it, whatever else they and others change', async t => {
  const options = { store: memoryStore({ cleanupInterval: 0 }) }
  const applications = [makeApplication(t, options), makeApplication(t, options)] as const
  for (let round = 0; round < ROUNDS; round++) {
    const token = await newSession(applications[0], { code: `code ${round}` })
    const loaded = new Barrier(2 * REQUESTS)
    const visits = await Promise.all(Array.from({ length: 2 * REQUESTS }, async (_, i) => await (applications[i % 2] as typeof applications[0]).visit(token, async ({ session }) => {
      session.keys()
      await loaded.arrive()
      session.put(`key${i}`, i)
      return await session.take('code') ?? 'nothing'
    })))
    t.strictSame(visits.map(({ status }) => status), visits.map(() => 200))
    t.strictSame(visits.map(({ body }) => body).filter(body => body !== 'nothing'), [`code ${round}`])
    t.strictSame(await dataOf(applications[0], token), Object.fromEntries(visits.map((_, i) => [`key${i}`, i])))
  }
})

/** A site on a store with faults, and a browser whose session has a code. */
async function startFaulty (t: Test) {
  const faulty = new FaultyStore()
  const site = await startSite(t, { store: faulty.store })
  const browser = site.browser()
  await browser.visit(session => { session.put('code', 'secret'); session.put('user', 'ada') })
  const left = async () => (await browser.visit(session => session.get('code'))).value
  faulty.calls.length = 0
  return { ...site, faulty, browser, left }
}

const UNAVAILABLE = { code: 'FST_SESSION_STORE_UNAVAILABLE' }

t.test('take saves all changes, and gives any kind of value; what is not there is undefined, without a query', async t => {
  const { browser, faulty } = await startFaulty(t)
  const { value } = await browser.visit(async session => {
    session.put('box', { items: [1n, new Date(0)] })
    return [await session.take('box'), await session.take('box'), await session.take('code'), session.exists('code'), session.status]
  })
  t.strictSame(value, [{ items: [1n, new Date(0)] }, undefined, 'secret', false, 'unmodified'])
  faulty.calls.length = 0
  await browser.visit(async session => { t.equal(await session.take('code'), undefined) })
  t.strictSame(faulty.calls, ['find'])
})

t.test('a visitor without a session takes undefined, and what they have put themselves', async t => {
  const { browser, jar } = await startFaulty(t).then(({ browser: other, browser: { jar } }) => { jar.clear(); return { browser: other, jar } })
  t.strictSame((await browser.visit(async session => {
    const before = await session.take('code')
    session.put('code', 1)
    return [before, await session.take('code')]
  })).value, [undefined, 1])
  t.equal(jar.size, 0, 'no session has begun')
})

t.test('an object that was changed in place is given as it is', async t => {
  const { browser } = await startFaulty(t)
  await browser.visit(session => { session.put('list', [1]) })
  const { value } = await browser.visit(async session => {
    (session.get('list') as number[]).push(2)
    return [await session.take('list'), session.keys()]
  })
  t.strictSame(value, [[1, 2], ['code', 'user']])
})

t.test('a take that fails has taken nothing, and may be called again', async t => {
  const { browser, faulty, left } = await startFaulty(t)
  const { value } = await browser.visit(async (session, _request, reply) => {
    faulty.fails('update')
    await t.rejects(session.take('code'), UNAVAILABLE)
    t.equal(session.get('code'), 'secret')
    const again = await session.take('code')
    reply.code(201)
    return again
  })
  t.equal(value, 'secret')
  t.equal(await left(), undefined)
})

t.test('a take that fails and is not called again leaves the value to others, also if the changes beside it are saved later', async t => {
  const { browser, faulty, left } = await startFaulty(t)
  const { response } = await browser.visit(async (session, _request, reply) => {
    session.put('n', 1)
    faulty.fails('update')
    await t.rejects(session.take('code'), UNAVAILABLE)
    await session.commit()
    t.equal(session.get('n'), 1)
    reply.code(202)
  })
  t.equal(response.statusCode, 202)
  t.strictSame((await browser.visit(session => session.data())).value, { code: 'secret', n: 1, user: 'ada' })
  t.equal(await left(), 'secret')
})

t.test('if the answer was lost, the value is gone, and the same request gets it when it calls again', async t => {
  const { browser, faulty, left } = await startFaulty(t)
  const { value } = await browser.visit(async session => {
    faulty.losesAnswer('update')
    await t.rejects(session.take('code'), UNAVAILABLE)
    t.equal(await left(), undefined)
    return [await session.take('code'), await session.take('code')]
  })
  t.strictSame(value, ['secret', undefined])
  t.equal(await left(), undefined)
})

t.test('if the answer was lost and another request has written since, nobody gets the value twice', async t => {
  const { browser, faulty } = await startFaulty(t)
  const other = browser.copy()
  const { value } = await browser.visit(async session => {
    faulty.losesAnswer('update')
    await t.rejects(session.take('code'), UNAVAILABLE)
    await other.visit(session => { session.put('code', 'new') })
    return await session.take('code')
  })
  t.equal(value, 'new')
})

t.test('two calls of one request at once: one gets the value', async t => {
  const { browser } = await startFaulty(t)
  const { value } = await browser.visit(async session => await Promise.all([session.take('code'), session.take('code')]))
  t.strictSame(value, ['secret', undefined])
})

t.test('a take in a session that has ended is an error, and so is a wrong key', async t => {
  const { browser, faulty } = await startFaulty(t)
  await browser.visit(async session => {
    await t.rejects(session.take(''), { code: 'FST_SESSION_INVALID_ARGUMENT' })
    await t.rejects(session.take(7 as never), { code: 'FST_SESSION_INVALID_ARGUMENT' })
    await faulty.endAll()
    await t.rejects(session.take('code'), { code: 'FST_SESSION_GONE' })
  })
})

t.test('nothing is taken beside a change that cannot be saved', async t => {
  const { browser, left } = await startFaulty(t)
  const { response } = await browser.visit(async (session, _request, reply) => {
    const box: Record<string, unknown> = {}
    session.put('box', box)
    await session.commit()
    box['bad'] = () => {}
    await t.rejects(session.take('code'), { code: 'FST_SESSION_INVALID_VALUE' })
    session.remove('box')
    reply.code(200)
  })
  t.equal(response.statusCode, 200)
  t.equal(await left(), 'secret')
})

t.test('a take that nobody awaits and that fails fails the reply, and ends no process', async t => {
  const { browser, faulty, left } = await startFaulty(t)
  const { response } = await browser.visit(session => {
    faulty.fails('update')
    void session.take('code')
  })
  t.equal(response.statusCode, 503)
  t.equal(await left(), 'secret')
})

t.test('a value is taken with a renewal, and once', async t => {
  const { browser } = await startFaulty(t)
  const { value } = await browser.visit(async session => {
    session.renewToken()
    return await session.take('code')
  })
  t.equal(value, 'secret')
  t.strictSame((await browser.visit(session => session.data())).value, { user: 'ada' })
})
