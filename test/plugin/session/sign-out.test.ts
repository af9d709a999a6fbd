import { Readable } from 'node:stream'
import type { Test } from 'tap'
import { memoryStore } from '../../../plugin/index.js'
import { hashToken } from '../../../plugin/token.js'
import { countRows, dataOf, makeApplication, newSession, onEachStore, type Application, type Deed, type Place } from '../../support/application.js'
import { latch } from '../../support/barrier.js'

const hour = 3_600_000
const signOut: Deed = async ({ session }) => { await session.destroy(); return 'signed out' }
const signIn = (user: string): Deed => ({ session }) => { session.renewToken(); session.put('user', user); return 'signed in' }
const ok: Deed = () => 'ok'

/** Starts a request that has loaded its session, and does its deed only when it is let go. */
async function slow (application: Application, token: string, deed: Deed) {
  const loaded = latch()
  const go = latch()
  const visit = application.visit(token, async (request, reply) => {
    loaded.open()
    await go.opened
    return await deed(request, reply)
  })
  await loaded.opened
  return async () => { go.open(); return await visit }
}

async function isAnonymous (t: Test, application: Application, token: string): Promise<void> {
  t.strictSame(await dataOf(application, token), {}, 'the old cookie is anonymous')
}

async function rowsOf (place: Place, token: string): Promise<number | undefined> {
  return await countRows(place, `token = '${hashToken(token)}' AND expiry > UTC_TIMESTAMP(6)`)
}

for (const [what, end, idle] of [
  ['a sign-out', signOut, false], ['a sign-out', signOut, true],
  ['a renewal', signIn('ada'), false], ['a renewal', signIn('ada'), true]
] as const) {
  const where = idle ? ', with an idle timeout' : ''
  const options = idle ? { idleTimeout: hour, touchInterval: 0 } : {}

  onEachStore(`a slow request that only reads does not bring the session back after ${what}${where}`, async (t, place) => {
    const application = makeApplication(t, { ...place.options, ...options })
    const other = makeApplication(t, { ...place.options, ...options })
    const token = await newSession(application)
    const finish = await slow(application, token, ({ session }) => String(session.get('user')))

    t.equal((await other.visit(token, end)).status, 200)
    const visit = await finish()

    t.equal(visit.status, 200, 'the reader is answered as usual')
    t.equal(visit.body, 'ada')
    t.equal(visit.token, undefined, 'no cookie')
    await isAnonymous(t, application, token)
    if (place.name !== 'memory') t.equal(await rowsOf(place, token), 0)
  })

  onEachStore(`a slow request that writes is told that ${what} came first, and brings nothing back${where}`, async (t, place) => {
    const application = makeApplication(t, { ...place.options, ...options })
    const other = makeApplication(t, { ...place.options, ...options })
    const token = await newSession(application)
    const deeds: Deed[] = [
      ({ session }) => { session.put('cart', 1); return 'a secret' },
      ({ session }) => { session.update('n', n => Number(n ?? 0) + 1); return 'a secret' },
      ({ session }) => { session.remove('user'); return 'a secret' },
      ({ session }) => { session.clear(); return 'a secret' },
      ({ session }) => { session.setDeadline(new Date(Date.now() + hour)); return 'a secret' },
      ({ session }) => { session.rememberMe(true); return 'a secret' }
    ]
    const slows = await Promise.all(deeds.map(async deed => await slow(application, token, deed)))

    const ended = await other.visit(token, end)
    for (const finish of slows) {
      const visit = await finish()
      t.equal(visit.status, 409)
      t.match(JSON.parse(visit.body), { code: 'FST_SESSION_GONE' })
      t.notMatch(visit.body, 'secret')
      t.equal(visit.token, undefined, 'no cookie')
    }
    await isAnonymous(t, application, token)
    if (ended.token) t.strictSame(await dataOf(application, ended.token), { user: 'ada' }, 'the renewed session has none of it')
  })

  onEachStore(`a slow request that would only touch the session does not bring it back after ${what}${where}`, async (t, place) => {
    const application = makeApplication(t, { ...place.options, ...options })
    const token = await newSession(application)
    const finish = await slow(application, token, ok)

    const ended = await application.visit(token, end)
    const visit = await finish()
    t.equal(visit.status, 200)
    t.equal(visit.token, undefined)
    await isAnonymous(t, application, token)
    if (ended.token) t.strictSame(await dataOf(application, ended.token), { user: 'ada' })
  })
}

