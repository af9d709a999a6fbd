import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import { textCodec, type Codec, type Session } from '../../../plugin/index.js'
import { hashToken, newToken } from '../../../plugin/token.js'
import { onEveryStore } from '../../support/every-store.js'
import { startSite } from '../../support/site.js'
import { watched } from '../../support/watched-store.js'

const HOUR = 3_600_000
const DAY = 24 * HOUR
const wrong = (value: unknown) => value as never
const INVALID_ARGUMENT = 'FST_SESSION_INVALID_ARGUMENT'

/** Every method that takes a key, with a value that is right where it takes one. */
const WITH_KEY: ReadonlyArray<readonly [name: string, call: (session: Session, key: never) => unknown]> = [
  ['get', (session, key) => session.get(key)],
  ['put', (session, key) => session.put(key, wrong(1))],
  ['set', (session, key) => session.set(key, wrong(1))],
  ['set with undefined', (session, key) => session.set(key, undefined)],
  ['pop', (session, key) => session.pop(key)],
  ['remove', (session, key) => session.remove(key)],
  ['exists', (session, key) => session.exists(key)],
  ['update', (session, key) => session.update(key, () => wrong(1))]
]
const NO_KEYS: ReadonlyArray<readonly [value: unknown, shown: string]> = [
  [undefined, 'undefined'], [null, 'null'], ['', "''"], [7, '7'], [{}, 'another object'], [['a'], 'an array'], [Symbol('s'), 'Symbol(s)'], [() => 1, 'a function']
]

