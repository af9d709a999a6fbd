import type { Test } from 'tap'
import type { SessionOptions } from '../../plugin/index.js'
import { dataOf, makeApplication, newSession, onEachStore, type Application, type Place } from '../support/application.js'
import { Devices, type DeviceAnswer, type DeviceDeed, type DeviceVisit } from '../support/devices.js'
import { startWorker, type Worker } from '../support/worker.js'

/*
 * Sign-out everywhere beside requests of the same user that are under way, in this process and, where there is a database, in
 * another one. Each round is another user with six sessions.
 */

const ROUNDS = 48
const DEEDS: readonly DeviceDeed[] = ['renew', 'put', 'merge', 'renew', 'count', 'clear']

/** What both processes do to the sessions of a user, and what has become of it. */
interface Race {
  readonly application: Application
  /** `lead` is how many turns of the event loop `beside` begins before the requests go on; or, if negative, after. */
  run (visits: readonly DeviceVisit[], lead: number, beside: () => Promise<unknown>): Promise<DeviceAnswer[]>
}

async function makeRace (t: Test, place: Place, options: SessionOptions): Promise<Race> {
  const all = { ...place.options, owner: 'userId', storeTimeout: 60_000, ...options }
  let devices: Devices | undefined
  const application = makeApplication(t, all, {}, app => { devices = new Devices(app) })
  await application.app.ready()
  const own = devices as Devices
  const worker = place.name === 'memory' ? undefined : await readyWorker(t, all)
  return {
    application,
    run: async (visits, lead, beside) => {
      const half = worker === undefined ? 0 : Math.floor(visits.length / 2)
      worker?.send(visits.slice(0, half))
      const go = await own.begin(visits.slice(half))
      await worker?.next()
      const meanwhile = turns(-lead).then(beside)
      await turns(lead)
      worker?.send('go')
      const [answers] = await Promise.all([go(), meanwhile])
      return [...worker === undefined ? [] : await worker.next() as DeviceAnswer[], ...answers]
    }
  }
}

async function readyWorker (t: Test, options: SessionOptions): Promise<Worker> {
  const worker = startWorker(t, 'worker-devices')
  worker.send(options)
  t.equal(await worker.next(), 'ready')
  return worker
}

/** Lets the event loop turn a few times: each round meets the requests elsewhere. */
async function turns (count: number): Promise<void> {
  for (let i = 0; i < count; i++) await new Promise(resolve => setImmediate(resolve))
}

const leadOf = (round: number): number => round % 24 - 12

/** The sessions of a user, and a request for each. */
async function visitsOf (application: Application, user: string, round: number): Promise<DeviceVisit[]> {
  const tokens = await Promise.all(DEEDS.map(async () => await newSession(application, { userId: user })))
  const other = await newSession(application, { userId: user })
  return tokens.map((token, i) => ({ token, deed: DEEDS[(i + round) % DEEDS.length] as DeviceDeed, other, user }))
}

for (const codec of ['text', 'gob'] as const) {
  onEachStore(`after sign-out everywhere nothing is left of the user's sessions that were renewed, merged or changed meanwhile (codec: ${codec})`, async (t, place) => {
    const { application, run } = await makeRace(t, place, { codec })
    const { sessions } = application.app
    let refused = 0
    for (let round = 0; round < ROUNDS; round++) {
      const owner = `user ${codec} ${round}`
      const visits = await visitsOf(application, owner, round)
      let ended = 0
      const answers = await run(visits, leadOf(round), async () => { ended = await sessions.destroyAll({ owner }) })
      refused += answers.filter(({ status }) => status === 409).length
      const strange = answers.filter(({ status }) => status !== 200 && status !== 409)
      const left = await sessions.count({ owner })
      const alive = await Promise.all([...visits, ...answers].map(async ({ token }) => token ? (await dataOf(application, token) as { userId?: string }).userId : undefined))
      if (left > 0 || strange.length > 0 || ended === 0 || alive.some(userId => userId !== undefined)) t.fail(`round ${round}: ${left} sessions are left, ${strange.length} strange answers`)
    }
    t.ok(refused > 0, `${refused} of ${ROUNDS * DEEDS.length} requests came too late, and were told`)
  })
}

onEachStore('a sign-in beside sign-out everywhere either ends with it or begins a session of its own, and the sessions before it have ended', async (t, place) => {
  const { application, run } = await makeRace(t, place, {})
  const { sessions } = application.app
  for (let round = 0; round < ROUNDS / 2; round++) {
    const owner = `visitor ${round}`
    const visits = (await visitsOf(application, owner, round)).map((visit): DeviceVisit => ({ ...visit, deed: 'sign-in' }))
    const answers = await run(visits, leadOf(round), async () => await sessions.destroyAll({ owner }))
    t.strictSame(answers.map(({ status }) => status), visits.map(() => 200))
    const old = await Promise.all(visits.map(async ({ token }) => await dataOf(application, token)))
    t.strictSame(old, visits.map(() => ({})))
    const alive = (await Promise.all(answers.map(async ({ token }) => await dataOf(application, token) as { userId?: string }))).filter(({ userId }) => userId === owner)
    t.equal(await sessions.count({ owner }), alive.length)
    await sessions.destroyAll({ owner })
    t.equal(await sessions.count({ owner }), 0)
  }
})

for (const track of [false, true]) {
  onEachStore(`sign-ins at once in two processes end with maxPerOwner sessions${track ? ', tracked' : ''}`, async (t, place) => {
    const { application, run } = await makeRace(t, place, { maxPerOwner: 2, track })
    for (let round = 0; round < ROUNDS / 5; round++) {
      const owner = `limited ${round}`
      const anonymous = await Promise.all(Array.from({ length: 8 }, async () => await newSession(application, { thing: 1 })))
      const answers = await run(anonymous.map(token => ({ token, deed: 'sign-in', user: owner })), 0, async () => {})
      t.strictSame(answers.map(({ status }) => status), anonymous.map(() => 200))
      t.equal(await application.app.sessions.count({ owner }), 2)
      const alive = await Promise.all(answers.map(async ({ token }) => Object.keys(await dataOf(application, token) as object).length > 0))
      t.equal(alive.filter(Boolean).length, 2)
    }
  })
}
