/* A renewal whose old token still leads to the session for a moment: `renewToken({ keepOldFor })`. */
import t from 'tap'
import { hashToken } from '../../../plugin/token.js'
import { sealed, unsealed } from '../../../plugin/session/sealed-token.js'
import { memoryStore } from '../../../plugin/index.js'
import { KEEP, keptTokens, startSignedIn, userOf } from './kept-tokens.js'
import { latch } from '../../support/barrier.js'
import { movableClock } from '../../support/clock.js'
import { startSite } from '../../support/site.js'
import { FaultyStore } from '../support/faulty-store.js'

t.test('in memory', async t => { await keptTokens(t, () => memoryStore()) })

t.test('the old token holds for as long as was said, to the millisecond', async t => {
  const clock = movableClock(t)
  const { app, browser } = await startSignedIn(t, { store: memoryStore({ cleanupInterval: 0 }) })
  const old = browser.token
  await browser.visit(session => { session.renewToken({ keepOldFor: 30_000 }) })
  clock.forward(29_000)
  t.ok(await app.sessions.load(old))
  clock.forward(1000)
  t.equal(await app.sessions.load(old), undefined)
})

t.test('without keepOldFor, and with 0, the old token leads nowhere', async t => {
  const { app, browser } = await startSignedIn(t)
  for (const options of [undefined, {}, { keepOldFor: 0 }, { keepOldFor: undefined }]) {
    const old = browser.token
    await browser.visit(session => { session.renewToken(options as object) })
    t.equal(await app.sessions.load(old), undefined)
    t.equal(await userOf(browser), 'ada')
  }
})

t.test('a sign-in of a request that has the old token renews the session once more, and keeps its values', async t => {
  const { app, signIn } = await startSignedIn(t)
  for (const isLoadedBefore of [true, false]) {
    const browser = await signIn()
    const late = browser.copy()
    const old = late.token
    const [loaded, renewed] = [latch(), latch()]
    if (!isLoadedBefore) await browser.visit(session => { session.renewToken(KEEP) })
    const visit = late.visit(async session => {
      session.keys()
      loaded.open()
      if (isLoadedBefore) await renewed.opened
      session.renewToken()
      session.put('role', 'admin')
    })
    await loaded.opened
    if (isLoadedBefore) await browser.visit(session => { session.renewToken(KEEP) })
    renewed.open()
    t.equal((await visit).response.statusCode, 200)
    t.strictSame((await late.visit(session => session.data())).value, { role: 'admin', user: 'ada' })
    for (const token of [old, browser.token]) t.equal(await app.sessions.load(token), undefined)
  }
})

t.test('a sign-in that was sent twice begins a new session as before, once the old token holds no more', async t => {
  const clock = movableClock(t)
  const { browser } = await startSignedIn(t, { store: memoryStore({ cleanupInterval: 0 }) })
  const late = browser.copy()
  const { response } = await late.visit(async session => {
    session.put('role', 'admin')
    await browser.visit(session => { session.renewToken({ keepOldFor: 1000 }) })
    clock.forward(2000)
    session.renewToken()
  })
  t.equal(response.statusCode, 200)
  t.strictSame((await late.visit(session => session.data())).value, { role: 'admin' })
})

t.test('a renewal by time of a session that has ended is a 409, and begins no other', async t => {
  const { app, browser } = await startSignedIn(t)
  const other = browser.copy()
  const { response, cookies } = await browser.visit(async session => {
    session.renewToken(KEEP)
    await other.visit(async session => { await session.destroy() })
  })
  t.match(response.json(), { statusCode: 409, code: 'FST_SESSION_GONE' })
  t.strictSame(cookies, [])
  t.equal(app.sessions.stats().begins, 1)
})

t.test('a visitor without a session gets an ordinary new one', async t => {
  const { browser: { jar } } = await startSignedIn(t)
  t.equal(jar.size, 1)
  const browser = (await startSite(t)).browser()
  await browser.visit(session => { session.renewToken(KEEP); session.put('user', 'bob') })
  t.equal(await userOf(browser), 'bob')
})

t.test('load, reload, isEnded, mergeSession and exclusive follow the old token', async t => {
  const { app, browser, signIn } = await startSignedIn(t)
  const session = await app.sessions.load(browser.token)
  const old = browser.token
  await browser.visit(session => { session.put('n', 1); session.renewToken(KEEP) })
  t.equal(await session?.isEnded(), false)
  await session?.reload()
  t.equal(session?.get('n'), 1)
  t.equal(session?.token, browser.token)

  const before = await app.sessions.load(browser.token)
  await browser.visit(session => { session.renewToken(KEEP) })
  t.equal(await before?.exclusive(() => before.token), browser.token)

  const other = await signIn()
  await other.visit(async session => { await session.mergeSession(old) })
  t.equal((await other.visit(session => session.get('n'))).value, 1)
  t.equal(await app.sessions.load(browser.token), undefined, 'it has ended with the merge')
})

t.test('a request that has loaded the session before its renewal may merge it into itself by the new token, and loses nothing', async t => {
  const { browser } = await startSignedIn(t)
  const late = browser.copy()
  const { response } = await late.visit(async session => {
    session.put('n', 1)
    await browser.visit(session => { session.renewToken(KEEP) })
    await session.mergeSession(browser.token)
  })
  t.equal(response.statusCode, 200)
  t.equal(late.token, browser.token)
  t.strictSame((await late.visit(session => session.data())).value, { n: 1, user: 'ada' })
})