onEveryStore((t, makeStore) => {
  t.test('what a request puts, the next one gets', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    const values: ReadonlyArray<readonly [string, unknown]> = [
      ['text', 'ä 😀 \ud800'], ['number', 1.5], ['minus zero', -0], ['none', NaN], ['yes', true], ['no', false], ['null', null], ['big', 2n ** 70n],
      ['list', [1, [2]]], ['object', { a: { b: [new Date(0)] } }], ['date', new Date(5)], ['bytes', new Uint8Array([0, 255])], ['buffer', Buffer.from('x')],
      ['map', new Map([[{ a: 1 }, new Set([1n])]])], ['empty', ''], ['$date', 'no date'], ['__proto__', { admin: true }], ['constructor', 1], ['save', 2], [' ', 3]
    ]
    await browser.visit(session => {
      for (const [key, value] of values) {
        session.put(key, value)
        t.ok(Object.is(session.get(key), value), 'in the same request it is the very same')
      }
    })
    await browser.visit(session => {
      for (const [key, value] of values) deepStrictEqual(session.get(key), value)
      t.strictSame(session.keys(), values.map(([key]) => key).sort())
    })
  })

  t.test('a visitor without a session has an empty one', async t => {
    const { store, calls } = watched(makeStore())
    const { cookies } = await (await startSite(t, store)).browser().visit(session => {
      t.equal(session.get('a'), undefined)
      t.equal(session.pop('a'), undefined)
      t.equal(session.exists('a'), false)
      t.strictSame(session.keys(), [])
      t.strictSame(session.data(), {})
      t.equal(session.token, '')
      t.equal(session.id, '')
      session.remove('a')
      session.clear()
      t.equal(session.status, 'unmodified')
      const away = session.deadline.getTime() - Date.now()
      t.ok(away > DAY - HOUR && away <= DAY)
    })
    t.strictSame(cookies, [])
    t.strictSame(calls, [])
  })

  t.test('pop gives a value once, exists tells, remove takes away', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.put('flash', { text: 'saved' }); session.put('a', 1); session.put('b', null) })
    await browser.visit(session => {
      t.strictSame(session.pop('flash'), { text: 'saved' })
      t.equal(session.pop('flash'), undefined)
      session.remove('a')
      t.equal(session.exists('a'), false)
      t.equal(session.exists('b'), true, 'null is a value')
    })
    t.strictSame((await browser.visit(session => session.data())).value, { b: null })
  })

  t.test('a string that is popped, removed and put back in one request', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.put('a', 1); session.put('b', 1) })
    await browser.visit(session => { session.put('a', Number(session.pop('a')) + 1); session.put('b', 2); session.remove('b') })
    t.strictSame((await browser.visit(session => session.data())).value, { a: 2 })
  })

  t.test('clear takes all keys, and keeps token, deadline and remember-me', async t => {
    const browser = (await startSite(t, { store: makeStore(), cookie: { persist: false } })).browser()
    await browser.visit(session => { session.put('a', 1); session.put('b', 2); session.rememberMe(true); session.setDeadline(new Date(Date.now() + HOUR)) })
    const { token } = browser
    const { value: deadline } = await browser.visit(session => session.deadline.getTime())
    await browser.visit(session => {
      session.clear()
      t.strictSame(session.keys(), [])
      t.equal(session.status, 'modified')
      session.put('c', 3)
    })
    t.equal(browser.token, token)
    const { value } = await browser.visit(session => ({ data: session.data(), deadline: session.deadline.getTime() }))
    t.strictSame(value, { data: { c: 3 }, deadline })
    // The cookie of a session that is remembered lives on: it is told when the cookie is next written.
    const { cookies } = await browser.visit(session => session.renewToken())
    t.match(cookies[0], /Max-Age=\d+/)
  })

  t.test('remember-me is none of the keys', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.rememberMe(true); session.put('a', 1) })
    await browser.visit(session => {
      t.strictSame(session.keys(), ['a'])
      t.strictSame(session.data(), { a: 1 })
      t.equal(session.exists('rememberMe'), false)
    })
  })

  t.test('update sets what its function makes, and returns it', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => {
      t.equal(session.update('n', n => { t.equal(n, undefined); return 1 }), 1)
      t.equal(session.update('n', n => Number(n) + 1), 2)
      t.equal(session.get('n'), 2)
    })
    t.equal((await browser.visit(session => session.update('n', n => Number(n) + 1))).value, 3)
    t.equal((await browser.visit(session => session.get('n'))).value, 3)
  })

  t.test('a function of update that changes its argument in place is counted once', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => session.put('cart', [1]))
    await browser.visit(session => {
      session.update('cart', cart => { (cart as number[]).push(2); return cart })
    })
    t.strictSame((await browser.visit(session => session.get('cart'))).value, [1, 2])
  })

  t.test('what update returned and the handler then changes in place is saved', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => session.put('cart', [1]))
    const other = browser.copy()
    await browser.visit(async session => {
      const cart = session.update('cart', cart => [...cart as number[], 2]) as number[]
      cart.push(3)
      // So that the change has to be applied to newer data.
      await other.visit(otherSession => otherSession.put('other', 1))
    })
    t.strictSame((await browser.visit(session => session.data())).value, { cart: [1, 2, 3], other: 1 })
  })

  t.test('a value that was got and changed in place is saved, nested or not', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.put('cart', { items: [1] }); session.put('at', new Date(0)); session.put('seen', new Set([1])) })
    const { cookies } = await browser.visit(session => {
      (session.get('cart') as { items: number[] }).items.push(2);
      (session.get('at') as Date).setTime(5);
      (session.get('seen') as Set<number>).add(2)
      t.equal(session.status, 'modified')
    })
    t.strictSame(cookies, [])
    deepStrictEqual((await browser.visit(session => session.data())).value, { cart: { items: [1, 2] }, at: new Date(5), seen: new Set([1, 2]) })
  })

  t.test('a value that was got and not changed is not written', async t => {
    const { store, calls } = watched(makeStore())
    const browser = (await startSite(t, store)).browser()
    await browser.visit(session => session.put('cart', { items: [1] }))
    calls.length = 0
    await browser.visit(session => {
      const cart = session.get('cart') as { items: number[] }
      cart.items.push(2)
      cart.items.pop()
      t.equal(session.get('cart'), cart)
      t.equal(session.status, 'unmodified')
    })
    t.strictSame(calls, ['find'])
  })

  t.test('what is changed in place after a commit is saved by the next one', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => session.put('got', [1]))
    await browser.visit(async session => {
      const got = session.get('got') as number[]
      const own = { n: 1 }
      session.put('put', own)
      const updated = session.update('updated', () => [1]) as number[]
      for (let i = 2; i < 5; i++) {
        got.push(i)
        own.n = i
        updated.push(i)
        await session.commit()
        t.equal(session.status, 'unmodified')
      }
      got.push(5)
      own.n = 5
      updated.push(5)
    })
    t.strictSame((await browser.visit(session => session.data())).value, { got: [1, 2, 3, 4, 5], put: { n: 5 }, updated: [1, 2, 3, 4, 5] })
  })

  t.test('what is changed in place while a commit is under way is saved by the next one', async t => {
    const got = { n: 1 }
    const own = { n: 1 }
    let changed: { got: { n: number }, own: { n: number } } | undefined
    const { store } = watched(makeStore(), async name => {
      if (name !== 'update' || changed === undefined) return
      changed.got.n = 3
      changed.own.n = 3
      changed = undefined
    })
    const browser = (await startSite(t, store)).browser()
    await browser.visit(session => session.put('got', got))
    await browser.visit(async session => {
      changed = { got: session.get('got') as typeof got, own }
      session.put('own', own)
      changed.got.n = 2
      own.n = 2
      await session.commit()
      t.equal(changed, undefined)
    })
    t.strictSame((await browser.visit(session => session.data())).value, { got: { n: 3 }, own: { n: 3 } })
  })

  t.test('an object that came from an update or a merge after a put, and is changed in place, is saved', async t => {
    const site = await startSite(t, makeStore())
    const [browser, merged] = [site.browser(), site.browser()]
    await browser.visit(session => session.put('n', 1))
    await merged.visit(session => session.put('b', [1]))
    await browser.visit(async session => {
      session.put('a', [1])
      session.update('a', a => [...a as number[], 2])
      session.put('b', [0])
      await session.mergeSession(merged.token);
      (session.get('a') as number[]).push(3);
      (session.get('b') as number[]).push(2)
    })
    t.strictSame((await browser.visit(session => session.data())).value, { n: 1, a: [1, 2, 3], b: [1, 2] })
  })

  t.test('what was changed in place beside something that cannot be kept is not lost when that is mended', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.put('first', { n: 1 }); session.put('second', { n: 1 }) })
    await browser.visit(async session => {
      const first = session.get('first') as { n: number }
      const second = session.get('second') as { n: unknown }
      first.n = 2
      second.n = () => {}
      await t.rejects(session.commit(), { code: 'FST_SESSION_INVALID_VALUE' })
      second.n = 3
    })
    t.strictSame((await browser.visit(session => session.data())).value, { first: { n: 2 }, second: { n: 3 } })
  })

  t.test('what was changed in place into something that cannot be kept is an error that names it', async t => {
    const site = await startSite(t, makeStore())
    const browser = site.browser()
    await browser.visit(session => session.put('cart', { items: [1] }))
    const { response, cookies } = await browser.visit(session => { Object.assign(session.get('cart') as object, { total: () => 1 }) })
    t.equal(response.statusCode, 500)
    t.match(response.json(), { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep cart\.total: it is a function\. / })
    t.strictSame(cookies, [])
    t.strictSame((await browser.visit(session => session.get('cart'))).value, { items: [1] })
  })

  t.test('an own object is saved as it is at the commit', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => {
      const cart = { items: [1] }
      session.put('cart', cart)
      cart.items.push(2)
      t.equal(session.get('cart'), cart)
      cart.items.push(3)
    })
    t.strictSame((await browser.visit(session => session.get('cart'))).value, { items: [1, 2, 3] })
  })

  t.test('a value that cannot be kept is refused at once, and the old one stays', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => session.put('a', 1))
    const { response } = await browser.visit(session => {
      t.throws(() => session.put('a', { f () {} }), { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep a\.f: it is a function\. / })
      t.throws(() => session.put('a', undefined), { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep a: it is undefined \(use remove / })
      t.throws(() => session.set('a', Symbol('s')), { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep a: it is a symbol\. / })
      t.throws(() => session.update('a', () => undefined), { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep a: the function given to update returned undefined\. / })
      t.throws(() => session.update('a', async () => 1), { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep a: it is a promise \(await it first\)\. / })
      t.throws(() => session.update('a', () => { throw new RangeError('mine') }), { message: 'mine' })
      t.equal(session.get('a'), 1)
      t.equal(session.status, 'unmodified')
    })
    t.equal(response.statusCode, 200)
  })

  for (const [name, call] of WITH_KEY) {
    t.test(`${name} refuses what is no key`, async t => {
      const { response } = await (await startSite(t, makeStore())).browser().visit(session => {
        for (const [value, shown] of NO_KEYS) {
          t.throws(() => call(session, wrong(value)),
            { code: INVALID_ARGUMENT, statusCode: 500, message: `The key of a session's value must be a string that is not empty, not ${shown}` })
        }
        t.equal(session.status, 'unmodified')
      })
      t.equal(response.statusCode, 200)
    })
  }

  t.test('wrong arguments of the other methods', async t => {
    const { response } = await (await startSite(t, makeStore())).browser().visit(async session => {
      t.throws(() => session.update('a', wrong(1)), { code: INVALID_ARGUMENT, message: 'update needs a function, not 1' })
      t.throws(() => session.rememberMe(wrong('yes')), { code: INVALID_ARGUMENT, message: "rememberMe needs true or false, not 'yes'" })
      t.throws(() => session.rememberMe(wrong(undefined)), { code: INVALID_ARGUMENT, message: 'rememberMe needs true or false, not undefined' })
      t.throws(() => session.setDeadline(wrong(5)), { code: INVALID_ARGUMENT, message: 'setDeadline needs a valid Date, not 5' })
      t.throws(() => session.setDeadline(wrong('2030')), { code: INVALID_ARGUMENT, message: "setDeadline needs a valid Date, not '2030'" })
      t.throws(() => session.setDeadline(new Date(NaN)), { code: INVALID_ARGUMENT, message: 'setDeadline needs a valid Date, not an invalid one' })
      t.throws(() => session.setDeadline(new Date(0)), { code: INVALID_ARGUMENT, message: 'setDeadline needs a Date in the future; use destroy to end the session now' })
      t.throws(() => session.setDeadline(new Date(Date.UTC(10_000, 0))), { code: INVALID_ARGUMENT, message: 'setDeadline needs a Date before the year 10000' })
      await t.rejects(session.mergeSession(wrong(undefined)), { code: INVALID_ARGUMENT, message: 'mergeSession needs the token of a session, not undefined' })
      await t.rejects(session.mergeSession(wrong({})), { code: INVALID_ARGUMENT, message: 'mergeSession needs the token of a session, not another object' })
      await t.rejects(session.regenerate(wrong('a')), { code: INVALID_ARGUMENT, message: "regenerate needs an array of keys, not 'a'" })
      await t.rejects(session.regenerate(wrong([7])), { code: INVALID_ARGUMENT, message: "The key of a session's value must be a string that is not empty, not 7" })
      t.equal(session.status, 'unmodified')
    })
    t.equal(response.statusCode, 200)
  })

  t.test('an assignment, which would keep nothing, is an error that says what to write', async t => {
    const { response } = await (await startSite(t, makeStore())).browser().visit(session => {
      t.throws(() => { Object.assign(session, { user: 'ada' }) },
        { code: INVALID_ARGUMENT, message: "A session has no property user, and would not keep it. Use request.session.put('user', value), or register the plugin with properties: true" })
      const mark = Symbol('mark')
      Object.assign(session, { [mark]: 1 })
      t.equal(Reflect.get(session, mark), 1, 'a symbol is the mark of another plugin')
      t.equal(session.status, 'unmodified')
    })
    t.equal(response.statusCode, 200)
  })

  t.test('the status tells whether something was changed', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(async session => {
      t.equal(session.status, 'unmodified')
      session.put('a', 1)
      t.equal(session.status, 'modified')
      await session.commit()
      t.equal(session.status, 'unmodified')
      session.remove('nothing')
      t.equal(session.status, 'unmodified')
      await session.destroy()
      t.equal(session.status, 'destroyed')
      session.put('b', 1)
      t.equal(session.status, 'modified')
    })
  })

  t.test('token and id are there after the first commit, and the id tells nothing of the token', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    const { value } = await browser.visit(async session => {
      session.put('a', 1)
      t.equal(session.token, '')
      await session.commit()
      return { token: session.token, id: session.id }
    })
    t.equal(value.token, browser.token)
    t.equal(value.id, hashToken(browser.token).slice(0, 16))
    t.equal((await browser.visit(session => session.id)).value, value.id)
  })

  t.test('destroy ends the session at once, and takes its cookie away', async t => {
    const store = makeStore()
    const browser = (await startSite(t, store)).browser()
    await browser.visit(session => session.put('a', 1))
    const old = browser.copy()
    const { cookies } = await browser.visit(async session => {
      await session.destroy()
      t.strictSame((await store.find([hashToken(old.token)])).sessions, [])
      t.strictSame(session.keys(), [])
      t.equal(session.token, '')
      t.equal(session.status, 'destroyed')
    })
    t.match(cookies, [/^session=; Max-Age=0; Expires=Thu, 01 Jan 1970 00:00:00 GMT; Path=\/; HttpOnly; SameSite=Lax$/])
    t.equal(cookies.length, 1)
    t.strictSame((await old.visit(session => session.keys())).value, [])
  })

  t.test('destroy that nobody waits for ends the session before the reply', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => session.put('a', 1))
    const old = browser.copy()
    await browser.visit(session => { void session.destroy() })
    t.equal(browser.token, '')
    t.strictSame((await old.visit(session => session.keys())).value, [])
  })

  t.test('what is put after destroy begins a new session', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.put('a', 1); session.rememberMe(true) })
    const old = browser.copy()
    const { cookies } = await browser.visit(async session => {
      session.put('b', 2)
      await session.destroy()
      session.put('c', 3)
    })
    t.equal(cookies.length, 1)
    t.not(browser.token, old.token)
    t.strictSame((await browser.visit(session => session.data())).value, { c: 3 })
    t.strictSame((await old.visit(session => session.data())).value, {})
  })

  t.test('destroy twice, and of a session that was only just stored', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    const { cookies } = await browser.visit(async session => {
      session.put('a', 1)
      await session.commit()
      await Promise.all([session.destroy(), session.destroy()])
      await session.destroy()
    })
    t.match(cookies, [/^session=; Max-Age=0;/])
    t.equal(browser.token, '')
  })

  t.test('destroy while a commit is under way ends what that commit stores', async t => {
    const store = makeStore()
    const { store: noted, calls } = watched(store)
    const browser = (await startSite(t, noted)).browser()
    const secret = newToken()
    const { response } = await browser.visit(async session => {
      session.put('secret', secret)
      const committing = session.commit()
      const destroying = session.destroy()
      await committing
      await destroying
      t.strictSame(session.keys(), [])
    })
    t.equal(response.statusCode, 200)
    t.equal(browser.token, '')
    t.strictSame(calls.slice(-2), ['insert', 'delete'])
    for await (const session of store.scan()) t.notOk(Buffer.from(session.data).includes(secret))
  })

  t.test('destroy of a visitor without a session asks nothing and sets nothing', async t => {
    const { store, calls } = watched(makeStore())
    const { response } = await (await startSite(t, store)).browser().visit(async session => {
      session.put('a', 1)
      await session.destroy()
    })
    t.equal(response.statusCode, 200)
    t.notOk(response.headers['set-cookie'])
    t.strictSame(calls, [])
  })

  t.test('renewToken changes the token and keeps the values; the old token is anonymous', async t => {
    const store = makeStore()
    const browser = (await startSite(t, store)).browser()
    await browser.visit(session => { session.put('a', { n: 1 }); session.put('b', 2) })
    const old = browser.copy()
    const { cookies } = await browser.visit(session => {
      (session.get('a') as { n: number }).n = 2
      session.renewToken()
      t.equal(session.token, old.token, 'until the commit')
      t.equal(session.status, 'modified')
    })
    t.equal(cookies.length, 1)
    t.not(browser.token, old.token)
    t.strictSame((await browser.visit(session => session.data())).value, { a: { n: 2 }, b: 2 })
    t.strictSame((await old.visit(session => session.data())).value, {})
  })

  t.test('renewToken begins a new lifetime, unless a deadline was set', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.put('a', 1); session.setDeadline(new Date(Date.now() + HOUR)) })
    await browser.visit(session => session.renewToken())
    await browser.visit(session => { t.ok(session.deadline.getTime() - Date.now() > 23 * HOUR) })
    const soon = new Date(Date.now() + 2 * HOUR)
    await browser.visit(session => { session.renewToken(); session.setDeadline(soon) })
    await browser.visit(session => { t.ok(Math.abs(session.deadline.getTime() - soon.getTime()) < HOUR) })
  })

  t.test('mergeSession takes the other values in, and the other session ends with the commit', async t => {
    const store = makeStore()
    const site = await startSite(t, store)
    const [browser, other] = [site.browser(), site.browser()]
    await browser.visit(session => { session.put('a', 1); session.put('b', 1) })
    await other.visit(session => { session.put('b', 2); session.put('c', { n: 2 }); session.setDeadline(new Date(Date.now() + 3 * DAY)) })
    const { token } = browser
    const { cookies } = await browser.visit(async session => {
      await session.mergeSession(other.token)
      t.strictSame(session.data(), { a: 1, b: 2, c: { n: 2 } })
      t.ok(session.deadline.getTime() - Date.now() > 2 * DAY, 'the later deadline')
      t.equal((await store.find([hashToken(other.token)])).sessions.length, 1, 'not before the commit')
      session.put('b', 3)
    })
    t.equal(cookies.length, 1, 'the cookie lives until the new deadline')
    t.equal(browser.token, token)
    t.strictSame((await browser.visit(session => session.data())).value, { a: 1, b: 3, c: { n: 2 } })
    t.strictSame((await other.visit(session => session.data())).value, {})
  })

  t.test('mergeSession of a visitor without a session begins one', async t => {
    const site = await startSite(t, makeStore())
    const [browser, other] = [site.browser(), site.browser()]
    await other.visit(session => session.put('a', 1))
    await browser.visit(async session => { await session.mergeSession(other.token) })
    t.not(browser.token, other.token)
    t.strictSame((await browser.visit(session => session.data())).value, { a: 1 })
    t.strictSame((await other.visit(session => session.data())).value, {})
  })

  t.test('mergeSession twice with one session, and with two', async t => {
    const site = await startSite(t, makeStore())
    const [browser, second, third] = [site.browser(), site.browser(), site.browser()]
    await browser.visit(session => session.put('a', 1))
    await second.visit(session => session.put('b', 2))
    await third.visit(session => session.put('c', 3))
    await browser.visit(async session => {
      await session.mergeSession(second.token)
      await session.mergeSession(second.token)
      await session.mergeSession(third.token)
    })
    t.strictSame((await browser.visit(session => session.data())).value, { a: 1, b: 2, c: 3 })
    for (const other of [second, third]) t.strictSame((await other.visit(session => session.data())).value, {})
  })

  t.test('mergeSession with a token of no live session changes nothing', async t => {
    const store = makeStore()
    const browser = (await startSite(t, store)).browser()
    await browser.visit(session => session.put('a', 1))
    const undecodable = newToken()
    await store.insert({ token: hashToken(undecodable), data: Buffer.from('?'), ttl: HOUR })
    const { response } = await browser.visit(async session => {
      for (const token of ['', 'x', newToken(), browser.token, undecodable]) await session.mergeSession(token)
      t.equal(session.status, 'unmodified')
      t.strictSame(session.data(), { a: 1 })
    })
    t.equal(response.statusCode, 200)
    t.equal((await store.find([hashToken(undecodable)])).sessions.length, 1)
  })

  t.test('mergeSession and renewToken in one commit', async t => {
    const site = await startSite(t, makeStore())
    const [browser, other] = [site.browser(), site.browser()]
    await browser.visit(session => session.put('a', 1))
    await other.visit(session => session.put('b', 2))
    const old = browser.copy()
    await browser.visit(async session => { session.renewToken(); await session.mergeSession(other.token) })
    t.strictSame((await browser.visit(session => session.data())).value, { a: 1, b: 2 })
    t.strictSame((await old.visit(session => session.data())).value, {})
    t.strictSame((await other.visit(session => session.data())).value, {})
  })

  t.test('a session that was destroyed while mergeSession asked for the other one takes it in all the same', async t => {
    const site = await startSite(t, makeStore())
    const [browser, other] = [site.browser(), site.browser()]
    await browser.visit(session => session.put('a', 1))
    await other.visit(session => session.put('b', 2))
    await browser.visit(async session => {
      const merging = session.mergeSession(other.token)
      await session.destroy()
      await merging
      t.strictSame(session.data(), { b: 2 })
    })
    t.strictSame((await browser.visit(session => session.data())).value, { b: 2 })
  })

  t.test('setDeadline moves the end of the session, and its cookie with it', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    const deadline = new Date(Date.now() + HOUR)
    const { cookies } = await browser.visit(session => {
      session.setDeadline(deadline)
      t.strictSame(session.deadline, deadline)
      session.put('a', 1)
    })
    t.match(cookies[0], /Max-Age=(3600|35\d\d);/)
    t.strictSame((await browser.visit(session => session.deadline)).value, deadline)
  })

  t.test('a session whose deadline has passed is anonymous, though its row is alive', async t => {
    const store = makeStore()
    const site = await startSite(t, store)
    const browser = site.browser()
    const token = newToken()
    await store.insert({ token: hashToken(token), data: Buffer.from('FSS1 0123456789abcdef 2020-01-01T00:00:00.000Z -\n{"a":1}'), ttl: HOUR })
    browser.jar.set('session', token)
    const { value, cookies } = await browser.visit(session => session.keys())
    t.strictSame(value, [])
    t.strictSame(cookies, [])
    t.strictSame(site.log.complaints, [])
  })

  t.test('a row that cannot be decoded is anonymous and left alone, and the next put begins a new session', async t => {
    const store = makeStore()
    const site = await startSite(t, store)
    const browser = site.browser()
    const token = newToken()
    await store.insert({ token: hashToken(token), data: Buffer.from('{"secret":"of another version"}'), ttl: HOUR })
    browser.jar.set('session', token)

    const { response, cookies } = await browser.visit(session => {
      t.equal(session.get('secret'), undefined)
      t.strictSame(session.keys(), [])
      t.equal(session.token, '')
    })
    t.equal(response.statusCode, 200)
    t.strictSame(cookies, [])
    t.strictSame(site.log.complaints, ['A session cannot be decoded, so the request is treated as one without a session; its row was left alone'])
    t.equal(site.log.lines.find(({ level }) => level === 40)?.err?.code, 'FST_SESSION_UNDECODABLE')
    t.notOk(site.log.text.includes('another version') || site.log.text.includes(token) || site.log.text.includes(hashToken(token)))

    await browser.visit(session => session.put('a', 1))
    t.not(browser.token, token)
    t.strictSame((await browser.visit(session => session.data())).value, { a: 1 })
    t.equal(Buffer.from((await store.find([hashToken(token)])).sessions[0]?.data ?? []).toString(), '{"secret":"of another version"}')
  })

  t.test('commit saves now, and the reply has nothing left to do', async t => {
    const { store, calls } = watched(makeStore())
    const browser = (await startSite(t, store)).browser()
    await browser.visit(session => session.put('a', 1))
    calls.length = 0
    const other = browser.copy()
    await browser.visit(async session => {
      session.put('a', 2)
      await session.commit()
      t.equal((await other.visit(otherSession => otherSession.get('a'))).value, 2)
      await session.commit()
    })
    t.strictSame(calls, ['find', 'update', 'find'])
  })

  t.test('a session that is committed twice in its first request keeps token, deadline and cookie', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    const { cookies } = await browser.visit(async session => {
      session.put('a', 1)
      t.ok(session.deadline)
      await session.commit()
      const { token, deadline } = session
      session.put('a', 2)
      await session.commit()
      t.equal(session.token, token)
      t.strictSame(session.deadline, deadline)
    })
    t.equal(cookies.length, 1)
    t.equal((await browser.visit(session => session.get('a'))).value, 2)
  })

  t.test('changes that are made while a commit is under way are saved by the next one', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => {
      session.put('a', 1)
      void session.commit()
      session.put('a', 2)
      void session.commit()
      session.put('b', 3)
    })
    t.strictSame((await browser.visit(session => session.data())).value, { a: 2, b: 3 })
  })

  t.test('after a commit that took another request\'s changes in, the session shows them', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.put('list', [1]); session.put('map', new Map()) })
    const other = browser.copy()
    await browser.visit(async session => {
      const list = session.get('list') as number[]
      const map = session.get('map')
      await other.visit(otherSession => { otherSession.put('map', 'other'); otherSession.put('theirs', 1) })
      session.put('mine', 1)
      session.rememberMe(true)
      await session.commit()
      t.strictSame(session.data(), { list: [1], map: 'other', mine: 1, theirs: 1 })
      t.equal(session.get('list'), list, 'what was not changed is still the same object')
      t.not(session.get('map'), map)
      list.push(2)
    })
    t.strictSame((await browser.visit(session => session.data())).value, { list: [1, 2], map: 'other', mine: 1, theirs: 1 })
  })

  t.test('set puts, and with undefined removes', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.set('a', 1); session.set('b', 2) })
    await browser.visit(session => { session.set('a', undefined); session.set('none', undefined) })
    t.strictSame((await browser.visit(session => session.data())).value, { b: 2 })
  })

  t.test('regenerate renews, and clears all but the keys it is told to keep', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.put('a', 1); session.put('b', [2]); session.put('c', 3) })
    const old = browser.copy()
    await browser.visit(async session => {
      await session.regenerate(['b', 'none'])
      t.strictSame(session.data(), { b: [2] })
    })
    t.not(browser.token, old.token)
    t.strictSame((await browser.visit(session => session.data())).value, { b: [2] })
    await browser.visit(async session => { await session.regenerate() })
    t.strictSame((await browser.visit(session => session.data())).value, {})
    t.strictSame((await old.visit(session => session.data())).value, {})
  })

  t.test('data is a copy', async t => {
    const browser = (await startSite(t, makeStore())).browser()
    await browser.visit(session => { session.put('__proto__', { a: [1] }); session.put('map', new Map([['a', 1]])) })
    await browser.visit(session => {
      const data = session.data()
      t.strictSame(Object.keys(data).sort(), ['__proto__', 'map'])
      t.equal(Object.getPrototypeOf(data), Object.prototype);
      (data['map'] as Map<string, number>).set('a', 2)
      t.strictSame(session.get('map'), new Map([['a', 1]]))
    })
    deepStrictEqual((await browser.visit(session => session.get('map'))).value, new Map([['a', 1]]))
  })

  t.test('a codec of the user\'s and the token itself in the table', async t => {
    const store = makeStore()
    const codec = {
      encode: ({ deadline, rememberMe, values }: { deadline: number, rememberMe: boolean | undefined, values: Map<string, unknown> }) =>
        Buffer.from(JSON.stringify({ deadline, rememberMe, values: [...values] })),
      decode: (data: Uint8Array) => {
        const { deadline, rememberMe, values } = JSON.parse(Buffer.from(data).toString()) as { deadline: number, rememberMe?: boolean, values: Array<[string, unknown]> }
        return { deadline, rememberMe, values: new Map(values) }
      }
    }
    const browser = (await startSite(t, { store, codec, hashTokenInStore: false })).browser()
    await browser.visit(session => session.put('a', 1))
    const other = browser.copy()
    await browser.visit(async session => {
      await other.visit(otherSession => otherSession.put('b', 2))
      session.update('a', a => Number(a) + 1)
    })
    t.strictSame((await browser.visit(session => session.data())).value, { a: 2, b: 2 })
    t.match(Buffer.from((await store.find([browser.token])).sessions[0]?.data ?? []).toString(), /^\{"deadline":/)
  })
})

