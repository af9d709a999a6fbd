import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'

/** The answer to one request. */
export interface Answer {
  /** 0 if there was none. */
  readonly status: number
  readonly body: string
  /** The token of the cookie that came with it. */
  readonly token: string | undefined
}

/** Sends a request to an application with {@link addLedgerRoutes}. Never rejects. */
export type Ask = (path: string, token?: string) => Promise<Answer>

/** A session that is written to until the end. */
interface Account {
  readonly token: string
  /** The keys that were answered with 200. */
  readonly confirmed: string[]
  /** Writes that were answered otherwise: each may have been saved. */
  unknown: number
}

/** Requests under way at once. */
const CLIENTS = 24
/** How many writes there are for each session. */
const WRITES_OF_ONE = 10
/** So many sessions are written to at a time: as many as clients, so that they meet now and then. */
const AT_ONCE = 24
/** The share of requests that begin and end a session. */
const ENDING = 0.15

/**
 * What an application has confirmed while something was wrong. Its clients sign in, write keys and count, and sign out, until
 * enough has been confirmed. Then {@link check} looks whether all of that is true.
 */
export class Ledger {
  readonly #writes: number
  readonly #signOuts: number
  readonly #accounts: Account[] = []
  readonly #ended: string[] = []
  readonly #unexpected = new Map<string, number>()
  #confirmed = 0
  #answers = 0
  #waiting: Array<{ readonly at: number, readonly resolve: () => void }> = []

  constructor (writes: number, signOuts: number) {
    this.#writes = writes
    this.#signOuts = signOuts
  }

  /** Whether enough was confirmed. */
  get isFull (): boolean {
    return this.#confirmed >= this.#writes && this.#ended.length >= this.#signOuts
  }

  get summary (): string {
    return `${this.#confirmed} writes and ${this.#ended.length} sign-outs of ${this.#answers} answers`
  }

