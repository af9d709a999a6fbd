import t from 'tap'
import { Changes } from '../../../plugin/commit/changes.js'

const newest = () => new Map<string, unknown>([['a', 1], ['b', 2]])

/** What the newest values become. */
function applied (change: (changes: Changes) => void, merged?: Map<string, Map<string, unknown>>): Record<string, unknown> {
  const changes = new Changes()
  change(changes)
  const values = newest()
  changes.apply(values, merged)
  return Object.fromEntries(values)
}
const increment = (value: unknown) => Number(value ?? 0) + 1

t.test('a put and a remove concern their key alone', async t => {
  t.strictSame(applied(changes => changes.put('c', 3)), { a: 1, b: 2, c: 3 })
  t.strictSame(applied(changes => changes.remove('a')), { b: 2 })
  t.strictSame(applied(changes => { changes.put('a', 3); changes.remove('a'); changes.put('b', 4) }), { b: 4 })
  t.strictSame(applied(changes => { changes.remove('a'); changes.put('a', 3) }), { a: 3, b: 2 })
})

t.test('an update is computed from the newest value, as often as it was asked for', async t => {
  t.strictSame(applied(changes => { changes.update('a', increment); changes.update('a', increment); changes.update('c', increment) }), { a: 3, b: 2, c: 1 })
})

t.test('an update after a put begins with what was put', async t => {
  t.strictSame(applied(changes => { changes.put('a', 10); changes.update('a', increment) }), { a: 11, b: 2 })
})

t.test('a put makes the updates before it of no account, so their functions do not run', async t => {
  t.strictSame(applied(changes => {
    changes.update('a', () => { throw new Error('ran') })
    changes.put('a', 5)
  }), { a: 5, b: 2 })
})

t.test('clear removes what there is at the commit, and puts after it stay', async t => {
  t.strictSame(applied(changes => { changes.put('c', 3); changes.clear(); changes.put('d', 4) }), { d: 4 })
})

t.test('clear spares the keys it is told to, whatever they are by then', async t => {
  t.strictSame(applied(changes => { changes.put('b', 3); changes.clear(['b', 'x']) }), { b: 3 })
  t.strictSame(applied(changes => { changes.clear(['b']) }), { b: 2 })
})

t.test('a remove after a clear takes away what the clear had spared', async t => {
  t.strictSame(applied(changes => { changes.put('b', 3); changes.clear(['b']); changes.remove('b') }), {})
})

t.test('a merge takes the other values in, and later changes win over them', async t => {
  const merged = new Map([['other', new Map<string, unknown>([['b', 20], ['c', 30]])]])
  t.strictSame(applied(changes => changes.merge('other'), merged), { a: 1, b: 20, c: 30 })
  t.strictSame(applied(changes => { changes.put('c', 3); changes.merge('other') }, merged), { a: 1, b: 20, c: 30 })
  t.strictSame(applied(changes => { changes.merge('other'); changes.put('c', 3) }, merged), { a: 1, b: 20, c: 3 })
  t.strictSame(applied(changes => changes.merge('unknown'), merged), { a: 1, b: 2 })
})

t.test('a clear after a merge leaves nothing of it, but the merged session still ends', async t => {
  const merged = new Map([['other', new Map<string, unknown>([['c', 30]])]])
  const changes = new Changes()
  changes.merge('other')
  changes.clear()
  const values = newest()
  changes.apply(values, merged)
  t.equal(values.size, 0)
  t.strictSame(changes.merged, ['other'])
})

t.test('changes that came first are applied first', async t => {
  const earlier = new Changes()
  earlier.put('a', 10)
  earlier.put('b', 20)
  const later = new Changes()
  later.update('a', increment)
  later.prepend(earlier)
  const values = newest()
  later.apply(values)
  t.strictSame(Object.fromEntries(values), { a: 11, b: 20 })
})

t.test('it is known whether there are changes, and which keys were put', async t => {
  const changes = new Changes()
  t.ok(changes.isEmpty)
  changes.update('a', increment)
  t.notOk(changes.isEmpty)
  t.notOk(changes.hasPut('a'))
  changes.put('a', 1)
  t.ok(changes.hasPut('a'))
  changes.update('a', increment)
  t.notOk(changes.hasPut('a'), 'an update came after it')
  changes.put('a', 1)
  changes.remove('a')
  t.notOk(changes.hasPut('a'))
  changes.put('a', 1)
  changes.merge('other')
  t.notOk(changes.hasPut('a'), 'a merge came after it')
})

t.test('what an update makes is checked whenever it is computed', async t => {
  t.throws(() => applied(changes => changes.update('a', () => undefined)),
    { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep a: the function given to update returned undefined\. / })
  t.throws(() => applied(changes => changes.update('a', () => [Symbol('s')])), { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep a\[0\]: it is a symbol\. / })
})

t.test('what an update throws is thrown on as it is', async t => {
  const error = new Error('mine')
  t.throws(() => applied(changes => changes.update('a', () => { throw error })), error)
})
