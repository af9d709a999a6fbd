/* Exclusive work in one process: whose turn it is, and stores of the user's. */
import { setImmediate as turn } from 'node:timers/promises'
import t from 'tap'
import { guarded } from '../../stores/guard.js'
import { memoryStore } from '../../stores/memory/memory.js'
import type { SessionStore } from '../../stores/store.js'
import { Turns } from '../../stores/turns.js'
import { exclusivelyOf, lasting, LONG } from '../support/exclusive.js'

const later = () => performance.now() + LONG

t.test('calls of one name have their turn in the order in which they came', async t => {
  const turns = new Turns()
  const order: number[] = []
  await Promise.all([1, 2, 3, 4].map(async i => { await turns.run('a', later(), async () => { await turn(); order.push(i) }) }))
  t.same(order, [1, 2, 3, 4])
})

t.test('no more names are taken at a time than may be, and a name that is waited for holds up no other', async () => {
  const turns = new Turns(2)
  const [a, b, second, c] = [lasting(), lasting(), lasting(), lasting()]
  const running = [turns.run('a', later(), a.turn), turns.run('b', later(), b.turn), turns.run('a', later(), second.turn), turns.run('c', later(), c.turn)]
  await Promise.all([a.begun, b.begun])
  b.end()
  await c.begun
  a.end()
  await second.begun
  second.end()
  c.end()
  await Promise.all(running)
})

t.test('who waits too long is refused, and leaves its place to the next', async t => {
  const turns = new Turns(1)
  const first = lasting()
  const running = turns.run('a', later(), first.turn)
  await Promise.all([
    t.rejects(turns.run('a', performance.now() + 5, async () => {}), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: 'The session store is not available: somebody else\'s exclusive work took longer than this call waits' }),
    t.rejects(turns.run('b', performance.now() + 5, async () => {}), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  ])
  const next = turns.run('b', later(), async () => 'next')
  first.end()
  await running
  t.equal(await next, 'next')
  t.equal(await turns.run('a', later(), async () => 'last'), 'last')
})

t.test('too many callers are refused at once', async t => {
  const turns = new Turns()
  const first = lasting()
  const running = turns.run('a', later(), first.turn)
  const waiting = Array.from({ length: 10_000 }, async () => { await turns.run('a', later(), async () => {}) })
  await t.rejects(turns.run('b', later(), async () => {}), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /10000 calls are waiting for it$/ })
  first.end()
  await Promise.all([running, ...waiting])
})

t.test('a memory store that is closed refuses who waits and who comes, and lets work end that has begun', async t => {
  const store = memoryStore()
  const exclusively = exclusivelyOf(store)
  const { work, begun, end } = lasting()
  const running = exclusively('a', work, LONG)
  await begun
  const waiting = t.rejects(exclusively('a', async () => {}, LONG), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /closed/ })
  await store.close()
  await waiting
  await t.rejects(exclusively('b', async () => {}, LONG), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /closed/ })
  end()
  t.equal(await running, 'done')
})

t.test('a wrong name or timeout is refused', async t => {
  const store = memoryStore()
  for (const name of ['', 'a'.repeat(61), 'ä', 'a\n', undefined as unknown as string]) {
    await t.rejects(exclusivelyOf(store)(name, async () => {}), { code: 'FST_SESSION_INVALID_OPTION', message: /^The name of exclusive work must be 1 to 60 characters of printable ASCII, not / })
  }
  for (const timeout of [0, -1, NaN, Infinity, 1.5]) {
    await t.rejects(exclusivelyOf(store)('a', async () => {}, timeout), { code: 'FST_SESSION_INVALID_OPTION', message: /^timeout must be / })
  }
})

/** A store of the user's with these methods in place of the memory store's. */
function usersStore (methods: Partial<SessionStore>): SessionStore {
  const store = memoryStore()
  const own = Object.fromEntries((['open', 'find', 'insert', 'update', 'touch', 'delete', 'rewrite', 'scan', 'count', 'exclusively', 'deleteExpired', 'stopCleanup', 'close'] as const).map(name => {
    const method = store[name]?.bind(store)
    return [name, method]
  }))
  return { ...own, ...methods } as SessionStore
}

t.test('a store of the user\'s: what it has is handed on', async t => {
  const asked: unknown[] = []
  const store = guarded(usersStore({ keepsOwners: true, scan: async function * (...options) { asked.push(options) }, count: async owner => owner === undefined ? 3 : 1 }), LONG)
  t.equal(store.keepsOwners, true)
  for await (const session of store.scan(5, { owner: 'me', after: 'a' })) t.fail(session.token)
  t.same(asked, [[5, { owner: 'me', after: 'a' }]])
  t.same([await store.count?.(), await store.count?.('me')], [3, 1])
  t.equal(await exclusivelyOf(store)('a', async () => 'done'), 'done')
  const simpler = usersStore({})
  delete simpler.count
  delete simpler.exclusively
  const without = guarded(simpler, LONG)
  t.notOk('count' in without || 'exclusively' in without || 'keepsOwners' in without)
})

t.test('a store of the user\'s: a wrong count is an error that names it', async t => {
  for (const answer of [-1, NaN, '5', undefined]) {
    const store = guarded(usersStore({ count: async () => answer as number }), LONG)
    await t.rejects(async () => await store.count?.(), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /^The store's count gave a wrong answer: it must be a whole number of 0 or more, not / })
  }
})

t.test('a store of the user\'s: exclusive work begins in time or never, and its own error is handed on', async t => {
  const error = new Error('of the work')
  await t.rejects(exclusivelyOf(guarded(usersStore({}), LONG))('a', async () => { throw error }), error)

  let begin: (() => Promise<unknown>) | undefined
  const late = guarded(usersStore({ exclusively: async (_name, work) => await new Promise(resolve => { begin = async () => { resolve(await work(new AbortController().signal)) } }) }), LONG)
  await t.rejects(exclusivelyOf(late)('a', async () => { t.fail('it is too late') }, 5), { code: 'FST_SESSION_STORE_UNAVAILABLE', statusCode: 503 })
  await begin?.()

  const failing = guarded(usersStore({ exclusively: async () => { throw new Error('token aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa') } }), LONG)
  await t.rejects(exclusivelyOf(failing)('a', async () => {}), { code: 'FST_SESSION_STORE_UNAVAILABLE' })
  const never = guarded(usersStore({ exclusively: async () => undefined as never }), LONG)
  await t.rejects(exclusivelyOf(never)('a', async () => {}), { code: 'FST_SESSION_STORE_MISCONFIGURED', message: /without a call of the work/ })
})