t.test('a codec of the user\'s that returns something wrong is told so, and neither session nor row gets into the message', async t => {
  const right = { deadline: Date.now() + HOUR, rememberMe: undefined, values: new Map() }
  const bytes = Buffer.from('a secret')
  const encodes = 'codec.encode must return a Uint8Array, a Buffer for example'
  for (const encoded of ['a secret', undefined, new ArrayBuffer(8), Promise.resolve(bytes)]) {
    const { response, cookies } = await (await startSite(t, { codec: { encode: () => wrong(encoded), decode: () => right } })).browser().visit(session => session.put('a', 1))
    t.match(response.json(), { statusCode: 500, code: 'FST_SESSION_INVALID_OPTION', message: encodes })
    t.strictSame(cookies, [])
  }
  const decodes = 'codec.decode must return { deadline, rememberMe, values }, with a number for the deadline and a Map of the values'
  for (const decoded of [undefined, null, 'a secret', {}, { ...right, deadline: new Date() }, { ...right, values: { a: 1 } }]) {
    const site = await startSite(t, { codec: { encode: () => bytes, decode: () => wrong(decoded) } })
    const browser = site.browser()
    await browser.visit(session => session.put('a', 1))
    t.strictSame((await browser.visit(session => session.keys())).value, [])
    t.match(site.log.lines.find(({ level }) => level === 40)?.err, { message: decodes })
    t.notMatch(site.log.text, /a secret/)
  }
})

