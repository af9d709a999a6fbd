import { fork, type ChildProcess } from 'node:child_process'
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { connected, engineUrls } from './engine.js'
import type { Reply, Request } from './worker.js'
import type { SessionOptions } from '../../plugin/index.js'

/** A process with an application. */
class Process {
  readonly #child: ChildProcess

  constructor (child: ChildProcess) {
    this.#child = child
  }

  static async start (t: Test, mysql: string, options: SessionOptions = {}): Promise<Process> {
    const child = fork(fileURLToPath(new URL('worker.js', import.meta.url)), [JSON.stringify({ store: 'mysql', mysql, createTable: true, cleanupInterval: 0, storeTimeout: 20_000, ...options })])
    t.teardown(async () => {
      if (child.exitCode !== null) return
      child.send('close')
      await once(child, 'exit')
    })
    const [message] = await Promise.race([once(child, 'message'), once(child, 'exit')]) as [unknown]
    if (message !== 'ready') throw new Error(`the application ended with ${String(message)} before it was ready`)
    return new Process(child)
  }

  async send (requests: readonly Request[]): Promise<readonly Reply[]> {
    const answer = once(this.#child, 'message')
    this.#child.send(requests)
    return (await answer as [readonly Reply[]])[0]
  }

  async one (path: string, token?: string): Promise<Reply> {
    return (await this.send([{ path, token }]))[0] as Reply
  }
}

/** How many replies have each status. */
function statuses (replies: readonly Reply[]): Record<number, number> {
  const counts: Record<number, number> = {}
  for (const { status } of replies) counts[status] = (counts[status] ?? 0) + 1
  return counts
}

const ok = (count: number) => ({ 200: count })
const repeat = (count: number, request: (i: number) => Request) => Array.from({ length: count }, (_, i) => request(i))

async function processes (t: Test): Promise<readonly [Process, Process]> {
  const [first, second] = engineUrls()
  const one = await Process.start(t, first)
  return [one, await Process.start(t, second)]
}

t.test('two processes change one session at once, and every change is kept', async t => {
  const [one, two] = await processes(t)
  const { token } = await one.one('/sign-in')
  const keys = (from: number) => repeat(30, i => ({ path: `/put/key${from + i}`, token }))
  t.strictSame(statuses((await Promise.all([one.send(keys(0)), two.send(keys(30))])).flat()), ok(60))
  const counts = repeat(150, () => ({ path: '/count', token }))
  t.strictSame(statuses((await Promise.all([one.send(counts), two.send(counts)])).flat()), ok(300))
  const data = JSON.parse((await two.one('/', token)).body) as Record<string, unknown>
  t.equal(data['n'], 300)
  t.strictSame(repeat(60, i => ({ path: `key${i}` })).filter(({ path }) => data[path] !== path), [])
})

t.test('two processes change 400 sessions at once, and sign them out: every change is kept, and none is alive afterwards', async t => {
  const [one, two] = await processes(t)
  const signIns = (await Promise.all([one, two].map(async process => await process.send(repeat(200, () => ({ path: '/sign-in' })))))).flat()
  t.strictSame(statuses(signIns), ok(400))
  const tokens = signIns.map(({ token }) => token)
  const on = (path: string) => tokens.map(token => ({ path, token }))
  t.strictSame(statuses((await Promise.all([one.send(on('/put/one')), two.send(on('/put/two'))])).flat()), ok(800))
  const kept = (await two.send(on('/'))).filter(({ body }) => body.includes('"one"') && body.includes('"two"'))
  t.equal(kept.length, 400)
  t.strictSame(statuses((await Promise.all([one.send(on('/sign-out').slice(0, 200)), two.send(on('/sign-out').slice(200))])).flat()), ok(400))
  for (const process of [one, two]) t.strictSame((await process.send(on('/'))).filter(({ body }) => body !== '{}'), [])
})

t.test('a session that one process has just begun, and the other signs out, is alive for neither', async t => {
  const [one, two] = await processes(t)
  const alive: string[] = []
  for (let round = 0; round < 40; round++) {
    const tokens = (await one.send(repeat(25, () => ({ path: '/sign-in' })))).map(({ token }) => token)
    t.strictSame(statuses(await two.send(tokens.map(token => ({ path: '/sign-out', token })))), ok(25))
    const reads = await Promise.all([one, two].map(async process => await process.send(tokens.map(token => ({ path: '/', token })))))
    alive.push(...reads.flat().map(({ body }) => body).filter(body => body !== '{}'))
  }
  t.equal(alive.length, 0)
})

t.test('a session that is renewed goes on under one token, and a sign-out under the old one ends it', async t => {
  const [one, two] = await processes(t)
  const { token: old } = await one.one('/sign-in')
  const renewals = (await Promise.all([one, two].map(async process => await process.send(repeat(5, () => ({ path: '/renew', token: old })))))).flat()
  t.strictSame(renewals.filter(({ status }) => ![200, 409].includes(status)), [])
  const tokens = renewals.flatMap(({ token }) => token ?? [])
  const live = (await two.send(tokens.map(token => ({ path: '/', token })))).filter(({ body }) => body.includes('ada'))
  t.equal(live.length, 1)
  t.equal((await two.one('/', old)).body, '{}')
  t.equal((await two.one('/sign-out', old)).status, 200)
  t.strictSame((await one.send(tokens.map(token => ({ path: '/', token })))).filter(({ body }) => body.includes('ada')), [])
})

t.test('expired sessions are not found, and the cleanup deletes them', async t => {
  const connection = await connected(t)
  const process = await Process.start(t, engineUrls()[0], { lifetime: 1000, cleanupInterval: 200 })
  const made = await process.send(repeat(300, i => ({ path: `/put/key${i}` })))
  t.strictSame(statuses(made), ok(300))
  const left = async () => {
    const [[row]] = await connection.query('SELECT COUNT(*) AS n FROM sessions WHERE expiry <= NOW(6) AND data NOT LIKE \'FSS1 renewed as%\'') as unknown as [[{ n: number }]]
    return Number(row.n)
  }
  const live = async () => (await process.send(made.map(({ token }) => ({ path: '/', token })))).filter(({ body }) => body !== '{}').length
  for (let i = 0; await live() > 0; i++) {
    if (i === 1000) t.bailout('they stay live')
    await sleep(50)
  }
  for (let i = 0; await left() > 0; i++) {
    if (i === 1000) t.bailout('they stay in the table')
    await sleep(50)
  }
  t.equal(await live(), 0)
})
