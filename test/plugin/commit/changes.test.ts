import t from 'tap'
import type { SessionContent } from '../../../plugin/index.js'
import { Changes } from '../../../plugin/commit/changes.js'

const DEADLINE = 1000
const content = (values: Record<string, unknown> = { a: 1, b: 2 }, deadline = DEADLINE): SessionContent =>
  ({ values: new Map(Object.entries(values)), deadline, rememberMe: undefined })
const other = content({ b: 20, c: 30 }, DEADLINE + 1)
const increment = (value: unknown) => Number(value ?? 0) + 1

/** What the newest content becomes. */
function appliedTo (newest: SessionContent, change: (changes: Changes) => void, merged?: ReadonlyMap<string, SessionContent>): SessionContent {
  const changes = new Changes()
  change(changes)
  changes.apply(newest, merged)
  return newest
}

/** What the newest values become. */
function applied (change: (changes: Changes) => void, merged?: ReadonlyMap<string, SessionContent>): Record<string, unknown> {
  return valuesOf(appliedTo(content(), change, merged))
}
const valuesOf = ({ values }: SessionContent): Record<string, unknown> => Object.fromEntries(values)

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

t.test('a put replaces the updates before it, so their functions do not run', async t => {
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

t.test('a clear keeps deadline, rememberMe and a renewal', async t => {
  const changes = new Changes()
  changes.setDeadline(5)
  changes.rememberMe(true)
  changes.renew()
  changes.clear()
  const newest = content()
  changes.apply(newest)
  t.strictSame(newest, { values: new Map(), deadline: 5, rememberMe: true })
  t.ok(changes.renews)
})

t.test('a merge takes the other values in, as they are by then, and later changes win over them', async t => {
  const newer = new Map([['other', content({ b: 21, c: 30 })]])
  t.strictSame(applied(changes => changes.merge('other', other), newer), { a: 1, b: 21, c: 30 })
  t.strictSame(applied(changes => { changes.put('c', 3); changes.merge('other', other) }, newer), { a: 1, b: 21, c: 30 })
  t.strictSame(applied(changes => { changes.merge('other', other); changes.put('c', 3) }, newer), { a: 1, b: 21, c: 3 })
  t.strictSame(applied(changes => changes.merge('other', other)), { a: 1, b: 20, c: 30 }, 'as they were, if nothing newer is known')
})

t.test('the deadline is the one that was set last, or the later one of a merge after that', async t => {
  const deadlineAfter = (change: (changes: Changes) => void) => appliedTo(content(), change).deadline
  t.equal(deadlineAfter(changes => { changes.setDeadline(5); changes.setDeadline(6) }), 6)
  t.equal(deadlineAfter(changes => { changes.merge('other', other); changes.setDeadline(5) }), 5)
  t.equal(deadlineAfter(changes => { changes.setDeadline(5); changes.merge('other', other) }), DEADLINE + 1)
  t.equal(deadlineAfter(changes => { changes.merge('other', content({}, 1)) }), DEADLINE)
})

t.test('a clear after a merge leaves nothing of it, but the merged session still ends', async t => {
  const changes = new Changes()
  changes.merge('other', other)
  changes.clear()
  const newest = content()
  changes.apply(newest)
  t.equal(newest.values.size, 0)
  t.strictSame(changes.merged, ['other'])
})

t.test('changes that are put back come before those that were made since', async t => {
  const taken = new Changes()
  taken.put('a', 10)
  taken.put('b', 20)
  taken.setDeadline(5)
  const later = taken.followedBy()
  later.update('a', increment)
  taken.putBack()
  const newest = content()
  later.apply(newest)
  t.strictSame(newest, content({ a: 11, b: 20 }, 5))
  t.ok(later.hasFailed)

  t.ok(later.dropFailed())
  t.notOk(later.hasFailed)
  t.notOk(later.dropFailed())
  const again = content()
  later.apply(again)
  t.strictSame(again, content({ a: 2, b: 2 }), 'what was made since stays when the failed changes are dropped')
})

t.test('changes that a row holds already, by an attempt whose answer was lost, are not applied to it again', async t => {
  const version = (text: string) => Buffer.from(text)
  const taken = new Changes()
  taken.update('a', increment)
  taken.noteAttempt(version('one'))
  const second = taken.followedBy()
  taken.putBack()
  second.update('b', increment)
  second.noteAttempt(version('two'))
  second.noteAttempt(undefined)
  const third = second.followedBy()
  second.putBack()
  third.update('c', increment)

  const appliedOver = (row: string | undefined) => {
    const newest = content({})
    third.missingIn(row === undefined ? undefined : version(row)).apply(newest)
    return valuesOf(newest)
  }
  t.strictSame(appliedOver('one'), { b: 1, c: 1 })
  t.strictSame(appliedOver('two'), { c: 1 })
  t.strictSame(appliedOver('another'), { a: 1, b: 1, c: 1 })
  t.strictSame(appliedOver(undefined), { a: 1, b: 1, c: 1 }, 'a row whose codec writes no version')
  t.equal(third.missingIn(version('another')), third)
})

t.test('it is known whether there are changes, and which keys were put', async t => {
  const changes = new Changes()
  t.ok(changes.isEmpty)
  changes.update('a', increment)
  t.notOk(changes.isEmpty)
  t.notOk(changes.hasPut('a'))
  changes.put('a', 1)
  changes.setDeadline(5)
  t.ok(changes.hasPut('a'))
  changes.update('a', increment)
  t.notOk(changes.hasPut('a'), 'an update came after it')
  changes.put('a', 1)
  changes.remove('a')
  t.notOk(changes.hasPut('a'))
  changes.put('a', 1)
  changes.merge('other', other)
  t.notOk(changes.hasPut('a'), 'a merge came after it')
})

t.test('the last puts are those that no later change concerns', async t => {
  const changes = new Changes()
  changes.put('before', 1)
  changes.clear(['before'])
  changes.put('a', 1)
  changes.put('updated', 1)
  changes.put('removed', 1)
  changes.put('b', 2)
  changes.update('updated', increment)
  changes.remove('removed')
  changes.rememberMe(true)
  t.strictSame(Object.fromEntries(changes.lastPuts()), { a: 1, b: 2 })
})

t.test('what an update makes is checked whenever it is computed', async t => {
  t.throws(() => applied(changes => changes.update('a', () => undefined)),
    { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep a: the function given to update returned undefined\. / })
  t.throws(() => applied(changes => changes.update('a', () => [Symbol('s')])), { code: 'FST_SESSION_INVALID_VALUE', message: /^The session cannot keep a\[0\]: it is a symbol\. / })
})

t.test('what an update throws is thrown as it is, and the content is as before', async t => {
  const error = new Error('mine')
  for (const before of [
    (changes: Changes) => { changes.put('a', 3); changes.put('a', 4); changes.put('new', 1); changes.remove('b') },
    (changes: Changes) => { changes.update('a', increment); changes.update('a', increment); changes.clear(); changes.put('b', 5) },
    (changes: Changes) => { changes.merge('other', other); changes.setDeadline(5); changes.rememberMe(true); changes.remove('c') }
  ]) {
    const newest = content()
    t.throws(() => appliedTo(newest, changes => { before(changes); changes.update('z', () => { throw error }) }), error)
    t.strictSame(newest, content())
  }
})