t.test('what a codec of the user\'s has in a session beside the named fields outlives changes and renewals', async t => {
  const encoded: unknown[] = []
  const codec: Codec = {
    encode (content) {
      encoded.push('extra' in content ? content.extra : undefined)
      return textCodec.encode(content)
    },
    decode: data => Object.assign(textCodec.decode(data), { extra: 'kept' })
  }
  const browser = (await startSite(t, { codec })).browser()
  await browser.visit(session => session.put('a', 1))
  await browser.visit(session => session.put('a', 2))
  await browser.visit(session => { session.renewToken() })
  t.strictSame(encoded, [undefined, 'kept', 'kept'])
})

t.test('a cookie that does not persist ends with the browser, unless the visitor is remembered', async t => {
  const browser = (await startSite(t, { cookie: { persist: false } })).browser()
  const first = await browser.visit(session => session.put('a', 1))
  t.match(first.cookies, [/^session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/])
  const remembered = await browser.visit(session => session.rememberMe(true))
  t.match(remembered.cookies, [/^session=[\w-]{43}; Max-Age=86400; Expires=[^;]+ GMT; Path=\/; HttpOnly; SameSite=Lax$/])
  const again = await browser.visit(session => session.rememberMe(true))
  t.strictSame(again.cookies, [])
  const renewed = await browser.visit(session => session.renewToken())
  t.match(renewed.cookies, [/Max-Age=86400/])
  const forgotten = await browser.visit(session => session.rememberMe(false))
  t.match(forgotten.cookies, [/^session=[\w-]{43}; Path=\/; HttpOnly; SameSite=Lax$/])
})

t.test('rememberMe(false) of a cookie that persists anyway is warned about, once', async t => {
  const site = await startSite(t)
  const browser = site.browser()
  await browser.visit(session => { session.rememberMe(true) })
  t.strictSame(site.log.complaints, [])
  for (let i = 0; i < 2; i++) await browser.visit(session => { session.rememberMe(false) })
  t.match(site.log.complaints, [/^rememberMe\(false\) has no effect, because the cookie "session" outlives the browser by default/])
  t.equal(site.log.complaints.length, 1)
})
