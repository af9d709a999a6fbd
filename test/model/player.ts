import { strict as assert } from 'node:assert'
import Fastify, { type FastifyInstance, type LightMyRequestResponse } from 'fastify'
import sessions, { textCodec, type Codec, type Session, type SessionStore } from '../../plugin/index.js'
import { hashToken } from '../../plugin/token.js'
import { latch } from '../support/barrier.js'
import { Model, type Outcome } from './model.js'
import { BROWSERS, type Deed, type Step } from './schedule.js'

/** What a reply touches when it is due: an hour of which less than 54 minutes are left. Of less than 30 the arrival does. */
const IDLE_TIMEOUT = 3_600_000
const AGED_TTL = 2_400_000
/** No schedule is to fail because the machine is busy. */
const STORE_TIMEOUT = 60_000

interface Visit {
  readonly number: number
  readonly browser: number
  readonly session: Session
  /** Lets the request be answered. */
  readonly answer: () => Promise<LightMyRequestResponse>
}

/** Plays schedules on applications, and compares what they do with the model. */
export class Player {
  readonly #store: SessionStore
  readonly #codec: Codec
  readonly #applications: FastifyInstance[] = []
  readonly #begun = new Map<string, (session: Session) => Promise<void>>()
  #requests = 0

  /** @param store where the player looks at sessions, and has them expire */
  constructor (store: SessionStore, codec: Codec = textCodec) {
    this.#store = store
    this.#codec = codec
  }

