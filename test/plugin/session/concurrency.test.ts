import { dataOf, makeApplication, newSession, onEachDatabase, onEachStore, type Application, type Deed } from '../../support/application.js'
import { Barrier } from '../../support/barrier.js'

/** Sends a request for each deed; all of them have loaded the session before the first deed is done. */
async function together (applications: readonly Application[], token: string, deeds: readonly Deed[]) {
  const loaded = new Barrier(deeds.length)
  return await Promise.all(deeds.map(async (deed, i) => await (applications[i % applications.length] as Application).visit(token, async (request, reply) => {
    request.session.keys()
    await loaded.arrive()
    return await deed(request, reply)
  })))
}

/** The first deed is done and answered before the second begins, but both have loaded the session. */
async function inOrder (applications: readonly Application[], token: string, deeds: readonly Deed[]) {
  const loaded = new Barrier(deeds.length)
  let last: Promise<unknown> = Promise.resolve()
  const visits = deeds.map(async (deed, i) => {
    const application = applications[i % applications.length] as Application
    const before = last
    const visit = application.visit(token, async (request, reply) => {
      request.session.keys()
      await loaded.arrive()
      await before
      return await deed(request, reply)
    })
    last = visit
    return await visit
  })
  return await Promise.all(visits)
}

const statuses = (visits: ReadonlyArray<{ readonly status: number }>) => [...new Set(visits.map(({ status }) => status))]

