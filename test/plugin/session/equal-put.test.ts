/* To put what the session was loaded with is no change: as if it had been put at the load. */
import flash from '@fastify/flash'
import t, { type Test } from 'tap'
import { memoryStore, textCodec, type Session, type SessionOptions } from '../../../plugin/index.js'
import { startSite } from '../../support/site.js'
import { watched } from '../../support/watched-store.js'

const VALUES: Readonly<Record<string, unknown>> = {
  text: 'a',
  number: 1,
  nan: NaN,
  zero: -0,
  yes: true,
  nothing: null,
  big: 7n,
  list: [1, { a: [2] }],
  object: { a: 1, b: { c: 'd' } },
  date: new Date(5),
  bytes: Buffer.from('ab'),
  map: new Map([['a', 1]]),
  set: new Set([1]),
  empty: {}
}
/** Others that look alike. */
const OTHERS: Readonly<Record<string, unknown>> = {
  text: 'b',
  number: '1',
  nan: null,
  zero: 0,
  yes: 1,
  nothing: {},
  big: 7,
  list: [1, { a: [3] }],
  object: { b: { c: 'd' }, a: 1 },
  date: new Date(5).toISOString(),
  bytes: Buffer.from('ac'),
  map: new Map([['a', 2]]),
  set: new Set([1, 2]),
  empty: []
}

/** A browser whose session has these values, and the writes since then. */
async function start (t: Test, values: Readonly<Record<string, unknown>> = VALUES, options: SessionOptions = {}) {
  const { store, calls } = watched(memoryStore())
  const site = await startSite(t, { store, ...options })
  const browser = site.browser()
  await browser.visit(session => { for (const [key, value] of Object.entries(values)) session.put(key, value) })
  calls.length = 0
  return { ...site, browser, writes: () => calls.filter(name => name !== 'find') }
}

for (const [name, options] of [['the default codec', {}], ['a codec that compares nothing by itself', { codec: { encode: textCodec.encode, decode: textCodec.decode } }]] as const) {
  t.test(`equal values are no change, with ${name}`, async t => {
    const { browser, writes } = await start(t, VALUES, options)
    await browser.visit(session => {
      for (const [key, value] of Object.entries(VALUES)) session.put(key, structuredClone(value) instanceof Uint8Array ? Buffer.from('ab') : structuredClone(value))
      t.equal(session.status, 'unmodified')
    })
    await browser.visit(session => {
      for (const key of session.keys()) session.put(key, session.get(key))
      t.equal(session.status, 'unmodified')
    })
    t.strictSame(writes(), [])
  })

  t.test(`other values are changes, with ${name}`, async t => {
    for (const [key, value] of Object.entries(OTHERS)) {
      const { browser, writes } = await start(t, { [key]: VALUES[key] }, options)
      await browser.visit(session => { session.put(key, value) })
      t.strictSame(writes(), ['update'], key)
      t.strictSame((await browser.visit(session => session.get(key))).value, value)
    }
  })
}

t.test('an object that was put unchanged and is changed in place afterwards is saved', async t => {
  const { browser } = await start(t)
  await browser.visit(session => {
    const mine = { a: 1, b: { c: 'd' } }
    session.put('object', mine)
    t.equal(session.get('object'), mine)
    mine.b.c = 'changed'
    t.equal(session.status, 'modified')
  })
  t.strictSame((await browser.visit(session => session.get('object'))).value, { a: 1, b: { c: 'changed' } })
})

t.test('a put takes a change in place back', async t => {
  const { browser, writes } = await start(t)
  await browser.visit(session => {
    (session.get('object') as { a: number }).a = 2
    session.put('object', { a: 1, b: { c: 'd' } })
  })
  t.strictSame(writes(), [])
})

t.test('after another change of the key it is a change', async t => {
  for (const change of [
    (session: Session) => { session.put('text', 'b') },
    (session: Session) => { session.remove('text') },
    (session: Session) => { session.clear() },
    (session: Session) => { session.update('text', () => 'b') }
  ]) {
    const { browser } = await start(t)
    await browser.visit(session => { change(session); session.put('text', 'a') })
    t.equal((await browser.visit(session => session.get('text'))).value, 'a')
  }
})

t.test('after a commit it is compared with what was committed, also what was changed since then', async t => {
  const { browser, writes } = await start(t)
  await browser.visit(async session => {
    const mine = { n: 1 }
    session.put('mine', mine)
    await session.commit()
    session.put('mine', { n: 1 })
    t.equal(session.status, 'unmodified')
    mine.n = 2
    session.put('mine', mine)
    t.equal(session.status, 'modified')
  })
  t.strictSame(writes(), ['update', 'update'])
  t.strictSame((await browser.visit(session => session.get('mine'))).value, { n: 2 })
})

t.test('an object that is too large for a row fails at the commit, as ever', async t => {
  const { browser } = await start(t, { big: ['x'] })
  const { response } = await browser.visit(session => {
    (session.get('big') as string[]).push('y')
    session.put('big', Array<string>(9).fill('x'.repeat(2 ** 25)))
  })
  t.equal(response.json().code, 'FST_SESSION_TOO_LARGE')
})

t.test('of two requests the one that puts what it has loaded comes first', async t => {
  const { browser } = await start(t)
  const other = browser.copy()
  await browser.visit(async session => {
    session.get('text')
    await other.visit(theirs => { theirs.put('text', 'theirs') })
    session.put('text', 'a')
  })
  t.equal((await browser.visit(session => session.get('text'))).value, 'theirs')
})

t.test('a page that calls reply.flash() of @fastify/flash at each view writes once', async t => {
  const { store, calls } = watched(memoryStore())
  const { app, browser } = await startSite(t, { store })
  await app.register(flash)
  app.get('/page', async (_request, reply) => ({ info: reply.flash('info'), all: reply.flash() }))
  const visitor = browser()
  for (let i = 0; i < 3; i++) await visitor.get('/page')
  t.strictSame(calls.filter(name => name !== 'find' && name !== 'deleteExpired'), ['insert'])
})
