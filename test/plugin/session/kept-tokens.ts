/* What the tests of renewals that keep the old token share: `renewToken({ keepOldFor })`. */
import type { Test } from 'tap'
import type { SessionOptions } from '../../../plugin/index.js'
import { Barrier, latch } from '../../support/barrier.js'
import type { MakeStore } from '../../support/every-store.js'
import { startSite, type Browser } from '../../support/site.js'

export const KEEP = { keepOldFor: 60_000 }

/** A site, and a way to make browsers that are signed in. */
export async function startSignedIn (t: Test, options: SessionOptions = {}) {
  const site = await startSite(t, { storeTimeout: 60_000, ...options })
  const signIn = async (): Promise<Browser> => {
    const browser = site.browser()
    await browser.visit(session => { session.put('user', 'ada') })
    return browser
  }
  return { ...site, signIn, browser: await signIn() }
}

export const userOf = async (browser: Browser): Promise<unknown> => (await browser.visit(session => session.get('user'))).value

/** The tests of what depends on the store. */
export async function keptTokens (t: Test, makeStore: MakeStore): Promise<void> {
  const { app, log, signIn } = await startSignedIn(t, { store: makeStore() })

  t.test('a request with the old token finds the session, and gets the new cookie, whether it looks at the session or not', async t => {
    const browser = await signIn()
    const [late, blind] = [browser.copy(), browser.copy()]
    const old = browser.token
    await browser.visit(session => { session.renewToken(KEEP) })
    t.not(browser.token, old)
    t.equal(await userOf(late), 'ada')
    await blind.visit(() => {})
    for (const other of [late, blind]) t.equal(other.token, browser.token)
    const { cookies } = await late.visit(session => session.get('user'))
    t.strictSame(cookies, [], 'and then no more')
  })

  t.test('requests that have loaded the session before the renewal save their changes after it', async t => {
    const browser = await signIn()
    const [loaded, renewed] = [new Barrier(3), latch()]
    const visits = Array.from({ length: 3 }, async (_, i) => {
      const other = browser.copy()
      const { response } = await other.visit(async session => {
        session.update(`key${i}`, () => i)
        void loaded.arrive()
        await renewed.opened
      })
      return { other, status: response.statusCode }
    })
    await loaded.full
    await browser.visit(session => { session.put('theirs', true); session.renewToken(KEEP) })
    renewed.open()
    for (const { other, status } of await Promise.all(visits)) {
      t.equal(status, 200)
      t.equal(other.token, browser.token)
    }
    t.strictSame((await browser.visit(session => session.data())).value, { key0: 0, key1: 1, key2: 2, theirs: true, user: 'ada' })
  })

  t.test('of renewals by time at once one is done, and all requests get its token', async t => {
    for (let round = 0; round < 3; round++) {
      const browser = await signIn()
      const { renews } = app.sessions.stats()
      const loaded = new Barrier(4)
      const others = await Promise.all(Array.from({ length: 4 }, async (_, i) => {
        const other = browser.copy()
        const { response } = await other.visit(async session => {
          session.put(`key${i}`, i)
          await loaded.arrive()
          session.renewToken(KEEP)
        })
        t.equal(response.statusCode, 200)
        return other
      }))
      t.equal(new Set(others.map(({ token }) => token)).size, 1)
      t.equal(app.sessions.stats().renews, renews + 1)
      t.match((await others[0]?.visit(session => session.data()))?.value, { key0: 0, key1: 1, key2: 2, key3: 3, user: 'ada' })
    }
  })

  t.test('a chain of such renewals is followed, and a renewal without keepOldFor cuts it', async t => {
    const browser = await signIn()
    const tokens = [browser.token]
    for (let i = 0; i < 3; i++) {
      await browser.visit(session => { session.renewToken(KEEP) })
      tokens.push(browser.token)
    }
    t.equal(new Set(tokens).size, 4)
    for (const token of tokens) t.equal((await app.sessions.load(token))?.token, browser.token)
    await browser.visit(session => { session.renewToken(KEEP); session.renewToken() })
    for (const token of tokens) t.equal(await app.sessions.load(token), undefined, 'the strictest renewal of a request counts')
    t.equal(await userOf(browser), 'ada')
  })

  t.test('a sign-out ends the session for the old token at once, whichever of the two it comes with', async t => {
    for (const signsOutWithOld of [true, false]) {
      const browser = await signIn()
      const old = browser.copy()
      await browser.visit(session => { session.renewToken(KEEP) })
      const { cookies } = await (signsOutWithOld ? old.copy() : browser.copy()).visit(async session => { await session.destroy() })
      t.match(cookies, [/^session=; Max-Age=0/])
      t.equal(await app.sessions.load(old.token), undefined)
      t.equal(await app.sessions.load(browser.token), undefined)
    }
  })

  t.test('a sign-out that comes while requests with both tokens write wins', async t => {
    for (let round = 0; round < 3; round++) {
      const browser = await signIn()
      const [old, other] = [browser.copy(), browser.copy()]
      const answers = await Promise.all([
        browser.visit(session => { session.renewToken(KEEP) }),
        old.visit(session => { session.put('n', 1) }),
        other.visit(async session => { await session.destroy() })
      ])
      for (const { response } of answers) t.ok([200, 409].includes(response.statusCode), `${response.statusCode}`)
      for (const { token } of [browser, old]) if (token !== '') t.equal(await app.sessions.load(token), undefined)
    }
  })

  t.test('when its time is over by the clock of the database, the old token leads nowhere', async t => {
    const browser = await signIn()
    const old = browser.token
    await browser.visit(session => { session.renewToken({ keepOldFor: 300 }) })
    while (await app.sessions.load(old) !== undefined) await new Promise(resolve => setTimeout(resolve, 20))
    t.equal(await userOf(browser), 'ada')
  })

  t.strictSame(log.complaints, [])
}
