import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import t from 'tap'
import { encrypted, memoryStore, textCodec, type SessionStore } from '../../../plugin/index.js'
import { hashToken } from '../../../plugin/token.js'
import { Player } from '../../model/player.js'
import { schedules } from '../../model/schedule.js'
import { onEveryStore } from '../../support/every-store.js'
import { startSite } from '../../support/site.js'

const key = randomBytes(32)
const other = randomBytes(32)
const SECRET = 'a secret of Ann'

/** Replaces the data of a row, as somebody who can write to the table does. */
async function overwrite (store: SessionStore, token: string, data: Uint8Array): Promise<void> {
  await store.rewrite([hashToken(token)], () => [{ kind: 'update', session: { token: hashToken(token), data, ttl: 3_600_000 } }])
}

async function dataOf (store: SessionStore, token: string): Promise<Buffer> {
  const { sessions: [row] } = await store.find([hashToken(token)])
  return Buffer.from(row?.data ?? [])
}

onEveryStore((t, makeStore) => {
  t.test('an encrypted session is written, changed, merged and renewed, and the table shows nothing of it', async t => {
    const store = makeStore()
    const site = await startSite(t, { store, codec: encrypted(textCodec, { keys: [key] }) })
    const [ann, bob] = [site.browser(), site.browser()]
    await ann.visit(session => session.put('name', SECRET))
    await bob.visit(session => session.put('cart', [SECRET]))
    // Two requests at once: the later commit merges the earlier one's change.
    const twin = ann.copy()
    await ann.visit(async session => {
      session.put('first', 1)
      await twin.visit(session => session.put('second', 2))
    })
    const before = ann.token
    await ann.visit(async session => {
      session.renewToken()
      await session.mergeSession(bob.token)
    })
    t.not(ann.token, before)
    t.strictSame((await ann.visit(session => session.data())).value, { name: SECRET, first: 1, second: 2, cart: [SECRET] })
    await ann.visit(session => { (session.get('cart') as string[]).push('more') })
    t.strictSame((await ann.visit(session => session.get('cart'))).value, [SECRET, 'more'])
    for await (const { data } of store.scan()) t.notMatch(Buffer.from(data).toString('latin1'), /secret|cart/)
    t.strictSame(site.log.complaints, [])
  })

  t.test('data that somebody has moved to another row is no session there', async t => {
    const store = makeStore()
    const site = await startSite(t, { store, codec: encrypted(textCodec, { keys: [key] }) })
    const [admin, thief] = [site.browser(), site.browser()]
    await admin.visit(session => session.put('isAdmin', true))
    await thief.visit(session => session.put('isAdmin', false))
    await overwrite(store, thief.token, await dataOf(store, admin.token))
    const { value, response, cookies } = await thief.visit(session => session.data())
    t.equal(response.statusCode, 200)
    t.strictSame(value, {})
    t.strictSame(cookies, [], 'the cookie is left alone')
    const [line] = site.log.lines.filter(({ level }) => level === 40)
    t.equal(line?.err?.message, 'The session cannot be decoded: it was changed since it was encrypted, or it is the data of another row')
    t.strictSame((await admin.visit(session => session.data())).value, { isAdmin: true })
  })

  t.test('keys are changed without signing anybody out', async t => {
    const store = makeStore()
    const browser = (await startSite(t, { store, codec: encrypted(textCodec, { keys: [key] }) })).browser()
    await browser.visit(session => session.put('name', 'Ann'))
    const inOld = await dataOf(store, browser.token)

    // A store ends with its application, so each gets one of its own. In memory it has the rows of the first.
    const data = async (codec: ReturnType<typeof encrypted>, store: SessionStore) => {
      const site = await startSite(t, { store, codec })
      await store.insert({ token: hashToken(browser.token), data: inOld, ttl: 3_600_000 })
      return { site, ...await site.browser().visit(session => session.data(), { headers: { cookie: `session=${browser.token}` } }) }
    }
    t.strictSame((await data(encrypted(textCodec, { keys: [other, key] }), makeStore())).value, { name: 'Ann' })
    const { value, site } = await data(encrypted(textCodec, { keys: [other] }), makeStore())
    t.strictSame(value, {}, 'without its key it is no session')
    t.match(site.log.lines.find(({ level }) => level === 40)?.err?.message ?? '', /^The session cannot be decoded: it was encrypted with the key whose id is [\w-]{8}, which is not among the keys \([\w-]{8}\)$/)
  })
})

t.test('a session of the time before encryption is read if that is asked for, and encrypted when it is next written', async t => {
  const store = memoryStore()
  const browser = (await startSite(t, { store })).browser()
  await browser.visit(session => session.put('name', 'Ann'))
  const visit = async (readUnencrypted: boolean, put: boolean) => {
    const site = await startSite(t, { store, codec: encrypted(textCodec, { keys: [key], readUnencrypted }) })
    const answer = await site.browser().visit(session => {
      if (put) session.put('seen', true)
      return session.data()
    }, { headers: { cookie: `session=${browser.token}` } })
    return answer.value
  }
  t.strictSame(await visit(false, false), {})
  t.strictSame(await visit(true, false), { name: 'Ann' })
  t.match((await dataOf(store, browser.token)).toString('latin1'), /^FSS1 /)
  t.strictSame(await visit(true, true), { name: 'Ann', seen: true })
  t.match((await dataOf(store, browser.token)).toString('latin1'), /^FSE1 /)
  t.strictSame(await visit(false, false), { name: 'Ann', seen: true })
})

t.test('whatever several clients do in whatever order, encrypted sessions do what the model says', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const player = new Player(store, encrypted(textCodec, { keys: [key] }))
  t.teardown(async () => { await player.close() })
  for (let i = 0; i < 2; i++) await player.addApplication(store)
  await fc.assert(fc.asyncProperty(schedules, async schedule => { await player.play(schedule) }), { numRuns: 50 })
})
