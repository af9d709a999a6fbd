import t from 'tap'
import { memoryStore, textCodec, type Codec, type SessionStore } from '../../../plugin/index.js'
import { startSite } from '../../support/site.js'

/** A promise, and what fulfils it. */
function latch (): { readonly opened: Promise<void>, open: () => void } {
  let open = () => {}
  const opened = new Promise<void>(resolve => { open = resolve })
  return { opened, open }
}

/** A memory store whose first `update` tells that it has been reached, and then waits. */
function storeThatHolds (): { store: SessionStore, reached: Promise<void>, release: () => void } {
  const store = memoryStore()
  const reached = latch()
  const released = latch()
  const update = store.update.bind(store)
  let calls = 0
  store.update = async session => {
    if (calls++ === 0) {
      reached.open()
      await released.opened
    }
    return await update(session)
  }
  return { store, reached: reached.opened, release: released.open }
}

t.test('a row that somebody else has written in another form meanwhile is not the session that was loaded', async t => {
  const store = memoryStore()
  const browser = (await startSite(t, store)).browser()
  await browser.visit(session => session.put('a', 1))
  const { response, cookies } = await browser.visit(async session => {
    session.put('a', 2)
    for await (const { token } of store.scan()) {
      await store.rewrite([token], () => [{ kind: 'update', session: { token, data: Buffer.from('something else'), ttl: 60_000 } }])
    }
  })
  t.equal(response.statusCode, 409)
  t.match(response.json(), { code: 'FST_SESSION_GONE' })
  t.strictSame(cookies, [])
  for await (const { data } of store.scan()) t.equal(Buffer.from(data).toString(), 'something else')
})

t.test('where all that waited together fail of their own doing, nothing is written', async t => {
  const { store, reached, release } = storeThatHolds()
  const browser = (await startSite(t, store)).browser()
  await browser.visit(session => session.put('n', 1))
  const first = browser.visit(session => session.update('n', () => 2))
  await reached
  const picky = () => browser.visit(session => session.update('n', n => {
    if (n !== 1) throw new RangeError('only from 1')
    return 10
  }))
  const others = [picky(), picky(), picky()]
  // They are in line when a request that came after them has been answered.
  await browser.visit(session => session.get('n'))
  release()
  t.equal((await first).response.statusCode, 200)
  for (const { response } of await Promise.all(others)) {
    t.equal(response.statusCode, 500)
    t.match(response.json(), { message: 'only from 1' })
  }
  t.equal((await browser.visit(session => session.get('n'))).value, 2)
})

t.test('a visitor who leaves nothing behind gets no session', async t => {
  const store = memoryStore()
  const browser = (await startSite(t, store)).browser()
  const renewed = await browser.visit(session => session.renewToken())
  const taken = await browser.visit(async session => {
    session.put('a', 1)
    session.remove('a')
    await session.commit()
    return session.status
  })
  t.strictSame([...renewed.cookies, ...taken.cookies], [])
  t.equal(taken.value, 'unmodified')
  for await (const session of store.scan()) t.notOk(session)
})

t.test('a codec that binds the data to the row is told the row at every step', async t => {
  const bound: Codec = {
    encode: (content, row) => Buffer.concat([Buffer.from(String(row?.rowKey)), textCodec.encode(content)]),
    decode: (data, row) => {
      if (Buffer.from(data.subarray(0, 43)).toString() !== row?.rowKey) throw new Error('this is the data of another row')
      return textCodec.decode(data.subarray(43))
    }
  }
  const site = await startSite(t, { codec: bound })
  const [browser, merged] = [site.browser(), site.browser()]
  await browser.visit(session => { session.put('list', [1]); session.put('n', 0) })
  await merged.visit(session => session.put('theirs', 1))
  const other = browser.copy()
  const { response } = await browser.visit(async session => {
    (session.get('list') as number[]).push(2)
    await other.visit(theirs => theirs.put('n', 1))
    await session.commit()
    session.update('n', n => Number(n) + 1)
    session.renewToken()
    await session.commit();
    (session.get('list') as number[]).push(3)
    await session.mergeSession(merged.token)
  })
  t.equal(response.statusCode, 200)
  t.strictSame((await browser.visit(session => session.data())).value, { list: [1, 2, 3], n: 2, theirs: 1 })
  t.strictSame(site.log.complaints, [])
})
