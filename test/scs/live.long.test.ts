import t, { type Test } from 'tap'
import { buildGo, withoutGo } from './go.js'
import { mysqlPlace, sqlServerPlace, type Place } from './places.js'
import { startServices, type Options, type Services, type Side, type Step } from './services.js'

const BOTH: ReadonlyArray<readonly [Side, Side]> = [['go', 'node'], ['node', 'go']]
const HOUR = 3600
const PROFILE = { ID: 7, Name: 'Ada', Roles: ['admin'], Since: '2027-03-04T05:06:07.123456789Z' }
const put = (Key: string, Value: unknown): Step => ({ Do: 'put', Key, Value })
const get = (Key: string): Step => ({ Do: 'get', Key })
const NOBODY = { go: { type: '<nil>', value: null }, node: null }
const values = (result: unknown) => (result as { value: unknown } | null)?.value ?? null

t.test('one session with SCS', { skip: await withoutGo('service') }, async t => {
  const program = await buildGo(t, 'service')
  const onEach = (name: string, body: (t: Test, start: (options?: Options) => Promise<Services>, place: Place) => Promise<void>) => {
    void t.test(`${name} (mysqlstore)`, async t => {
      const place = await mysqlPlace(t)
      await body(t, async options => await startServices(t, program, place, options), place)
    })
    void t.test(`${name} (mssqlstore)`, async t => {
      const place = await sqlServerPlace(t)
      await body(t, async options => await startServices(t, program, place, options), place)
    })
  }

  onEach('who signs in on one side is signed in on the other, with hashed tokens or without', async (t, start) => {
    for (const hashTokens of [false, true]) {
      const { browser, send } = await start({ hashTokens })
      for (const [one, other] of BOTH) {
        const visitor = browser()
        await send(visitor, one, { Do: 'renew' }, put('userId', 42), put('name', 'Ada'), put('cart', ['a', 1, { b: 1.5 }]))
        const { token } = visitor
        t.strictSame(await send(visitor, other, { Do: 'keys' }), ['cart', 'name', 'userId'])
        t.strictSame(await send(visitor, 'node', get('userId')), 42)
        t.strictSame(await send(visitor, 'go', get('userId')), { type: 'int', value: 42 })
        t.strictSame(await send(visitor, 'node', get('cart')), ['a', 1, { b: 1.5 }])
        t.strictSame(values(await send(visitor, 'go', get('cart'))), ['a', 1, { b: 1.5 }])
        t.equal(visitor.token, token, 'one cookie for both')
      }
    }
  })

  onEach('a struct of Go keeps its type while Fastify changes the session', async (t, start) => {
    const { browser, send } = await start()
    const visitor = browser()
    await send(visitor, 'go', put('profile', PROFILE), put('price', 1.5))
    t.match(await send(visitor, 'node', put('price', 2), get('profile')), { ID: 7, Roles: ['admin'], Since: '2027-03-04T05:06:07.123Z' })
    t.strictSame(await send(visitor, 'go', get('profile')), { type: 'main.Profile', value: PROFILE })
    t.strictSame(await send(visitor, 'go', get('price')), { type: 'float64', value: 2 })
  })

  onEach('of two changes at once neither is lost where Fastify comes second', async (t, start) => {
    const { browser, send, sendPaused } = await start()
    const visitor = browser()
    await send(visitor, 'go', put('n', 1))
    for (let i = 0; i < 5; i++) {
      const { paused, goOn, result } = sendPaused(visitor, get('n'), { Do: 'pause' }, put(`node${i}`, i), { Do: 'increment', Key: 'n' })
      await paused
      await send(visitor, 'go', put(`go${i}`, i), { Do: 'increment', Key: 'n' })
      goOn()
      await result
    }
    t.strictSame(values(await send(visitor, 'go', get('n'))), 11)
    t.equal((await send(visitor, 'go', { Do: 'keys' }) as string[]).length, 11)
  })

  onEach('Fastify overwrites nothing that SCS has written, however many requests there are at once', async (t, start) => {
    const { browser, send } = await start()
    const visitor = browser()
    await send(visitor, 'go', put('first', 0))
    const requests = (side: Side, count: number, name: string) => Array.from({ length: count }, (_, i) => async () => { await send(visitor, side, put(`${name}${i}`, i)) })
    const inTurn = async (requests: ReadonlyArray<() => Promise<void>>) => { for (const request of requests) await request() }
    await Promise.all([inTurn(requests('go', 30, 'go')), ...[1, 2, 3].map(async id => { await inTurn(requests('node', 30, `node${id}-`)) })])
    const keys = await send(visitor, 'node', { Do: 'keys' }) as string[]
    t.equal(keys.filter(key => key.startsWith('go')).length, 30)
  })

  onEach('who signs out on one side is signed out on both, and the cookie is gone', async (t, start, place) => {
    const { browser, send, sendPaused } = await start()
    for (const [one, other] of BOTH) {
      const visitor = browser()
      await send(visitor, other, put('userId', 42))
      const thief = visitor.copy()
      const { paused, goOn, result } = sendPaused(visitor.copy(), get('userId'), { Do: 'pause' }, put('late', true))
      await paused
      await send(visitor, one, { Do: 'destroy' })
      t.equal(visitor.token, undefined)
      t.strictSame(await send(thief, 'go', get('userId')), NOBODY.go)
      t.strictSame(await send(thief, 'node', get('userId')), NOBODY.node)
      goOn()
      await t.rejects(result, { message: /^node answered 409/ }, 'a slow request does not bring it back')
      t.equal(await place.count(), 0)
    }
  })

  onEach('a token that one side renews is the new one for both, and the old one is dead', async (t, start, place) => {
    const { browser, send } = await start()
    for (const [one, other] of BOTH) {
      const visitor = browser()
      await send(visitor, other, put('userId', 42))
      const before = visitor.copy()
      await send(visitor, one, { Do: 'renew' }, put('isAdmin', true))
      t.not(visitor.token, before.token)
      for (const side of BOTH[0] ?? []) {
        t.strictSame(await send(visitor, side, { Do: 'keys' }), ['isAdmin', 'userId'])
        t.strictSame(await send(before, side, get('userId')), NOBODY[side])
      }
      await send(visitor, other, { Do: 'destroy' })
      t.equal(await place.count(), 0, 'nothing is left, no note of the renewal either')
    }
  })

  onEach('a session that one side remembers outlives the browser on both', async (t, start) => {
    const { browser, send } = await start({ persist: false })
    for (const [one, other] of BOTH) {
      const visitor = browser()
      await send(visitor, one, put('userId', 42))
      t.equal(visitor.expires, undefined)
      await send(visitor, one, { Do: 'remember' })
      // The other side keeps the cookie as it is, or sets it again as a lasting one.
      await send(visitor, other, put('seen', true))
      visitor.restart()
      t.strictSame(await send(visitor, 'node', get('userId')), 42)
      t.strictSame(await send(visitor, 'go', get('userId')), { type: 'int', value: 42 })
      const forgotten = browser()
      await send(forgotten, other, put('userId', 42))
      forgotten.restart()
      t.strictSame(await send(forgotten, one, get('userId')), NOBODY[one])
    }
  })

  onEach('a request on either side keeps an idle session alive, its row and its cookie', async (t, start, place) => {
    const { browser, send } = await start({ idleTimeout: HOUR * 1000 })
    for (const [one, other] of BOTH) {
      for (const steps of [[get('userId')], [put('seen', true)]]) {
        const visitor = browser()
        await send(visitor, one, put('userId', 42))
        t.ok(Math.abs(await place.left() - HOUR) < 60)
        // Half an hour passes.
        await place.move(-HOUR / 2)
        visitor.wait(HOUR / 2 * 1000)
        await send(visitor, other, ...steps)
        t.ok(Math.abs(await place.left() - HOUR) < 60, `${other} has moved the expiry`)
        // Three quarters of an hour more: the cookie of the first request would have ended.
        await place.move(-HOUR * 3 / 4)
        visitor.wait(HOUR * 3 / 4 * 1000)
        t.strictSame(values(await send(visitor, 'go', get('userId'))), 42)
        await place.move(-2 * HOUR)
        t.strictSame(await send(visitor, 'go', get('userId')), NOBODY.go)
        t.strictSame(await send(visitor, 'node', get('userId')), NOBODY.node)
        await place.move(2 * HOUR)
        await send(visitor, 'node', { Do: 'destroy' })
      }
    }
  })

  onEach('a session ends at its deadline on both sides, whichever has begun it', async (t, start, place) => {
    const { browser, send } = await start({ lifetime: HOUR * 1000 })
    for (const [one, other] of BOTH) {
      const visitor = browser()
      await send(visitor, one, put('userId', 42))
      const [mine, theirs] = [await send(visitor, one, { Do: 'deadline' }), await send(visitor, other, { Do: 'deadline' })].map(time => Date.parse(String(time)))
      t.equal(mine, theirs)
      t.ok(Math.abs(await place.left() - HOUR) < 60)
      t.ok(Math.abs((visitor.expires ?? 0) - (mine ?? 0)) < 5000, 'the cookie ends then too')
      await send(visitor, other, put('more', 1))
      t.equal(Date.parse(String(await send(visitor, one, { Do: 'deadline' }))), mine, 'a change does not move it')
      await place.move(-2 * HOUR)
      t.strictSame(await send(visitor, 'go', get('userId')), NOBODY.go)
      t.strictSame(await send(visitor, 'node', get('userId')), NOBODY.node)
    }
  })

  for (const [store, makePlace] of [['mysqlstore', mysqlPlace], ['mssqlstore', sqlServerPlace]] as const) {
    void t.test(`SCS works on a table with owners as on its own, and leaves them alone (${store})`, async t => {
      const place = await (await makePlace(t)).withOwners()
      const { browser, send } = await startServices(t, program, place)
      const visitor = browser()
      await send(visitor, 'node', { Do: 'renew' }, put('userId', 42))
      t.strictSame(await place.owners(), ['42'])
      t.strictSame(values(await send(visitor, 'go', get('userId'))), 42)
      await send(visitor, 'go', put('cart', ['a']))
      t.strictSame(await place.owners(), ['42'], 'a change by SCS keeps the owner')
      t.strictSame(await send(visitor, 'node', get('cart')), ['a'])
      await send(visitor, 'go', { Do: 'renew' })
      t.strictSame(await place.owners(), [null], 'a session that SCS has renewed is nobody knows whose')
      t.strictSame(await send(visitor, 'node', get('userId')), 42)
      await send(browser(), 'go', put('userId', 7))
      t.strictSame(await place.owners(), [null, null])
      await send(visitor, 'go', { Do: 'destroy' })
      t.equal(await place.count(), 1)
    })
  }

  for (const side of ['go', 'node'] as const) {
    onEach(`the cleanup of ${side} deletes the expired sessions of both`, async (t, start, place) => {
      const { browser, send } = await start({ cleanup: { [side]: 50 } })
      await send(browser(), 'go', put('a', 1))
      await send(browser(), 'node', put('a', 1))
      t.equal(await place.count(), 2)
      await place.move(-48 * HOUR)
      while (await place.count() > 0) await new Promise(resolve => setTimeout(resolve, 20))
    })
  }
})
