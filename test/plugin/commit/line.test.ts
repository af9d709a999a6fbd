import t, { type Test } from 'tap'
import { Changes } from '../../../plugin/commit/changes.js'
import { Committer } from '../../../plugin/commit/commit.js'
import { Row } from '../../../plugin/commit/rows.js'
import { settingsOf } from '../../../plugin/options.js'
import { textCodec, type ChangedSession, type Codec, type SessionContent, type SessionOptions } from '../../../plugin/index.js'
import { startSite, type Browser } from '../../support/site.js'
import { FaultyStore } from '../support/faulty-store.js'

const HOUR = 3_600_000
const UNAVAILABLE = { code: 'FST_SESSION_STORE_UNAVAILABLE' }
const GONE = { code: 'FST_SESSION_GONE' }
const KEY = 'k'.repeat(43)
const soon = () => performance.now() + 60_000
const increment = (value: unknown) => Number(value ?? 0) + 1

/** A committer on a store that has one session. */
async function makeCommitter (faulty: FaultyStore, values: Record<string, unknown> = {}, options: SessionOptions = {}) {
  const committer = new Committer(settingsOf({ store: faulty.store, ...options }))
  const content: SessionContent = { values: new Map(Object.entries(values)), deadline: Date.now() + HOUR, rememberMe: undefined }
  const row = await committer.insert(KEY, content, new Changes(), soon()) as Row
  const update = async (change: (changes: Changes) => void): Promise<Row> => {
    const changes = new Changes()
    change(changes)
    return await committer.update(row, changes, soon())
  }
  const stored = async (): Promise<Record<string, unknown>> => {
    const { sessions: [session] } = await faulty.store.find([KEY])
    return session === undefined ? {} : Object.fromEntries(committer.rows.decode(KEY, session.data).values)
  }
  return { committer, row, update, stored }
}

/** The next calls of update meet a row that another writer has just changed. */
function addConflicts (faulty: FaultyStore, count: number): void {
  for (let i = 0; i < count; i++) {
    faulty.next('update', async call => {
      await changeElsewhere(faulty)
      return await call()
    })
  }
}

async function changeElsewhere ({ store }: FaultyStore): Promise<void> {
  for await (const { token, data, ttl } of store.scan()) {
    const content = textCodec.decode(data)
    content.values.set('elsewhere', increment(content.values.get('elsewhere')))
    const { sessions: [row] } = await store.find([token])
    if (row === undefined) throw new Error('the row is gone')
    // Not by update, which the test counts.
    await Object.getPrototypeOf(store).update.call(store, { token, data: textCodec.encode(content), ttl, seen: { bytes: row.data, whole: true } })
  }
}

t.test('a request that meets a conflict writes again, and one that meets two locks its row', async t => {
  for (const [conflicts, calls] of [[0, ['update']], [1, ['update', 'update']], [2, ['update', 'update', 'rewrite']]] as const) {
    const faulty = new FaultyStore()
    const browser = (await startSite(t, faulty.store)).browser()
    await browser.visit(session => session.put('n', 1))
    addConflicts(faulty, conflicts)
    faulty.calls.length = 0
    const { response, value } = await browser.visit(async session => {
      session.update('n', increment)
      session.put('mine', 1)
      await session.commit()
      return session.data()
    })
    t.equal(response.statusCode, 200)
    t.strictSame(faulty.calls.filter(call => call !== 'find'), calls)
    const expected = { n: 2, mine: 1, ...(conflicts > 0 && { elsewhere: conflicts }) }
    t.strictSame(value, expected, 'the request sees it')
    t.strictSame((await browser.visit(session => session.data())).value, expected)
  }
})