onEachStore('a slow request that only touches the session leaves alone what others have put meanwhile', async (t, place) => {
  const options = { ...place.options, idleTimeout: hour, touchInterval: 0 }
  const application = makeApplication(t, options)
  const other = makeApplication(t, options)
  const token = await newSession(application, { v: 'old' })
  const finish = await slow(application, token, ({ session }) => String(session.get('v')))
  await other.visit(token, ({ session }) => { session.put('v', 'new'); return 'ok' })
  t.match(await finish(), { status: 200, body: 'old' })
  t.strictSame(await dataOf(other, token), { v: 'new' })
})

onEachStore('several slow writers of one process that meet a sign-out are all told, each for itself', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application)
  const slows = await Promise.all(Array.from({ length: 5 }, async (_, i) => await slow(application, token, ({ session }) => { session.put(`k${i}`, i); return 'ok' })))
  await application.visit(token, signOut)
  const visits = await Promise.all(slows.map(async finish => await finish()))
  t.strictSame(visits.map(({ status }) => status), [409, 409, 409, 409, 409])
  for (const { token } of visits) t.equal(token, undefined)
  await isAnonymous(t, application, token)
})

onEachStore('a sign-out that was loaded before a renewal and is carried out after it ends the renewed session', async (t, place) => {
  const application = makeApplication(t, place.options)
  const other = makeApplication(t, place.options)
  for (const renewals of [1, 2, 5]) {
    const token = await newSession(application)
    const finish = await slow(application, token, signOut)
    let renewed = token
    for (let i = 0; i < renewals; i++) renewed = (await other.visit(renewed, signIn('ada'))).token as string
    t.strictSame(await dataOf(other, renewed), { user: 'ada' })

    const visit = await finish()
    t.equal(visit.status, 200)
    t.equal(visit.token, '', 'the cookie is taken away')
    await isAnonymous(t, other, renewed)
    await isAnonymous(t, other, token)
  }
})

onEachStore('a sign-in that was sent twice at once ends signed in, whichever answer the browser keeps', async (t, place) => {
  const application = makeApplication(t, place.options)
  const other = makeApplication(t, place.options)
  const token = await newSession(application, { cart: 3 })
  const [first, second] = [await slow(application, token, signIn('ada')), await slow(other, token, signIn('ada'))]
  const visits = await Promise.all([first(), second()])
  for (const visit of visits) {
    t.equal(visit.status, 200)
    t.match(await dataOf(application, visit.token), { user: 'ada' })
  }
  t.not(visits[0].token, visits[1].token)
  await isAnonymous(t, application, token)
})

onEachStore('a sign-in that meets a sign-out begins a session with its own changes alone', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application, { secret: 'of the old one' })
  const finish = await slow(application, token, signIn('grace'))
  await application.visit(token, signOut)
  const visit = await finish()
  t.equal(visit.status, 200)
  t.strictSame(await dataOf(application, visit.token), { user: 'grace' })
  await isAnonymous(t, application, token)
})

onEachStore('a request with the old token right after a renewal is anonymous, and sets no cookie', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application)
  const { token: renewed } = await application.visit(token, signIn('ada'))
  const visit = await application.visit(token, ({ session }) => String(session.get('user')))
  t.equal(visit.body, 'undefined')
  t.equal(visit.token, undefined)
  t.strictSame(await dataOf(application, renewed), { user: 'ada' })
})

