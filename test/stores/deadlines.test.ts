import t from 'tap'
import { Deadlines, type Waiting } from '../../stores/deadlines.js'
import { latch } from '../support/barrier.js'

/** Waits in `deadlines`, and leaves them when it expires. */
class Waiter implements Waiting {
  readonly deadline: number
  before: Waiting | undefined
  after: Waiting | undefined
  hasExpired = false
  readonly #deadlines: Deadlines

  constructor (deadlines: Deadlines, left: number) {
    this.deadline = performance.now() + left
    this.#deadlines = deadlines
    deadlines.add(this)
  }

  expire (): void {
    this.hasExpired = true
    this.#deadlines.delete(this)
  }
}

const LONG = 3_600_000

t.test('who leaves is counted no more, wherever it was in the list, and keeps no other alive', t => {
  for (const order of [[0, 1, 2], [2, 1, 0], [1, 0, 2], [1, 2, 0]]) {
    const deadlines = new Deadlines()
    const waiters = [0, 1, 2].map(() => new Waiter(deadlines, LONG))
    order.forEach((place, i) => {
      const waiter = waiters[place] as Waiter
      deadlines.delete(waiter)
      t.equal(deadlines.size, 2 - i)
      t.strictSame([waiter.before, waiter.after], [undefined, undefined])
    })
    const last = new Waiter(deadlines, LONG)
    t.equal(deadlines.size, 1)
    deadlines.delete(last)
    t.equal(deadlines.size, 0)
  }
  t.end()
})

t.test('those whose time is up expire, and no others, in whatever order they came', async t => {
  const looked = latch()
  const deadlines = new Deadlines(() => looked.open())
  const waiters = [LONG, -1, LONG, -1, -1, LONG].map(left => new Waiter(deadlines, left))
  await looked.opened
  t.strictSame(waiters.map(({ hasExpired }) => hasExpired), [false, true, false, true, true, false])
  t.equal(deadlines.size, 3)
  for (const waiter of waiters) if (!waiter.hasExpired) deadlines.delete(waiter)
  t.equal(deadlines.size, 0)
})

t.test('who comes later with an earlier deadline is looked at in time', async t => {
  const looked = latch()
  // A timer may come a moment before its time by the other clock. Then there is a second look.
  const deadlines: Deadlines = new Deadlines(() => { if (hasty.hasExpired) looked.open() })
  const patient = new Waiter(deadlines, LONG)
  const hasty: Waiter = new Waiter(deadlines, 1)
  await looked.opened
  t.equal(hasty.hasExpired, true)
  t.equal(patient.hasExpired, false)
  deadlines.delete(patient)
})