onEachStore('50 requests of one application, all of which have loaded the session before the first commits, each keep their key', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application)
  const visits = await together([application], token, Array.from({ length: 50 }, (_, i): Deed => ({ session }) => { session.put(`key${i}`, i); return 'ok' }))
  t.strictSame(statuses(visits), [200])
  t.same(await dataOf(application, token), { user: 'ada', ...Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key${i}`, i])) })
})

onEachStore('200 requests that count in one session count to 200', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application)
  const visits = await together([application], token, Array.from({ length: 200 }, (): Deed => ({ session }) => { session.update('n', n => Number(n ?? 0) + 1); return 'ok' }))
  t.strictSame(statuses(visits), [200])
  t.strictSame(await dataOf(application, token), { user: 'ada', n: 200 })
})

onEachStore('what update returned is final after a commit', async (t, place) => {
  const application = makeApplication(t, place.options)
  const other = makeApplication(t, place.options)
  const token = await newSession(application)
  const count: Deed = async ({ session }) => {
    session.update('n', n => Number(n ?? 0) + 1)
    await session.commit()
    return String(session.get('n'))
  }
  const visits = await inOrder([application, other], token, [count, count, count, count])
  t.strictSame(visits.map(({ body }) => body), ['1', '2', '3', '4'])
})

/** Two requests that have both loaded `before`; the first is answered before the second changes anything. */
const pairs: Array<{ name: string, before: Record<string, unknown>, first: Deed, second: Deed, after: Record<string, unknown> }> = [
  {
    name: 'of two that set one key the later commit wins',
    before: { a: 0 },
    first: ({ session }) => { session.put('a', 1); return 'ok' },
    second: ({ session }) => { session.put('a', 2); return 'ok' },
    after: { a: 2 }
  },
  {
    name: 'clear removes what another request has added meanwhile, and later puts follow it',
    before: { a: 0 },
    first: ({ session }) => { session.put('b', 1); return 'ok' },
    second: ({ session }) => { session.put('lost', 1); session.clear(); session.put('c', 2); return 'ok' },
    after: { c: 2 }
  },
  {
    name: 'clear of an empty session removes what another request has added meanwhile',
    before: {},
    first: ({ session }) => { session.put('b', 1); return 'ok' },
    second: ({ session }) => { session.clear(); return 'ok' },
    after: {}
  },
  {
    name: 'a put after another request\'s clear is kept',
    before: { a: 0 },
    first: ({ session }) => { session.clear(); return 'ok' },
    second: ({ session }) => { session.put('b', 1); return 'ok' },
    after: { b: 1 }
  },
  {
    name: 'remove concerns its own key',
    before: { a: 0, b: 0 },
    first: ({ session }) => { session.put('b', 1); return 'ok' },
    second: ({ session }) => { session.remove('a'); return 'ok' },
    after: { b: 1 }
  },
  {
    name: 'remove takes away what another request has put there',
    before: { a: 0 },
    first: ({ session }) => { session.put('a', 1); return 'ok' },
    second: ({ session }) => { session.remove('a'); return 'ok' },
    after: {}
  },
  {
    name: 'pop concerns its own key',
    before: { flash: 'hello', b: 0 },
    first: ({ session }) => { session.put('b', 1); return 'ok' },
    second: ({ session }) => String(session.pop('flash')),
    after: { b: 1 }
  },
  {
    name: 'a change in place is merged with another request\'s keys',
    before: { cart: ['apple'] },
    first: ({ session }) => { session.put('b', 1); return 'ok' },
    second: ({ session }) => { (session.get('cart') as string[]).push('pear'); return 'ok' },
    after: { cart: ['apple', 'pear'], b: 1 }
  },
  {
    name: 'of two changes in place of one value the later commit wins',
    before: { cart: ['apple'] },
    first: ({ session }) => { (session.get('cart') as string[]).push('fig'); return 'ok' },
    second: ({ session }) => { (session.get('cart') as string[]).push('pear'); return 'ok' },
    after: { cart: ['apple', 'pear'] }
  },
  {
    name: 'a value that was only looked at is not written back',
    before: { cart: ['apple'], n: 0 },
    first: ({ session }) => { session.put('cart', []); return 'ok' },
    second: ({ session }) => { session.get('cart'); session.put('n', 1); return 'ok' },
    after: { cart: [], n: 1 }
  },
  {
    name: 'update after put and put after update keep their order',
    before: { n: 1, m: 1 },
    first: ({ session }) => { session.put('n', 10); session.put('m', 10); return 'ok' },
    second: ({ session }) => {
      session.put('n', 5)
      session.update('n', n => Number(n) + 1)
      session.update('m', m => Number(m) + 1)
      session.put('m', 7)
      return 'ok'
    },
    after: { n: 6, m: 7 }
  }
]

for (const { name, before, first, second, after } of pairs) {
  onEachStore(name, async (t, place) => {
    const application = makeApplication(t, place.options)
    const other = makeApplication(t, place.options)
    const token = await newSession(application, { gone: 0, ...before })
    await application.visit(token, ({ session }) => { session.remove('gone'); return 'ok' })
    const visits = await inOrder([application, other], token, [first, second])
    t.strictSame(statuses(visits), [200])
    t.strictSame(await dataOf(application, token), after)
  })
}

onEachStore('a deadline, rememberMe and values that different requests set are all kept', async (t, place) => {
  const application = makeApplication(t, { ...place.options, cookie: { persist: false } })
  const other = makeApplication(t, { ...place.options, cookie: { persist: false } })
  const token = await newSession(application)
  const deadline = new Date(Date.now() + 10_000_000)
  const visits = await inOrder([application, other], token, [
    ({ session }) => { session.setDeadline(deadline); return 'ok' },
    ({ session }) => { session.rememberMe(true); return 'ok' },
    ({ session }) => { session.put('a', 1); return 'ok' }
  ])
  t.strictSame(statuses(visits), [200])
  const { body, token: again } = await application.visit(token, ({ session }) => { session.put('b', 1); return session.deadline.toISOString() })
  t.equal(body, deadline.toISOString())
  t.equal(again, undefined, 'the deadline is the one in the cookie, so there is no new cookie')
  t.match(visits[1]?.headers['set-cookie'], /Max-Age=(9999|10000);/, 'the cookie of the second is remembered until the first one\'s deadline')
  t.strictSame(await dataOf(application, token), { user: 'ada', a: 1, b: 1 })
})

onEachStore('of two deadlines the later commit\'s wins', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application)
  const sooner = new Date(Date.now() + 5_000_000)
  await inOrder([application], token, [
    ({ session }) => { session.setDeadline(new Date(Date.now() + 9_000_000)); return 'ok' },
    ({ session }) => { session.setDeadline(sooner); return 'ok' }
  ])
  t.equal((await application.visit(token, ({ session }) => session.deadline.toISOString())).body, sooner.toISOString())
})

onEachStore('requests that were written together do not share the objects that one of them has put', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application)
  const cart = { items: ['apple'] }
  const done = new Barrier(3)
  const deeds = [0, 1, 2].map((i): Deed => async ({ session }) => {
    if (i === 0) session.put('cart', cart)
    else session.put(`k${i}`, i)
    await session.commit()
    await done.arrive()
    if (i > 0) (session.get('cart') as typeof cart | undefined)?.items.push('only mine')
    return 'ok'
  })
  await together([application], token, deeds)
  t.strictSame(cart, { items: ['apple'] })
})

onEachStore('an update whose function throws only on the newer value fails its own request alone', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application, { seats: 1 })
  const book: Deed = ({ session }) => {
    session.update('seats', seats => {
      if (Number(seats) === 0) throw Object.assign(new Error('sold out'), { statusCode: 422 })
      return Number(seats) - 1
    })
    return 'booked'
  }
  const visits = await together([application], token, [
    ({ session }) => { session.put('a', 1); return 'ok' },
    book,
    book,
    ({ session }) => { session.put('b', 1); return 'ok' },
    book,
    ({ session }) => { session.update('b2', () => 1); return 'ok' }
  ])
  t.strictSame(visits.map(({ status }) => status).sort(), [200, 200, 200, 200, 422, 422])
  for (const { status, body } of visits) if (status === 422) t.notMatch(body, 'booked')
  t.strictSame(await dataOf(application, token), { seats: 0, a: 1, b: 1, b2: 1 })
})

onEachDatabase('a put that makes the session too large fails its own request alone, though it was written together with others', async (t, { options, database, sqlServer }) => {
  await database?.connection.query('CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data BLOB NOT NULL, expiry TIMESTAMP(6) NOT NULL, KEY (expiry))')
  await sqlServer?.query('CREATE TABLE sessions (token CHAR(43) PRIMARY KEY, data VARBINARY(8000) NOT NULL, expiry DATETIME2(6) NOT NULL)')
  const application = makeApplication(t, options)
  const token = await newSession(application)
  const visits = await together([application], token, [
    ({ session }) => { session.put('a', 1); return 'ok' },
    ({ session }) => { session.put('b', 1); return 'ok' },
    ({ session }) => { session.put('large', 'x'.repeat(70_000)); return 'ok' },
    ({ session }) => { session.put('c', 1); return 'ok' }
  ])
  t.strictSame(visits.map(({ status }) => status), [200, 200, 500, 200])
  t.match(JSON.parse(visits[2]?.body ?? ''), { code: 'FST_SESSION_TOO_LARGE', message: database === undefined ? /8000 bytes/ : /65535 bytes/ })
  t.strictSame(await dataOf(application, token), { user: 'ada', a: 1, b: 1, c: 1 })
})

onEachStore('two sessions become one: the other\'s values win, it ends, and the later deadline stays', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application, { a: 1, b: 1 })
  const other = await newSession(application, { b: 2, c: 2 })
  const late = new Date(Date.now() + 200_000_000)
  await application.visit(other, ({ session }) => { session.setDeadline(late); return 'ok' })
  const visit = await application.visit(token, async ({ session }) => {
    session.put('d', 3)
    await session.mergeSession(other)
    session.put('e', 4)
    return JSON.stringify(session.data())
  })
  t.strictSame(JSON.parse(visit.body), { a: 1, b: 2, c: 2, d: 3, e: 4 })
  t.strictSame(await dataOf(application, token), { a: 1, b: 2, c: 2, d: 3, e: 4 })
  t.strictSame(await dataOf(application, other), {}, 'the other one has ended')
  t.equal((await application.visit(token, ({ session }) => session.deadline.toISOString())).body, late.toISOString())
})

onEachStore('a merge takes what both sessions hold when it commits', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application, { a: 1 })
  const other = await newSession(application, { b: 1 })
  await application.visit(token, async ({ session }) => {
    await session.mergeSession(other)
    await application.visit(other, ({ session }) => { session.put('b', 2); return 'ok' })
    await application.visit(token, ({ session }) => { session.put('a', 2); return 'ok' })
    return 'ok'
  })
  t.strictSame(await dataOf(application, token), { a: 2, b: 2 })
})

onEachStore('a visitor without a session who merges one in gets a new token', async (t, place) => {
  const application = makeApplication(t, place.options)
  const other = await newSession(application, { b: 1 })
  const visit = await application.visit(undefined, async ({ session }) => { await session.mergeSession(other); return 'ok' })
  t.strictSame(await dataOf(application, visit.token), { b: 1 })
  t.strictSame(await dataOf(application, other), {})
})

onEachStore('a merge of a session that ends meanwhile is refused, and this one is left as it was', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application, { a: 1 })
  const other = await newSession(application, { b: 1 })
  const visit = await application.visit(token, async ({ session }) => {
    await session.mergeSession(other)
    await application.visit(other, async ({ session }) => { await session.destroy(); return 'ok' })
    return 'ok'
  })
  t.equal(visit.status, 409)
  t.strictSame(await dataOf(application, token), { a: 1 })
})

onEachStore('of two requests that merge one session into theirs, one gets it', async (t, place) => {
  const application = makeApplication(t, place.options)
  const second = makeApplication(t, place.options)
  const tokens = [await newSession(application, { a: 1 }), await newSession(application, { a: 2 })]
  const other = await newSession(application, { b: 1 })
  const merged = new Barrier(2)
  const visits = await Promise.all(tokens.map(async (token, i) => await (i === 0 ? application : second).visit(token, async ({ session }) => {
    await session.mergeSession(other)
    await merged.arrive()
    return 'ok'
  })))
  t.strictSame(visits.map(({ status }) => status).sort(), [200, 409])
  const data = await Promise.all(tokens.map(async token => await dataOf(application, token)))
  t.equal(data.filter(values => (values as { b?: number }).b === 1).length, 1)
})

onEachStore('a renewal keeps what another request has put meanwhile', async (t, place) => {
  const application = makeApplication(t, place.options)
  const other = makeApplication(t, place.options)
  const token = await newSession(application, { a: 1 })
  const visits = await inOrder([application, other], token, [
    ({ session }) => { session.put('b', 1); return 'ok' },
    ({ session }) => { session.renewToken(); session.put('c', 1); return 'ok' }
  ])
  t.strictSame(await dataOf(application, visits[1]?.token), { a: 1, b: 1, c: 1 })
})