onEachStore('a sign-out that was sent before a renewal was answered, and comes after it with the old token, ends the renewed session', async (t, place) => {
  const application = makeApplication(t, place.options)
  const other = makeApplication(t, place.options)
  const token = await newSession(application)
  const { token: renewed } = await other.visit(token, signIn('ada'))
  const visit = await application.visit(token, async ({ session }) => {
    await session.destroy()
    session.put('theme', 'dark')
    return 'signed out'
  })
  t.equal(visit.status, 200)
  await isAnonymous(t, application, renewed as string)
  t.strictSame(await dataOf(application, visit.token), { theme: 'dark' }, 'what is put after it begins a new session')

  const { token: again } = await other.visit(visit.token, signIn('ada'))
  const { token: cleared } = await application.visit(visit.token, signOut)
  t.equal(cleared, '', 'the cookie is taken away')
  await isAnonymous(t, application, again as string)
})

onEachStore('a request that comes with the old token right after a renewal takes nothing from the renewed session, and leaves its cookie alone', async (t, place) => {
  const application = makeApplication(t, place.options)
  const other = makeApplication(t, place.options)
  const token = await newSession(application)
  const { token: renewed } = await application.visit(token, signIn('ada'))

  const put = await other.visit(token, ({ session }) => { session.put('cart', 1); return 'a secret' })
  t.equal(put.status, 409)
  t.match(JSON.parse(put.body), { code: 'FST_SESSION_GONE' })
  t.notMatch(put.body, 'secret')
  t.equal(put.token, undefined, 'no cookie in place of the new one')

  const second = await other.visit(token, signIn('grace'))
  t.equal(second.status, 200, 'a sign-in begins a session of its own')
  t.strictSame(await dataOf(application, second.token), { user: 'grace' })
  t.strictSame(await dataOf(application, renewed), { user: 'ada' })
})

onEachStore('a stream that commits at its end, after a sign-out elsewhere, is told and brings nothing back', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application)
  const streaming = latch()
  const goOn = latch()
  let refusal: unknown
  const visiting = application.visit(token, ({ session }, reply) => {
    session.get('user')
    async function * lines () {
      yield 'first\n'
      streaming.open()
      await goOn.opened
      session.put('progress', 100)
      await session.commit().catch((error: unknown) => { refusal = error })
      yield 'last\n'
    }
    return reply.type('text/plain').send(Readable.from(lines()))
  })
  await streaming.opened
  await application.visit(token, signOut)
  goOn.open()
  const visit = await visiting
  t.equal(visit.body, 'first\nlast\n')
  t.match(refusal, { code: 'FST_SESSION_GONE', statusCode: 409 })
  await isAnonymous(t, application, token)
})

onEachStore('a sign-out sent twice at once succeeds twice', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application)
  const slows = [await slow(application, token, signOut), await slow(application, token, signOut)]
  for (const visit of await Promise.all(slows.map(async finish => await finish()))) {
    t.equal(visit.status, 200)
    t.equal(visit.token, '')
  }
  await isAnonymous(t, application, token)
})

onEachStore('a sign-out while a renewal of the same request is being committed ends what was renewed', async (t, place) => {
  const application = makeApplication(t, place.options)
  const token = await newSession(application)
  const visit = await application.visit(token, async ({ session }) => {
    session.renewToken()
    const committing = session.commit()
    const destroying = session.destroy()
    await Promise.all([committing, destroying])
    return 'ok'
  })
  t.equal(visit.status, 200)
  t.equal(visit.token, '')
  await isAnonymous(t, application, token)
  if (place.name !== 'memory') t.equal(await countRows(place, 'expiry > UTC_TIMESTAMP(6)'), 0)
})

onEachStore('with tokens that are stored as they are, a sign-out ends the session too', async (t, place) => {
  const store = place.name === 'memory' ? { store: memoryStore() } : {}
  const application = makeApplication(t, { ...place.options, ...store, hashTokenInStore: false })
  const token = await newSession(application)
  const finish = await slow(application, token, ({ session }) => { session.put('a', 1); return 'ok' })
  await application.visit(token, signOut)
  t.equal((await finish()).status, 409)
  await isAnonymous(t, application, token)
})