  /** Adds an application on a store of its own, or on one that it shares with the others. */
  async addApplication (store: SessionStore): Promise<void> {
    const app = Fastify()
    await app.register(sessions, { store, codec: this.#codec, idleTimeout: IDLE_TIMEOUT, storeTimeout: STORE_TIMEOUT })
    app.get('/:id', async request => {
      await this.#begun.get((request.params as { id: string }).id)?.(request.session)
      return 'done'
    })
    await app.ready()
    this.#applications.push(app)
  }

  async close (): Promise<void> {
    for (const app of this.#applications) await app.close()
  }

  /** Plays a schedule. Rejects where the applications do something else than the model. */
  async play (schedule: readonly Step[]): Promise<void> {
    const game = new Game(this.#store, this.#codec, async (application, token, begun) => await this.#request(application, token, begun))
    try {
      for (const step of schedule) await game.take(step)
    } finally {
      await game.end()
    }
  }

  async #request (application: number, token: string | undefined, begun: (session: Session) => Promise<void>): Promise<LightMyRequestResponse> {
    const id = String(this.#requests++)
    this.#begun.set(id, begun)
    try {
      const app = this.#applications[application % this.#applications.length] as FastifyInstance
      return await app.inject({ url: `/${id}`, ...token !== undefined && { headers: { cookie: `session=${token}` } } })
    } finally {
      this.#begun.delete(id)
    }
  }
}

type Send = (application: number, token: string | undefined, begun: (session: Session) => Promise<void>) => Promise<LightMyRequestResponse>

/** One schedule at play. */
class Game {
  readonly #store: SessionStore
  readonly #codec: Codec
  readonly #send: Send
  readonly #tokens: Array<string | undefined> = Array.from({ length: BROWSERS }, () => undefined)
  #model = new Model()
  #visits: Visit[] = []
  #puts = 0

  constructor (store: SessionStore, codec: Codec, send: Send) {
    this.#store = store
    this.#codec = codec
    this.#send = send
  }

  async take (step: Step): Promise<void> {
    switch (step.kind) {
      case 'open': await this.#open(step.browser, step.application); break
      case 'do': await this.#do(this.#visits[step.visit], step.deed); break
      case 'finish': await this.#finish(this.#visits.splice(step.visit, 1)); break
      case 'finishAll': await this.#finish(this.#visits.splice(0)); break
      case 'copyCookie': this.#tokens[step.to] = this.#tokens[step.from]; break
      case 'expire': if (this.#model.expire(this.#tokens[step.browser])) await this.#setTtl(step.browser, 0); break
      case 'age': if (this.#model.age(this.#tokens[step.browser])) await this.#setTtl(step.browser, AGED_TTL); break
      case 'cleanup': await this.#store.deleteExpired(1000); break
    }
    if (step.kind !== 'open') await this.#compare(this.#model)
  }

  /** Answers what is open still, and leaves nothing behind for the next schedule. */
  async end (): Promise<void> {
    await Promise.all(this.#visits.splice(0).map(async visit => { await visit.answer() }))
    for await (const { token } of this.#store.scan()) await this.#store.delete(token)
  }

  async #open (browser: number, application: number): Promise<void> {
    // The model finishes those together in every order.
    if (this.#visits.length === 3) return
    const token = this.#tokens[browser]
    const number = this.#model.open(token)
    const mayEnd = latch()
    let response: Promise<LightMyRequestResponse>
    const session = await new Promise<Session>((resolve, reject) => {
      response = this.#send(application, token, async session => {
        // What is looked at is decoded now.
        session.keys()
        resolve(session)
        await mayEnd.opened
      })
      response.then(() => { reject(new Error('A request ended before it began')) }, reject)
    })
    const answer = async () => {
      mayEnd.open()
      return await response
    }
    this.#visits.push({ number, browser, session, answer })
    this.#look(this.#visits.at(-1) as Visit)
  }

  async #do (visit: Visit | undefined, deed: Deed): Promise<void> {
    if (visit === undefined) return
    const { session, number } = visit
    switch (deed.kind) {
      case 'put': {
        // No value is put twice: a put of the same value is no change.
        const value = ++this.#puts * 1000
        this.#model.put(number, deed.key, value)
        session.put(deed.key, value)
        break
      }
      case 'update': assert.equal(session.update(deed.key, n => Number(n ?? 0) + 1), this.#model.update(number, deed.key), 'what update returns'); break
      case 'pop': assert.equal(session.pop(deed.key), this.#model.remove(number, deed.key), 'what pop returns'); break
      case 'remove': this.#model.remove(number, deed.key); session.remove(deed.key); break
      case 'clear': this.#model.clear(number); session.clear(); break
      case 'renew': this.#model.renew(number, 'strictly'); session.renewToken(); break
      case 'renewKeeping': this.#model.renew(number, 'keeping'); session.renewToken({ keepOldFor: 60_000 }); break
      case 'take': {
        const expected = this.#model.take(number, deed.key)
        let taken: unknown
        await this.#committed(visit, expected, session.take(deed.key).then(value => { taken = value }))
        assert.equal(taken, this.#model.taken(number), 'what take returns')
        return
      }
      case 'destroy': this.#model.destroy(number); await session.destroy(); break
      case 'merge': {
        const token = this.#tokens[deed.browser]
        this.#model.merge(number, token)
        await session.mergeSession(token ?? '')
        break
      }
      case 'commit': await this.#commit(visit); return
    }
    this.#look(visit)
  }

  async #commit (visit: Visit): Promise<void> {
    await this.#committed(visit, this.#model.commit(visit.number), visit.session.commit())
  }

  async #committed (visit: Visit, expected: Outcome, commit: Promise<void>): Promise<void> {
    const outcome = await commit.then((): Outcome => 'done', goneOrThrow)
    assert.equal(outcome, expected, 'what becomes of a commit')
    if (outcome === 'done') {
      if (this.#model.token(visit.number) === '') this.#model.learnToken(visit.number, visit.session.token)
      this.#look(visit)
    } else {
      // A failed commit ends the request here. What a request does afterwards other tests show.
      this.#visits.splice(this.#visits.indexOf(visit), 1)
      this.#keepCookie(visit, await visit.answer())
    }
  }

  /** Compares what a request sees. */
  #look ({ session, number }: Visit): void {
    assert.deepEqual(session.data(), this.#model.values(number), 'what a request sees')
  }

  /** Has requests answered, all at once. The commits must have been in some order. */
  async #finish (visits: readonly Visit[]): Promise<void> {
    if (visits.length === 0) return
    const responses = await Promise.all(visits.map(async ({ answer }) => await answer()))
    const answers = visits.map((visit, i) => ({ visit, ...this.#keepCookie(visit, responses[i] as LightMyRequestResponse) }))
    let failure: unknown
    for (const order of orders(answers)) {
      const model = this.#model.copy()
      try {
        for (const answer of order) await this.#judge(model, answer)
        await this.#compare(model)
        this.#model = model
        return
      } catch (error) {
        failure ??= error
      }
    }
    throw failure
  }

  /** Whether an answer is what the model says of a commit now. */
  async #judge (model: Model, { visit: { number }, status, cookie }: Answer): Promise<void> {
    const before = model.token(number)
    const isFollowed = model.isFollowed(number)
    const outcome = model.commit(number)
    assert.equal(status, outcome === 'done' ? 200 : 409, 'the status of an answer')
    if (outcome === 'gone') return
    const token = model.token(number)
    if (token === '') {
      assert.ok(cookie, 'a new session has a cookie')
      model.learnToken(number, cookie)
    } else if (token === undefined) {
      assert.equal(cookie, model.hasDestroyed(number) ? '' : undefined, 'the cookie of an answer without a session')
    } else {
      assert.ok((cookie === undefined && !isFollowed) || cookie === token, isFollowed ? 'a request with an old token gets the new one' : 'a session that keeps its token sends no other')
      if (token === before && model.touch(number)) await this.#checkTouched(token)
    }
  }

  async #checkTouched (token: string): Promise<void> {
    const { sessions: [row] } = await this.#store.find([hashToken(token)])
    assert.ok(row !== undefined && row.ttl > AGED_TTL + 1000, 'a session that was not used for long is touched')
  }

  #keepCookie ({ browser }: Visit, response: LightMyRequestResponse): { readonly status: number, readonly cookie: string | undefined } {
    const cookie = response.cookies.find(({ name }) => name === 'session')?.value
    if (cookie !== undefined) this.#tokens[browser] = cookie === '' ? undefined : cookie
    return { status: response.statusCode, cookie }
  }

  /** Compares all live sessions. */
  async #compare (model: Model): Promise<void> {
    const expected = new Map([...model.live()].map(([token, values]) => [hashToken(token), values]))
    const live = new Map<string, unknown>()
    for await (const { token, data } of this.#store.scan()) live.set(token, Object.fromEntries(this.#codec.decode(data, { rowKey: token }).values))
    assert.deepEqual(sorted(live), sorted(expected), 'the live sessions')
  }

  async #setTtl (browser: number, ttl: number): Promise<void> {
    const token = hashToken(this.#tokens[browser] as string)
    await this.#store.rewrite([token], ({ sessions: [session] }) => session === undefined ? [] : [{ kind: 'update', session: { token, data: session.data, ttl } }])
  }
}

interface Answer {
  readonly visit: Visit
  readonly status: number
  readonly cookie: string | undefined
}

function goneOrThrow (error: unknown): Outcome {
  if (error instanceof Error && 'code' in error && error.code === 'FST_SESSION_GONE') return 'gone'
  throw error
}

function sorted (sessions: ReadonlyMap<string, unknown>): Array<[string, unknown]> {
  return [...sessions].sort(([a], [b]) => a < b ? -1 : 1)
}

/** A list in every order. */
function orders<T> (list: readonly T[]): T[][] {
  if (list.length === 0) return [[]]
  return list.flatMap((first, i) => orders(list.filter((_, j) => j !== i)).map(rest => [first, ...rest]))
}
