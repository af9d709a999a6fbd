import t from 'tap'
import { Lanes, type BatchKind } from '../../../stores/sql/batch.js'
import { StoreUnavailableError } from '../../../stores/errors.js'
import { latch, type Latch } from '../../support/barrier.js'

/** A statement that the test answers. */
interface Statement {
  readonly items: readonly string[]
  readonly deadline: number
  answer (): void
  fail (error: Error): void
}

const apart = new Error('one of them is to blame')
const locked = new Error('a row is locked')
const lost = new Error('lost')

/** A kind of batch whose statements wait for the test. An item 'key:…' locks the row 'key'; one without a colon locks none. */
function kindOf (lanes: Lanes, options: Partial<BatchKind<string, string>> = {}) {
  const statements: Statement[] = []
  const waiters: Array<{ readonly count: number, readonly latch: Latch }> = []
  const timeout = 60_000
  const sendUntil = lanes.batch<string, string>({
    maxItems: 4,
    maxBytes: 1000,
    bytes: item => item.length,
    keys: item => item.includes(':') ? [item.slice(0, item.indexOf(':'))] : [],
    send: async (items, deadline) => await new Promise<readonly string[]>((resolve, reject) => {
      statements.push({ items, deadline, answer: () => resolve(items.map(item => item.toUpperCase())), fail: reject })
      for (const { count, latch } of waiters) if (statements.length >= count) latch.open()
    }),
    canRetryIndividually: error => error === apart || error === locked,
    isLocked: error => error === locked,
    failure: error => new Error(`failed: ${(error as Error).message}`),
    ...options
  })
  const send = async (item: string, left = timeout): Promise<string> => await sendUntil(item, performance.now() + left)
  /** The statement of this number, once it is sent. */
  const statement = async (index: number): Promise<Statement> => {
    const sent = latch()
    waiters.push({ count: index + 1, latch: sent })
    if (statements.length > index) sent.open()
    await sent.opened
    return statements[index] as Statement
  }
  return { send, statements, statement }
}

const lanesOf = (limit: number, mostCallers = 10_000) => new Lanes({ limit, mostCallers, isLocked: error => error === locked, failure: error => error })
const turn = async () => { for (let i = 0; i < 5; i++) await new Promise(resolve => setImmediate(resolve)) }

t.test('what is asked in one turn goes out together, and each gets its own answer', async t => {
  const { send, statements, statement } = kindOf(lanesOf(1))
  const answers = ['a', 'b', 'c'].map(async item => await send(item))
  const first = await statement(0)
  t.strictSame(first.items, ['a', 'b', 'c'])
  t.ok(first.deadline > performance.now() && first.deadline <= performance.now() + 60_000)
  first.answer()
  t.strictSame(await Promise.all(answers), ['A', 'B', 'C'])
  t.equal(statements.length, 1)
})

t.test('what comes while a statement is under way is the next one', async t => {
  const { send, statements, statement } = kindOf(lanesOf(1))
  const first = send('a')
  const sent = await statement(0)
  const later = [send('b'), send('c')]
  await turn()
  t.equal(statements.length, 1, 'there is one lane')
  sent.answer()
  t.equal(await first, 'A')
  const second = await statement(1)
  t.strictSame(second.items, ['b', 'c'])
  second.answer()
  t.strictSame(await Promise.all(later), ['B', 'C'])
})

t.test('a statement has no more items and no more bytes than allowed; a larger item goes alone', async t => {
  const { send, statement } = kindOf(lanesOf(9), { maxBytes: 10 })
  const items = ['a', 'b', 'c', 'd', 'e', 'x'.repeat(8), 'y'.repeat(8), 'z'.repeat(50)]
  const answers = Promise.all(items.map(async item => await send(item)))
  t.strictSame((await statement(0)).items, ['a', 'b', 'c', 'd'])
  t.strictSame((await statement(1)).items, ['e', 'x'.repeat(8)])
  t.strictSame((await statement(2)).items, ['y'.repeat(8)])
  t.strictSame((await statement(3)).items, ['z'.repeat(50)])
  for (let i = 0; i < 4; i++) (await statement(i)).answer()
  t.strictSame(await answers, items.map(item => item.toUpperCase()))
})

t.test('no more statements are under way than there are lanes, and each kind has its turn', async t => {
  const lanes = lanesOf(2)
  const one = kindOf(lanes, { maxItems: 1 })
  const other = kindOf(lanes, { maxItems: 1 })
  const answers = ['a', 'b', 'c'].flatMap(item => [one.send(item), other.send(item)])
  await turn()
  t.equal(one.statements.length, 1)
  t.equal(other.statements.length, 1)
  for (let i = 0; i < 3; i++) {
    (await one.statement(i)).answer()
    ;(await other.statement(i)).answer()
  }
  t.equal((await Promise.all(answers)).length, 6)
})

