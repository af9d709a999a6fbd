import { spawn } from 'node:child_process'
import { once } from 'node:events'
import Fastify, { type FastifyInstance, type FastifyRequest } from 'fastify'
import type { Test } from 'tap'
import { Browser } from './browser.js'
import { startProxy } from './proxy.js'
import type { Place } from './places.js'
import sessions, { type SessionOptions } from '../../plugin/index.js'
import { latch, type Latch } from '../support/barrier.js'
import { firstLine } from '../support/program.js'

/** A call of the session, which the Go service and the Fastify application make alike: see service/main.go. */
export interface Step {
  readonly Do: 'put' | 'get' | 'keys' | 'remove' | 'destroy' | 'renew' | 'remember' | 'increment' | 'deadline' | 'pause'
  readonly Key?: string
  readonly Value?: unknown
}

export type Side = 'go' | 'node'

/** What both services have in common. Times are in milliseconds. */
export interface Options {
  readonly hashTokens?: boolean
  readonly lifetime?: number
  readonly idleTimeout?: number
  readonly persist?: boolean
  /** How often each side deletes expired sessions. Default 0: never. */
  readonly cleanup?: Readonly<Partial<Record<Side, number>>>
}

/** A Go service and a Fastify application behind one proxy, on one table. */
export interface Services {
  browser (): Browser
  /** Sends a request of these steps. Resolves to what the last step gave. */
  send (browser: Browser, side: Side, ...steps: readonly Step[]): Promise<unknown>
  /** Sends steps to the Fastify application, which stops at a step `pause`. */
  sendPaused (browser: Browser, ...steps: readonly Step[]): { readonly paused: Promise<void>, goOn (): void, readonly result: Promise<unknown> }
}

const DAY = 24 * 3_600_000

/** Starts both services, and stops them when the test is over. */
export async function startServices (t: Test, program: string, place: Place, options: Options = {}): Promise<Services> {
  const pauses = new Map<string, { readonly reached: Latch, readonly end: Latch }>()
  const ports = { go: await startGo(t, program, place, options), node: await startNode(t, place, options, pauses) }
  const origin = await startProxy(t, ports)

  const send: Services['send'] = async (browser, side, ...steps) => {
    const response = await browser.post(`/${side}/`, steps)
    const text = await response.text()
    if (response.status !== 200) throw new Error(`${side} answered ${response.status}: ${text}`)
    return JSON.parse(text) as unknown
  }
  let count = 0
  return {
    browser: () => new Browser(origin),
    send,
    sendPaused: (browser, ...steps) => {
      const id = String(count++)
      const pause = { reached: latch(), end: latch() }
      pauses.set(id, pause)
      const result = send(browser, 'node', ...steps.map(step => step.Do === 'pause' ? { ...step, Key: id } : step))
      return { paused: pause.reached.opened, goOn: pause.end.open, result }
    }
  }
}

async function startGo (t: Test, program: string, { driver, dsn }: Place, { hashTokens = false, lifetime = DAY, idleTimeout = 0, persist = true, cleanup }: Options): Promise<number> {
  const settings = { Driver: driver, DSN: dsn, HashTokens: hashTokens, Lifetime: lifetime, IdleTimeout: idleTimeout, CleanupInterval: cleanup?.go ?? 0, Persist: persist }
  const service = spawn(program, { stdio: ['pipe', 'pipe', 'inherit'], env: { ...process.env, SERVICE_SETTINGS: JSON.stringify(settings) } })
  t.teardown(async () => {
    const exited = once(service, 'exit')
    service.stdin.end()
    await exited
  })
  const line = await firstLine(service.stdout)
  return (JSON.parse(line) as { port: number }).port
}

async function startNode (t: Test, place: Place, { hashTokens, lifetime = DAY, idleTimeout = 0, persist = true, cleanup }: Options, pauses: ReadonlyMap<string, { readonly reached: Latch, readonly end: Latch }>): Promise<number> {
  const app: FastifyInstance = Fastify()
  t.teardown(async () => { await app.close() })
  const options: SessionOptions = {
    ...place.options, codec: 'gob', lifetime, idleTimeout, cookie: { persist }, cleanupInterval: cleanup?.node ?? 0, ...hashTokens !== undefined && { hashTokenInStore: hashTokens }
  }
  await app.register(sessions, options)
  app.post<{ Body: Step[] }>('/', async request => {
    let result: unknown = null
    for (const step of request.body) {
      const pause = pauses.get(step.Key ?? '')
      if (step.Do === 'pause') {
        pause?.reached.open()
        await pause?.end.opened
      } else {
        result = await take(step, request)
      }
    }
    return JSON.stringify(result)
  })
  return Number(new URL(await app.listen({ host: '127.0.0.1', port: 0 })).port)
}

async function take ({ Do, Key = '', Value }: Step, { session }: FastifyRequest): Promise<unknown> {
  switch (Do) {
    case 'put': session.put(Key, Value); break
    case 'get': return session.get(Key) ?? null
    case 'keys': return session.keys()
    case 'remove': session.remove(Key); break
    case 'destroy': await session.destroy(); break
    case 'renew': session.renewToken(); break
    case 'remember': session.rememberMe(true); break
    case 'increment': return session.update(Key, (n = 0) => Number(n) + 1)
    case 'deadline': return session.deadline
  }
  return null
}
