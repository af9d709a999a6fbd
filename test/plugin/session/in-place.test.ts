import t from 'tap'
import { memoryStore, type Codec } from '../../../plugin/index.js'
import { startSite } from '../../support/site.js'
import { watched } from '../../support/watched-store.js'

interface Things { items: string[] }

for (const looks of [false, true]) {
  t.test(`an object that get() gave before another request's change came in is saved when it is changed later${looks ? ', also after a look' : ''}`, async t => {
    const browser = (await startSite(t)).browser()
    await browser.visit(session => { session.put('things', { items: ['a'] }); session.put('gone', [1]) })
    const other = browser.copy()
    await browser.visit(async session => {
      const things = session.get('things') as Things
      const gone = session.get('gone') as number[]
      await other.visit(theirs => { theirs.put('things', { items: ['a', 'b'] }); theirs.remove('gone') })
      session.put('x', 1)
      await session.commit()
      if (looks) {
        t.strictSame(session.get('things'), { items: ['a', 'b'] }, 'the newer value is seen')
        t.equal(session.exists('gone'), false)
      }
      things.items.push('c')
      gone.push(2)
      t.equal(session.status, 'modified')
      t.equal(session.get('things'), things, 'from then on it is the value again')
    })
    t.strictSame((await browser.visit(session => session.data())).value, { things: { items: ['a', 'c'] }, gone: [1, 2], x: 1 })
  })
}

t.test('of two objects that get() gave for one key, the one that was changed is saved; of both, the later one', async t => {
  const site = await startSite(t)
  for (const changes of ['the first', 'the second', 'both']) {
    const browser = site.browser()
    await browser.visit(session => session.put('things', { items: ['a'] }))
    const other = browser.copy()
    await browser.visit(async session => {
      const first = session.get('things') as Things
      await other.visit(theirs => theirs.put('things', { items: ['b'] }))
      session.put('x', 1)
      await session.commit()
      const second = session.get('things') as Things
      t.not(second, first)
      if (changes !== 'the second') first.items.push('first')
      if (changes !== 'the first') second.items.push('second')
    })
    const items = changes === 'the first' ? ['a', 'first'] : ['b', 'second']
    t.strictSame((await browser.visit(session => session.get('things'))).value, { items }, changes)
  }
})

t.test('a put, a remove or a clear after get() ends the old object\'s part', async t => {
  const browser = (await startSite(t)).browser()
  await browser.visit(session => { for (const key of ['put', 'removed', 'cleared', 'kept']) session.put(key, { items: ['a'] }) })
  await browser.visit(session => {
    const objects = ['put', 'removed', 'cleared', 'kept'].map(key => session.get(key) as Things)
    session.put('put', { items: ['mine'] })
    session.remove('removed')
    void session.regenerate(['put', 'kept'])
    for (const { items } of objects) items.push('late')
  })
  t.strictSame((await browser.visit(session => session.data())).value, { put: { items: ['mine'] }, kept: { items: ['a', 'late'] } })
})

t.test('what was changed in place before mergeSession() is kept, and so is what is changed after it', async t => {
  const site = await startSite(t)
  const [browser, merged] = [site.browser(), site.browser()]
  await browser.visit(session => { session.put('before', { items: ['a'] }); session.put('after', { items: ['a'] }); session.put('both', { items: ['a'] }) })
  await merged.visit(session => { session.put('both', { items: ['theirs'] }) })
  await browser.visit(async session => {
    const before = session.get('before') as Things
    const after = session.get('after') as Things
    const both = session.get('both') as Things
    before.items.push('b')
    both.items.push('b')
    await session.mergeSession(merged.token)
    after.items.push('b')
    t.strictSame(session.get('both'), { items: ['theirs'] })
  })
  t.strictSame((await browser.visit(session => session.data())).value,
    { before: { items: ['a', 'b'] }, after: { items: ['a', 'b'] }, both: { items: ['theirs'] } })
})

t.test('an object of a class, which only the codec can compare, does not count as changed', async t => {
  class Money { cents = 0 }
  const codec: Codec = {
    encode: ({ deadline, values }) => Buffer.from(JSON.stringify([deadline, (values.get('money') as Money).cents])),
    decode: data => {
      const [deadline, cents] = JSON.parse(Buffer.from(data).toString()) as [number, number]
      return { deadline, rememberMe: undefined, values: new Map([['money', Object.assign(new Money(), { cents })]]) }
    },
    holds: (data, key, value) => key === 'money' && (codec.decode(data).values.get(key) as Money).cents === (value as Money).cents
  }
  const { store, calls } = watched(memoryStore())
  const browser = (await startSite(t, { store, codec })).browser()
  await browser.visit(session => { session.put('money', { cents: 5 }) })
  const { response, value } = await browser.visit(session => session.get('money'))
  t.equal(response.statusCode, 200)
  t.ok(value instanceof Money)
  t.notOk(calls.includes('update'))
  const changing = await browser.visit(session => { (session.get('money') as Money).cents = 6 })
  t.match(changing.response.json(), { code: 'FST_SESSION_INVALID_VALUE' }, 'a session cannot keep such an object')
})