t.test('of one key there is one item under way, of whatever kind', async t => {
  const lanes = lanesOf(4)
  const one = kindOf(lanes)
  const other = kindOf(lanes)
  const answers = [one.send('k:1'), one.send('k:2'), other.send('k:3'), one.send('l:1')]
  const first = await one.statement(0)
  t.strictSame(first.items, ['k:1', 'l:1'])
  await turn()
  t.equal(one.statements.length + other.statements.length, 1)
  first.answer()
  await turn()
  t.equal(one.statements.length + other.statements.length, 2, 'then the next one of the key')
  for (const statement of [...one.statements, ...other.statements]) statement.answer()
  await turn()
  t.equal(one.statements.length + other.statements.length, 3)
  for (const statement of [...one.statements, ...other.statements]) statement.answer()
  t.strictSame(await Promise.all(answers), ['K:1', 'K:2', 'K:3', 'L:1'])
})

t.test('a statement that fails for one of its items is taken apart, on half of the lanes, and each item is judged for itself', async t => {
  const { send, statements, statement } = kindOf(lanesOf(4))
  const answers = Promise.allSettled(['a:', 'b:', 'c:', 'd:'].map(async item => await send(item)))
  ;(await statement(0)).fail(apart)
  await statement(2)
  await turn()
  t.equal(statements.length, 3, 'two of four lanes')
  t.strictSame(statements.slice(1).map(({ items }) => items), [['a:'], ['b:']])
  ;(await statement(1)).answer()
  ;(await statement(2)).fail(apart)
  ;(await statement(3)).answer()
  ;(await statement(4)).answer()
  t.strictSame((await answers).map(({ status }) => status), ['fulfilled', 'rejected', 'fulfilled', 'fulfilled'])

  const again = ['a:', 'b:', 'c:'].map(async item => await send(item))
  await statement(6)
  t.strictSame(statements.slice(5).map(({ items }) => items).sort(), [['a:', 'c:'], ['b:']], 'the suspect travels alone')
  for (const statement of statements) statement.answer()
  await Promise.all(again)
  const rehabilitated = ['a:', 'b:'].map(async item => await send(item))
  t.strictSame((await statement(7)).items, ['a:', 'b:'])
  ;(await statement(7)).answer()
  await Promise.all(rehabilitated)
})

t.test('what waited in the line when its key became suspect travels alone too', async t => {
  const { send, statements, statement } = kindOf(lanesOf(1))
  const failing = Promise.allSettled([send('k:1'), send('l:1')])
  const sent = await statement(0)
  const later = Promise.all([send('k:2'), send('m:2')])
  sent.fail(apart)
  for (let i = 1; i < 5; i++) {
    const { items, answer, fail } = await statement(i)
    if (items.includes('k:1')) fail(apart)
    else answer()
  }
  await failing
  await later
  t.strictSame(statements.map(({ items }) => items.join()).sort(), ['k:1', 'k:1,l:1', 'k:2', 'l:1', 'm:2'])
})

t.test('what became suspect while it waited for its key goes out when its key is free, though nothing else is under way then', async t => {
  const { send, statements, statement } = kindOf(lanesOf(1))
  const failing = Promise.allSettled([send('k:1'), send('l:1')])
  const both = await statement(0)
  const later = send('k:2')
  both.fail(apart)
  ;(await statement(1)).fail(apart)
  ;(await statement(2)).answer()
  ;(await statement(3)).answer()
  t.equal(await later, 'K:2')
  await failing
  t.strictSame(statements.map(({ items }) => items.join()), ['k:1,l:1', 'k:1', 'l:1', 'k:2'])
})

t.test('an item whose row is locked is sent again until its time is up, and items of other rows go out meanwhile', async t => {
  const { send, statements, statement } = kindOf(lanesOf(1))
  const waiting = send('k:1')
  ;(await statement(0)).fail(locked)
  const other = send('l:1')
  const meanwhile = await statement(1)
  t.strictSame(meanwhile.items, ['l:1'])
  meanwhile.answer()
  t.equal(await other, 'L:1')
  ;(await statement(2)).fail(locked)
  const third = await statement(3)
  t.strictSame(statements.slice(2).map(({ items }) => items), [['k:1'], ['k:1']])
  third.answer()
  t.equal(await waiting, 'K:1')

  const hopeless = send('k:2', 300)
  ;(await statement(4)).fail(locked)
  void statement(5).then(({ fail }) => fail(locked))
  await t.rejects(hopeless, { message: 'failed: a row is locked' }, 'and it is told why')
})