t.test('requests that lock their row together are each answered for themselves', async t => {
  const faulty = new FaultyStore()
  const { update, stored } = await makeCommitter(faulty, { n: 1, seats: 1 })
  const { reached, release } = faulty.holds('update')
  const first = update(changes => changes.put('first', 1))
  await reached
  addConflicts(faulty, 2)
  const others = [
    update(changes => changes.update('n', increment)),
    update(changes => changes.update('elsewhere', value => { if (value === 2) throw new RangeError('mine'); return value ?? 0 })),
    update(changes => changes.update('n', increment)),
    update(changes => changes.remove('seats'))
  ]
  release()
  await first
  t.match(await Promise.allSettled(others), [{ status: 'fulfilled' }, { status: 'rejected', reason: { message: 'mine' } }, { status: 'fulfilled' }, { status: 'fulfilled' }])
  t.equal(faulty.calls.at(-1), 'rewrite')
  t.strictSame(await stored(), { n: 3, first: 1, elsewhere: 2 })
})

t.test('a session that ends while its row is about to be locked is gone', async t => {
  const faulty = new FaultyStore()
  const { update } = await makeCommitter(faulty)
  addConflicts(faulty, 2)
  faulty.next('rewrite', async call => {
    await faulty.endAll()
    return await call()
  })
  await t.rejects(update(changes => changes.put('a', 1)), GONE)
  t.equal(await faulty.count(), 0)
})

t.test('after a lock whose answer was lost a repeated commit counts once', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, faulty.store)).browser()
  await browser.visit(session => session.put('n', 0))
  const { value } = await browser.visit(async session => {
    session.update('n', increment)
    addConflicts(faulty, 2)
    faulty.losesAnswer('rewrite')
    await t.rejects(session.commit(), UNAVAILABLE)
    addConflicts(faulty, 0)
    await session.commit()
    return session.get('n')
  })
  t.equal(value, 1)
})

/** Three requests that are written together, after one whose write is running. */
async function together (t: Test, faulty: FaultyStore, browser: Browser, spoil: () => void) {
  await browser.visit(session => session.put('n', 0))
  const { reached, release } = faulty.holds('update')
  const first = browser.visit(session => session.put('first', 1))
  await reached
  const others = ['a', 'b', 'c'].map(async key => await browser.visit(session => { session.put(key, 1); session.update('n', increment) }))
  // They are queued when a request that came after them has been answered.
  await browser.visit(session => session.get('n'))
  faulty.calls.length = 0
  spoil()
  release()
  t.equal((await first).response.statusCode, 200)
  return await Promise.all(others)
}

t.test('after a 503 a line is not written again one by one, nor after a 409', async t => {
  for (const [status, code, spoil] of [
    [503, UNAVAILABLE, (faulty: FaultyStore) => faulty.fails('update')],
    [409, GONE, (faulty: FaultyStore) => faulty.next('update', async call => { await faulty.endAll(); return await call() })]
  ] as const) {
    const faulty = new FaultyStore()
    const browser = (await startSite(t, faulty.store)).browser()
    const answers = await together(t, faulty, browser, () => spoil(faulty))
    for (const { response } of answers) {
      t.equal(response.statusCode, status)
      t.match(response.json(), code)
    }
    t.strictSame(faulty.calls.filter(call => call === 'update'), ['update'], 'one write for all three')
  }
})

t.test('if one request of a line has put what cannot be written, the others are saved', async t => {
  const picky: Codec = {
    ...textCodec,
    encode: content => {
      if (content.values.has('b')) throw new RangeError('no b')
      return textCodec.encode(content)
    }
  }
  const faulty = new FaultyStore()
  const browser = (await startSite(t, { store: faulty.store, codec: picky })).browser()
  const answers = await together(t, faulty, browser, () => {})
  t.strictSame(answers.map(({ response }) => response.statusCode), [200, 500, 200])
  t.strictSame((await browser.visit(session => session.data())).value, { n: 2, first: 1, a: 1, c: 1 })
})

t.test('a request whose time is up while it waits is not saved later', async t => {
  const faulty = new FaultyStore()
  const browser = (await startSite(t, { store: faulty.store, storeTimeout: 50 })).browser()
  await browser.visit(session => session.put('a', 1))
  const { reached, release } = faulty.holds('update')
  const first = browser.visit(session => session.put('first', 1))
  await reached
  const { response } = await browser.visit(session => session.put('second', 2))
  t.equal(response.statusCode, 503)
  t.match(response.json(), UNAVAILABLE)
  t.equal((await first).response.statusCode, 503, 'it is not known to be saved')
  release()
  // The third is written after the second would have been, or with it. On a slow machine its time may be up too.
  for (let status = 503; status === 503;) status = (await browser.visit(session => session.put('third', 3))).response.statusCode
  t.strictSame((await browser.visit(session => session.keys())).value, ['a', 'first', 'third'])
})