t.test('a session is not merged into itself by its old token', async t => {
  const { browser } = await startSignedIn(t)
  const old = browser.token
  await browser.visit(session => { session.renewToken(KEEP) })
  const { response, value } = await browser.visit(async session => { await session.mergeSession(old); return session.status })
  t.equal(response.statusCode, 200)
  t.equal(value, 'unmodified')
})

t.test('a change after the headers were sent is saved under the new token, and nothing is warned about', async t => {
  const { browser, log } = await startSignedIn(t)
  const other = browser.copy()
  await other.visit(async (session, _request, reply) => {
    session.keys()
    reply.hijack()
    reply.raw.writeHead(200)
    await browser.visit(session => { session.renewToken(KEEP) })
    session.put('n', 1)
    await session.commit()
    reply.raw.end()
  })
  t.equal((await browser.visit(session => session.get('n'))).value, 1)
  t.strictSame(log.complaints, [])
})

t.test('a client without cookies finds the new token in session.token', async t => {
  const { app } = await startSite(t, { token: request => request.headers['x-session'] as string | undefined })
  app.get('/token', async ({ session }) => {
    session.put('user', 'ada')
    if (session.token !== '') session.renewToken(KEEP)
    await session.commit()
    return session.token
  })
  app.get('/read', async ({ session }) => session.token)
  const { body: first } = await app.inject('/token')
  const { body: second } = await app.inject({ url: '/token', headers: { 'x-session': first } })
  t.not(second, first)
  t.equal((await app.inject({ url: '/read', headers: { 'x-session': first } })).body, second)
})

t.test('a renewal whose answer was lost is found, and the old token leads to it', async t => {
  const faulty = new FaultyStore()
  const { app, browser } = await startSignedIn(t, { store: faulty.store })
  const old = browser.token
  await browser.visit(async (session, _request, reply) => {
    session.renewToken(KEEP)
    faulty.losesAnswer('rewrite')
    await t.rejects(session.commit(), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
    await session.commit()
    reply.code(201)
  })
  t.not(browser.token, old)
  t.equal((await app.sessions.load(old))?.token, browser.token)
})

t.test('what the store keeps has no token in it', async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  const { browser } = await startSignedIn(t, { store })
  const old = browser.token
  await browser.visit(session => { session.renewToken(KEEP) })
  const { successors = [] } = await store.find([hashToken(old)])
  t.match(successors, [{ to: hashToken(browser.token), note: /^60000\.[\w-]+$/ }])
  for (const token of [old, browser.token]) t.notOk(JSON.stringify(successors).includes(token))
})

t.test('wrong options are refused, and so is a codec that is shared', async t => {
  const { browser } = await startSignedIn(t)
  const REFUSED = { code: 'FST_SESSION_INVALID_ARGUMENT' }
  await browser.visit(session => {
    for (const [options, message] of [
      [null, 'renewToken needs options like { keepOldFor: 10_000 }, or nothing, not null'],
      [10, 'renewToken needs options like { keepOldFor: 10_000 }, or nothing, not 10'],
      [{ keepOld: 10 }, 'renewToken has no option keepOld. There is: keepOldFor'],
      ...[60_001, -1, 0.5, NaN, Infinity, '10'].map(keepOldFor => [{ keepOldFor }, /^keepOldFor must be a whole number of milliseconds from 0 to 60000, not /])
    ] as Array<[never, string]>) t.throws(() => { session.renewToken(options) }, { ...REFUSED, message })
    t.equal(session.status, 'unmodified')
  })
  const { browser: shared } = await startSignedIn(t, { codec: 'gob' })
  await shared.visit(session => {
    t.throws(() => { session.renewToken(KEEP) }, { ...REFUSED, message: /does not work with a codec that is shared with them, such as 'gob'$/ })
  })
})

t.test('a sealed token opens with the old token alone, in its own row, and not for longer than was said', async t => {
  const [oldToken, from, to, newToken] = ['a', 'b', 'c', 'd'].map(letter => letter.repeat(43)) as [string, string, string, string]
  const renewal = { oldToken, from, to }
  const note = sealed(newToken, 5000, renewal)
  t.equal(unsealed(note, 0, renewal), newToken)
  t.equal(unsealed(note, 5000, renewal), newToken)
  t.equal(unsealed(note, 5000.1, renewal), undefined)
  for (const other of [{ oldToken: to }, { from: to }, { to: from }]) t.equal(unsealed(note, 0, { ...renewal, ...other }), undefined)
  for (const altered of [note.replace('5000', '6000'), `${note}A`, note.slice(0, -1), note.slice(0, 20), '', '5000', '5000.', '5000.AAAA', 'x', `${note}\n`]) {
    t.equal(unsealed(altered, 0, renewal), undefined, altered)
  }
  for (let i = 5; i < note.length - 1; i++) {
    const altered = note.slice(0, i) + (note[i] === 'A' ? 'B' : 'A') + note.slice(i + 1)
    if (unsealed(altered, 0, renewal) !== undefined) t.fail(`the character ${i} may be altered`)
  }
  t.not(sealed(newToken, 5000, renewal), note)
})