t.test('of three lanes or more one is kept for readers, however many writers wait for their rows', async t => {
  const lanes = lanesOf(4)
  const writers = kindOf(lanes, { maxItems: 1 })
  const readers = kindOf(lanes, { isReading: true })
  const written = Promise.all(Array.from({ length: 6 }, async (_, i) => await writers.send(String(i))))
  await turn()
  t.equal(writers.statements.length, 3)
  const read = readers.send('k:')
  ;(await readers.statement(0)).answer()
  t.equal(await read, 'K:')
  for (let i = 0; i < 6; i++) (await writers.statement(i)).answer()
  await written
})

t.test('when the oldest have waited for more than half of their time, the newest go first', async t => {
  const { send, statement } = kindOf(lanesOf(1), { maxItems: 2 })
  const first = send('first')
  const sent = await statement(0)
  const old = [send('old 1'), send('old 2')]
  const { now } = performance
  t.teardown(() => { performance.now = now })
  performance.now = () => now.call(performance) + 40_000
  const fresh = [send('new 1'), send('new 2')]
  sent.answer()
  const next = await statement(1)
  t.strictSame(next.items, ['new 2', 'new 1'])
  next.answer()
  const last = await statement(2)
  t.strictSame(last.items, ['old 2', 'old 1'])
  last.answer()
  t.strictSame(await Promise.all([first, ...old, ...fresh]), ['FIRST', 'OLD 1', 'OLD 2', 'NEW 1', 'NEW 2'])
})

t.test('a statement that fails for all is not taken apart, and each caller gets an error of its own', async t => {
  const { send, statements, statement } = kindOf(lanesOf(1))
  const answers = Promise.allSettled([send('a'), send('b')])
  ;(await statement(0)).fail(lost)
  const [first, second] = await answers as [PromiseRejectedResult, PromiseRejectedResult]
  t.match(first.reason, { message: 'failed: lost' })
  t.not(first.reason, second.reason)
  t.equal(statements.length, 1)
})

t.test('nobody waits longer than the time that there is, also behind a statement that does not end', async t => {
  const { send, statements, statement } = kindOf(lanesOf(1), { maxItems: 1 })
  const timedOut = { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /no answer in time/ }
  const first = send('a')
  const sent = await statement(0)
  await t.rejects(send('b', 20), timedOut)
  const next = send('c')
  sent.answer()
  t.equal(await first, 'A')
  t.strictSame((await statement(1)).items, ['c'], 'who has given up is not sent')
  statements[1]?.answer()
  t.equal(await next, 'C')
  await t.rejects(send('d', 20), timedOut, 'whose own statement does not end')
})

t.test('when too many wait, the next one is refused at once', async t => {
  const { send, statement } = kindOf(lanesOf(1, 2))
  const answers = [send('a'), send('b')]
  await t.rejects(send('c'), { code: 'FST_SESSION_STORE_UNAVAILABLE', message: /2 requests are waiting/ })
  ;(await statement(0)).answer()
  await Promise.all(answers)
  const next = send('d')
  ;(await statement(1)).answer()
  t.equal(await next, 'D')
})

t.test('what goes alone gives its own answer or error, and waits for the keys that it has in common with others', async t => {
  const lanes = lanesOf(4)
  const { send, statements, statement } = kindOf(lanes)
  const deadline = performance.now() + 60_000
  t.equal(await lanes.alone(async () => 7, { deadline }), 7)
  await t.rejects(lanes.alone(async () => { throw new StoreUnavailableError('no') }, { deadline }), { code: 'FST_SESSION_STORE_UNAVAILABLE' })

  const go = latch()
  const begun: string[] = []
  const transaction = (name: string, keys: string[]) => lanes.alone(async () => { begun.push(name); await go.opened; return name }, { keys, deadline })
  const all = [transaction('kl', ['k', 'l']), transaction('k', ['k']), transaction('l', ['l']), transaction('m', ['m']), transaction('n', ['n'])]
  await turn()
  t.strictSame(begun, ['kl', 'm'], 'half of the lanes, and no key twice')
  const batched = [send('k:'), send('o:')]
  const first = await statement(0)
  t.strictSame(first.items, ['o:'])
  first.answer()
  await turn()
  t.equal(statements.length, 1, 'k is still locked')
  go.open()
  t.strictSame(await Promise.all(all), ['kl', 'k', 'l', 'm', 'n'])
  ;(await statement(1)).answer()
  t.strictSame(await Promise.all(batched), ['K:', 'O:'])
})

t.test('settled waits for all that wait or are under way', async t => {
  const lanes = lanesOf(1)
  const { send, statement } = kindOf(lanes, { maxItems: 1 })
  await lanes.settled()
  let isSettled = false
  const answers = [send('a'), send('b')]
  const settled = lanes.settled().then(() => { isSettled = true })
  ;(await statement(0)).answer()
  await statement(1)
  t.equal(isSettled, false)
  ;(await statement(1)).answer()
  await settled
  await Promise.all(answers)
})
