import type { Test } from 'tap'
import { dataOf, makeApplication, newSession, onEachDatabase } from '../../support/application.js'
import type { Order } from '../../support/worker-requests.js'
import { startWorker } from '../../support/worker.js'

onEachDatabase('50 requests from two processes, all of which have loaded the session before the first commits, each keep their key', async (t, { options }) => {
  const application = makeApplication(t, options)
  const token = await newSession(application)
  const statuses = await fromProcesses(t, 2, { options, token, requests: 25, deed: 'put' })
  t.strictSame(statuses, Array.from({ length: 50 }, () => 200))
  const expected = Object.fromEntries(Array.from({ length: 50 }, (_, i) => [`key${i}`, i]))
  t.same(await dataOf(application, token), { user: 'ada', ...expected })
})

for (const [processes, requests] of [[2, 100], [8, 50]] as const) {
  onEachDatabase(`${processes * requests} requests from ${processes} processes that count in one session count exactly, and none fails`, async (t, { options }) => {
    const application = makeApplication(t, options)
    const token = await newSession(application)
    const statuses = await fromProcesses(t, processes, { options, token, requests, deed: 'count' })
    t.strictSame(statuses, Array.from({ length: processes * requests }, () => 200))
    t.strictSame(await dataOf(application, token), { user: 'ada', n: processes * requests })
  })
}

/** Sends requests from several processes, all of which have loaded the session before the first one changes it. The statuses of all answers. */
async function fromProcesses (t: Test, count: number, order: Omit<Order, 'first'>): Promise<number[]> {
  const workers = Array.from({ length: count }, (_, i) => {
    const worker = startWorker(t, 'worker-requests')
    worker.send({ ...order, first: i * order.requests } satisfies Order)
    return worker
  })
  const loaded = await Promise.all(workers.map(async worker => await worker.next()))
  t.strictSame(loaded, workers.map(() => 'loaded'))
  for (const worker of workers) worker.send('go')
  const statuses = await Promise.all(workers.map(async worker => await worker.next() as number[]))
  await Promise.all(workers.map(async worker => { await worker.ended }))
  return statuses.flat()
}
