import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import { cpuTime } from '../cpu.js'
import { kindsOf } from '../kinds.js'
import type { Kind } from '../kinds.js'

/** What an application measures within its own process. */
export interface InProcess {
  /** How many sessions are made first. */
  readonly sessions: number
  readonly bytes: number
  /** Kinds of requests, and how many of each; none to measure what memory the sessions take. */
  readonly kinds: readonly string[]
  readonly requests: number
  /** The processes of the database. */
  readonly database: readonly number[]
}

/** What it prints: microseconds of CPU time per request; null where the database's is not known. */
export type Inside =
  | { readonly costs: ReadonlyArray<{ readonly kind: string, readonly application: number, readonly database: number | null }> }
  | { readonly heap: number }

/** Requests under way at once. */
const CONCURRENCY = 64
/** The kinds take turns after so many requests. */
const SLICE = 1000
/** What a slice costs is the lower quartile: what else the machine does makes slices dearer, never cheaper. */
const QUARTILE = 0.25
/** So many slices warm up, for each that is measured. */
const WARM_UP = 0.2
/** Sessions that are made before the memory is looked at, so that what is needed once has been made. */
const FIRST = 5000
const MOST_COLLECTIONS = 20

type Injected = Awaited<ReturnType<FastifyInstance['inject']>>

/** Measures, prints the result as a line of JSON, and ends the process. Throws if an answer has another status than 200. */
export async function measureInside (app: FastifyInstance, { kinds, ...options }: InProcess): Promise<void> {
  await app.ready()
  const result = kinds.length > 0 ? { costs: await measureCosts(app, kindsOf(kinds), options) } : { heap: await measureHeap(app, options) }
  process.stdout.write(`${JSON.stringify(result satisfies Inside)}\n`, () => process.exit())
}

async function measureCosts (
  app: FastifyInstance, kinds: readonly Kind[], { sessions, bytes, requests, database }: Omit<InProcess, 'kinds'>
): Promise<Array<{ kind: string, application: number, database: number | null }>> {
  const cookies: Array<[string, string]> = []
  await signIn(app, 1, sessions, bytes, (id, cookie) => cookies.push([id, cookie]))
  const slices = Math.ceil(requests / SLICE)
  const totals = kinds.map(({ name }) => ({ kind: name, slices: [] as number[], database: 0 }))
  for (let slice = -Math.ceil(slices * WARM_UP); slice < slices; slice++) {
    for (const [i, kind] of kinds.entries()) {
      const [before, databaseBefore] = [process.cpuUsage(), cpuTime(database)]
      await make(app, kind, SLICE, cookies)
      const { user, system } = process.cpuUsage(before)
      const total = totals[i]
      if (slice < 0 || total === undefined) continue
      total.slices.push((user + system) / SLICE)
      total.database += cpuTime(database) - databaseBefore
    }
  }
  return totals.map(({ kind, slices, database }) => ({
    kind, application: quartileOf(slices), database: Number.isNaN(database) ? null : database / (slices.length * SLICE)
  }))
}

/** The bytes of memory that a session takes in this process. */
async function measureHeap (app: FastifyInstance, { sessions, bytes }: Omit<InProcess, 'kinds'>): Promise<number> {
  await signIn(app, 1, FIRST, bytes)
  const before = await usedMemory()
  await signIn(app, FIRST + 1, sessions, bytes)
  return (await usedMemory() - before) / sessions
}

/** V8's heap and the memory of Buffers, when collections no longer make them smaller: Buffers are freed in the background. */
async function usedMemory (): Promise<number> {
  if (globalThis.gc === undefined) throw new Error('Memory is measured with --expose-gc')
  let used = Infinity
  for (let tries = 0; tries < MOST_COLLECTIONS; tries++) {
    globalThis.gc()
    await sleep(200)
    const { heapUsed, external } = process.memoryUsage()
    if (heapUsed + external > used * 0.999) break
    used = heapUsed + external
  }
  return used
}

let value = 0

async function make (app: FastifyInstance, { request, isAnonymous = false }: Kind, count: number, cookies: ReadonlyArray<[string, string]>): Promise<void> {
  const [method, path = ''] = request.split(' ')
  await inTurn(count, async () => {
    const [id, cookie] = cookies[Math.floor(Math.random() * cookies.length)] ?? ['', '']
    const url = path.replace(':id', id).replace(':value', () => String(++value))
    await inject(app, { method: method === 'POST' ? 'POST' : 'GET', url, headers: isAnonymous ? {} : { cookie } })
  })
}

/** Makes sessions, and tells their numbers and cookies. Nothing is kept here, where memory is measured. */
async function signIn (
  app: FastifyInstance, first: number, count: number, bytes: number, tell: (id: string, cookie: string) => void = () => {}
): Promise<void> {
  await inTurn(count, async (n) => {
    const id = String(first + n)
    const { headers } = await inject(app, { method: 'POST', url: `/login/${id}/${bytes}` })
    tell(id, String(headers['set-cookie']).split(';', 1)[0] ?? '')
  })
}

async function inject (app: FastifyInstance, request: { method: 'GET' | 'POST', url: string, headers?: Record<string, string> }): Promise<Injected> {
  const response = await app.inject(request)
  if (response.statusCode !== 200) throw new Error(`${request.method} ${request.url} was answered with ${response.statusCode}: ${response.body}`)
  return response
}

/** Calls `work` so many times, with {@link CONCURRENCY} calls under way. */
async function inTurn (count: number, work: (n: number) => Promise<void>): Promise<void> {
  let next = 0
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => {
    while (next < count) await work(next++)
  }))
}

function quartileOf (values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * QUARTILE)] ?? NaN
}