t.test('at most 10,000 requests wait in the lines, and the next is refused at once', async t => {
  const faulty = new FaultyStore()
  const { update, stored } = await makeCommitter(faulty)
  const { release } = faulty.holds('update')
  let refused = 0
  const waiting = Array.from({ length: 10_000 }, async (_, i) => { await update(changes => changes.put(`k${i % 10}`, i)) })
  const extra = Array.from({ length: 5 }, async () => {
    await t.rejects(update(changes => changes.put('extra', 1)), { ...UNAVAILABLE, message: /10000 requests are waiting for it/ })
    refused++
  })
  await Promise.all(extra)
  t.equal(refused, 5)
  release()
  await Promise.all(waiting)
  await update(changes => changes.put('later', 1))
  const values = await stored()
  t.notOk('extra' in values)
  t.equal(values['later'], 1, 'there is room again')
  t.strictSame(faulty.calls, ['insert', 'update', 'update', 'update', 'update', 'find'], 'the last one met a conflict')
})

t.test('the changes of many requests are merged without a copy of the session for each', async t => {
  let copies = 0
  class Counted extends Map<string, unknown> {
    override [Symbol.iterator] (): MapIterator<[string, unknown]> {
      copies++
      return super[Symbol.iterator]()
    }
  }
  const codec: Codec = { ...textCodec, decode: data => { const content = textCodec.decode(data); return { ...content, values: new Counted(content.values) } } }
  const faulty = new FaultyStore()
  const { update, stored } = await makeCommitter(faulty, { n: 0 }, { codec })
  const { reached, release } = faulty.holds('update')
  const first = update(changes => changes.put('first', 1))
  await reached
  copies = 0
  const others = Array.from({ length: 200 }, async (_, i) => {
    await update(changes => { changes.put(`k${i}`, i); changes.update('n', n => { if (i === 7) throw new RangeError('mine'); return increment(n) }) })
  })
  release()
  await first
  t.strictSame((await Promise.allSettled(others)).flatMap(({ status }, i) => status === 'rejected' ? [i] : []), [7])
  t.ok(copies < 10, `${copies} copies`)
  const values = await stored()
  t.equal(values['n'], 199)
  t.notOk('k7' in values, 'of a request that fails nothing is saved')
})

t.test('a write keeps the expiry of its row until a touch is due', async t => {
  const faulty = new FaultyStore()
  let written: ChangedSession | undefined
  const { committer, row } = await makeCommitter(faulty, {}, { idleTimeout: 60_000, touchInterval: 30_000 })
  const update = faulty.store.update.bind(faulty.store)
  faulty.store.update = async session => await update(written = session)
  const write = async (expiresIn: number, deadline = row.deadline) => {
    const changes = new Changes()
    changes.setDeadline(deadline)
    const { sessions: [stored] } = await faulty.store.find([KEY])
    if (stored === undefined) throw new Error('the row is gone')
    const expiry = performance.now() + expiresIn
    const { expiry: after } = await committer.update(new Row(row.key, stored.data, expiry, row, row.owner, row.values), changes, soon())
    return { after, expiry }
  }
  const isAbout = (actual: number | undefined, expected: number) => Math.abs(Number(actual) - expected) < 5000

  const kept = await write(45_000)
  t.equal(kept.after, kept.expiry)
  t.ok(isAbout(written?.ttl, 45_000) && isAbout(written?.seen.ttl, 45_000))

  const moved = await write(20_000)
  t.ok(isAbout(moved.after - performance.now(), 60_000))
  t.ok(isAbout(written?.ttl, 60_000) && isAbout(written?.seen.ttl, 20_000))

  await write(45_000, row.deadline + 1)
  t.equal(written?.seen.ttl, undefined, 'a new deadline is written exactly')
  t.ok(isAbout(written?.ttl, 60_000))
})
