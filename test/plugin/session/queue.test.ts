import t from 'tap'
import { Queue } from '../../../plugin/session/queue.js'

t.test('an operation that throws before it waits for anything rejects, and the next one runs', async t => {
  const queue = new Queue()
  let failures = 0
  const fails = (): Promise<void> => { throw new Error('at once') }
  for (const run of [() => queue.run(() => undefined, fails, () => { failures++ }), () => queue.read(fails, () => {})]) {
    await t.rejects(run(), { message: 'at once' })
    t.equal(queue.isBusy, false)
  }
  t.equal(failures, 1)
  t.match(queue.failure?.error, { message: 'at once' })
  t.equal(await queue.run(() => 1, async taken => taken + 1, () => {}), 2)
  t.equal(queue.failure, undefined)
})