  /** Resolves after so many more answers, or when the ledger is full. */
  async progress (answers: number): Promise<void> {
    if (!this.isFull) await new Promise<void>(resolve => this.#waiting.push({ at: this.#answers + answers, resolve }))
  }

  /** Sends requests until the ledger is full. */
  async fill (ask: Ask): Promise<void> {
    await Promise.all(Array.from({ length: CLIENTS }, async () => {
      while (!this.isFull) {
        const isEnding = this.#ended.length < this.#signOuts && (Math.random() < ENDING || this.#confirmed >= this.#writes)
        await (isEnding ? this.#beginAndEnd(ask) : this.#write(ask))
      }
    }))
    for (const { resolve } of this.#waiting.splice(0)) resolve()
  }

  /** Returns what was confirmed but is not true. Empty if all is true. */
  async check (ask: Ask): Promise<string[]> {
    const wrong = [...this.#unexpected].map(([what, count]) => `${count} times ${what}`)
    for (const { token, confirmed, unknown } of this.#accounts) {
      const { status, body } = await ask('/data', token)
      if (status !== 200) {
        wrong.push(`a session was lost: ${status}`)
        continue
      }
      const data = JSON.parse(body) as Record<string, unknown>
      const lost = confirmed.filter(key => data[key] !== key)
      if (lost.length > 0) wrong.push(`${lost.length} of ${confirmed.length} writes were lost`)
      const count = Number(data['count'] ?? 0)
      if (count < confirmed.length || count > confirmed.length + unknown) wrong.push(`counted ${count} for ${confirmed.length} to ${confirmed.length + unknown} requests`)
    }
    for (const token of this.#ended) {
      const { status } = await ask('/data', token)
      if (status !== 401) wrong.push(`a session is alive that was signed out: ${status}`)
    }
    return wrong
  }

  async #write (ask: Ask): Promise<void> {
    const due = Math.floor(this.#confirmed / WRITES_OF_ONE) + AT_ONCE
    const account = this.#accounts.length < due ? await this.#signIn(ask) : this.#accounts.at(-1 - Math.floor(Math.random() * AT_ONCE))
    if (account === undefined) return
    const key = `k${this.#answers}.${Math.random()}`
    // Counted before the request, because there may be no answer.
    account.unknown++
    const answer = await this.#ask(ask, `/write/${key}`, account.token)
    if (answer.status !== 200) return
    account.unknown--
    account.confirmed.push(key)
    this.#confirmed++
  }

  async #beginAndEnd (ask: Ask): Promise<void> {
    const { token } = await this.#ask(ask, '/sign-in')
    if (token === undefined) return
    // Another request of the session is under way while it ends.
    const [ended] = await Promise.all([this.#ask(ask, '/sign-out', token), Math.random() < 0.5 ? this.#ask(ask, '/write/late', token, [401, 409]) : undefined])
    if (ended.status === 200) this.#ended.push(token)
  }

  async #signIn (ask: Ask): Promise<Account | undefined> {
    const { token } = await this.#ask(ask, '/sign-in')
    if (token === undefined) return undefined
    const account: Account = { token, confirmed: [], unknown: 0 }
    this.#accounts.push(account)
    return account
  }

  async #ask (ask: Ask, path: string, token?: string, expected: readonly number[] = []): Promise<Answer> {
    const answer = await ask(path, token)
    this.#answers++
    if (![0, 200, 503, ...expected].includes(answer.status)) {
      const what = `${path.split('/')[1]} was answered with ${answer.status} ${answer.body.slice(0, 200)}`
      this.#unexpected.set(what, (this.#unexpected.get(what) ?? 0) + 1)
    }
    this.#waiting = this.#waiting.filter(({ at, resolve }) => {
      if (at > this.#answers && !this.isFull) return true
      resolve()
      return false
    })
    // A client does not ask a database that is away again and again without a pause.
    if (answer.status !== 200) await sleep(5)
    return answer
  }
}

/** What the requests of a ledger do. */
export function addLedgerRoutes (app: FastifyInstance): void {
  app.get('/sign-in', async ({ session }) => {
    session.renewToken()
    session.put('user', 'ada')
    return 'in'
  })
  app.get<{ Params: { key: string } }>('/write/:key', async ({ session, params: { key } }, reply) => {
    if (!session.exists('user')) return await reply.code(401).send('nobody')
    session.put(key, key)
    session.update('count', count => Number(count ?? 0) + 1)
    return 'written'
  })
  app.get('/sign-out', async ({ session }) => {
    await session.destroy()
    return 'out'
  })
  app.get('/data', async ({ session }, reply) => session.exists('user') ? session.data() : await reply.code(401).send('nobody'))
}

/** Asks an application in this process. */
export function asking (app: FastifyInstance): Ask {
  return async (url, token) => {
    try {
      const { statusCode, body, cookies } = await app.inject({ url, ...token !== undefined && { cookies: { session: token } } })
      return { status: statusCode, body, token: statusCode === 200 ? cookies.find(({ name }) => name === 'session')?.value || undefined : undefined }
    } catch (error) {
      return { status: 0, body: String(error), token: undefined }
    }
  }
}

/** Asks one or the other of two applications in this process. */
export function askingBoth (one: FastifyInstance, other: FastifyInstance): Ask {
  const asks = [asking(one), asking(other)] as const
  return async (path, token) => await asks[Math.random() < 0.5 ? 0 : 1](path, token)
}

/** Asks an application on a port of 127.0.0.1. */
export function askingPort (port: () => number): Ask {
  return async (path, token) => {
    try {
      const response = await fetch(`http://127.0.0.1:${port()}${path}`, { headers: token === undefined ? {} : { cookie: `session=${token}` } })
      const body = await response.text()
      return { status: response.status, body, token: response.ok ? /session=([\w-]+)/.exec(response.headers.get('set-cookie') ?? '')?.[1] : undefined }
    } catch (error) {
      return { status: 0, body: String(error), token: undefined }
    }
  }
}
