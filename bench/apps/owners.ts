/*
 * A process that uses the MySQL store itself, without Fastify, and measures what it costs to keep owners, or how long
 * administration takes. It prints the result as a line of JSON. Its argument is an OwnersJob.
 */
import { randomBytes } from 'node:crypto'
import { readdirSync, readFileSync } from 'node:fs'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import type { Login } from '../databases/login.js'
import { mysqlStore, type NewSession, type SessionStore } from '../../plugin/index.js'

export interface OwnersJob {
  /** Tables that are measured in turn; for administration the first one. */
  readonly tables: readonly OwnersTable[]
  /** How many of each operation; without it, what administration takes. */
  readonly operations?: number
  readonly bytes: number
  /** The processes of the database. */
  readonly pids: readonly number[]
}

export interface OwnersTable {
  readonly name: string
  readonly database: Login & { readonly database: string }
  /** The store's option. */
  readonly owners: boolean
}

/** Microseconds of CPU time for each operation. */
export interface OwnersCost {
  readonly table: string
  readonly operation: string
  readonly cpu: number
  readonly databaseCpu: number
}

export interface Administration {
  readonly what: string
  readonly sessions: number
  readonly milliseconds: number
  readonly statements: number
  /** By how much V8's heap and its Buffers had grown when half of it was done, in bytes after a collection. */
  readonly grown?: number
}

/** Calls under way at once. */
const CONCURRENCY = 64
/** The tables take turns after so many calls. */
const SLICE = 1000
/** What a slice costs is the lower quartile: what else the machine does makes slices dearer, never cheaper. */
const QUARTILE = 0.25
/** So many slices warm up. */
const WARM_UP = 3
const SESSIONS = 5000
const HEADER = 16
const HOUR = 3_600_000

const job = JSON.parse(process.argv[2] ?? '') as OwnersJob
const opened = await Promise.all(job.tables.map(async table => {
  const store = mysqlStore({ ...table.database }, { owners: table.owners, cleanupInterval: 0, storeTimeout: 600_000 })
  await store.open({ warn: details => { console.error(details) }, error: details => { console.error(details) } })
  return { ...table, store }
}))
const [first] = opened
if (first === undefined) throw new Error('The job has no table')
const result = job.operations === undefined ? await administer(first.store, first.database) : await costs(job.operations)
for (const { store } of opened) await store.close()
process.stdout.write(`${JSON.stringify(result)}\n`)

async function costs (operations: number): Promise<OwnersCost[]> {
  const measured: Array<OwnersCost & { readonly slice: number }> = []
  const turns = await Promise.all(opened.map(async ({ name, store, owners }) => ({ name, operations: await operationsOn(store, owners) })))
  const slices = Math.ceil(operations / SLICE)
  for (let slice = -WARM_UP; slice < slices; slice++) {
    for (const operation of ['find', 'update', 'insert'] as const) {
      for (let i = 0; i < turns.length; i++) {
        const turn = turns[(i + slice + WARM_UP) % turns.length]
        if (turn === undefined) continue
        const [before, databaseBefore] = [process.cpuUsage(), databaseTime()]
        await make(turn.operations[operation])
        const { user, system } = process.cpuUsage(before)
        if (slice >= 0) measured.push({ table: turn.name, operation, slice, cpu: (user + system) / SLICE, databaseCpu: (databaseTime() - databaseBefore) / SLICE })
      }
    }
  }
  return turns.flatMap(({ name }) => ['find', 'update', 'insert'].map(operation => {
    const slices = measured.filter(one => one.table === name && one.operation === operation)
    return { table: name, operation, cpu: quartile(slices.map(({ cpu }) => cpu)), databaseCpu: quartile(slices.map(({ databaseCpu }) => databaseCpu)) }
  }))
}

async function operationsOn (store: SessionStore, owners: boolean): Promise<Record<'find' | 'update' | 'insert', (i: number) => Promise<unknown>>> {
  const newSession = (i: number, token = randomBytes(32).toString('base64url')): NewSession =>
    ({ token, data: randomBytes(job.bytes), ttl: 24 * HOUR, ...owners && { owner: `user-${i % (SESSIONS / 5)}` } })
  const sessions = Array.from({ length: SESSIONS }, (_, i) => newSession(i))
  await Promise.all(sessions.map(async session => { await store.insert(session) }))
  let updated = 0
  return {
    find: async () => await store.find([sessions[Math.floor(Math.random() * SESSIONS)]?.token ?? '']),
    // Each session has one caller at a time, and keeps its owner.
    update: async () => {
      const place = (updated++ * 7919) % SESSIONS
      const former = sessions[place]
      if (former === undefined) return
      const { token, data, ttl } = newSession(0, former.token)
      sessions[place] = { token, data, ttl }
      const outcome = await store.update({ token, data, ttl, seen: { bytes: former.data.subarray(0, HEADER), whole: false }, expiryStays: true })
      if (outcome.kind !== 'saved') throw new Error(`The session was not saved, but is ${outcome.kind}`)
    },
    insert: async i => await store.insert(newSession(i))
  }
}

async function make (call: (i: number) => Promise<unknown>): Promise<void> {
  let next = 0
  await Promise.all(Array.from({ length: CONCURRENCY }, async () => { while (next < SLICE) await call(next++) }))
}

function quartile (values: readonly number[]): number {
  return [...values].sort((a, b) => a - b)[Math.floor(values.length * QUARTILE)] ?? NaN
}

/** The CPU time of the database's threads, in microseconds: the first number of Linux' schedstat counts nanoseconds. */
function databaseTime (): number {
  return job.pids.reduce((sum, pid) => sum + readdirSync(`/proc/${pid}/task`).reduce((sum, task) => {
    try {
      return sum + Number(readFileSync(`/proc/${pid}/task/${task}/schedstat`, 'latin1').split(' ')[0]) / 1000
    } catch {
      return sum
    }
  }, 0), 0)
}

async function administer (store: SessionStore, database: Login & { readonly database: string }): Promise<Administration[]> {
  const connection = await createConnection(database)
  const statements = async () => {
    const [rows] = await connection.query<RowDataPacket[]>('SHOW GLOBAL STATUS LIKE \'Questions\'')
    return Number(rows[0]?.['Value'])
  }
  const done: Administration[] = []
  const measure = async (what: string, work: () => Promise<number>) => {
    const [before, started] = [await statements(), performance.now()]
    const sessions = await work()
    const milliseconds = performance.now() - started
    // One of them is the one that asks.
    done.push({ what, sessions, milliseconds, statements: await statements() - before - 1 })
  }
  const tokensOf = async (owner: string) => {
    const tokens: string[] = []
    for await (const { token } of store.scan(1000, { owner })) tokens.push(token)
    return tokens
  }
  const end = async (owner: string) => {
    const tokens = await tokensOf(owner)
    await Promise.all(tokens.map(async token => { await store.delete(token) }))
    return tokens.length
  }
  // What is first of its kind prepares its statement.
  await tokensOf('user-301')
  await store.count?.('user-301')
  await end('user-302')
  await measure('scan of an owner with 5 sessions', async () => (await tokensOf('user-300')).length)
  await measure('scan of an owner with 1,000 sessions', async () => (await tokensOf('busy')).length)
  await measure('count of an owner with 1,000 sessions', async () => await store.count?.('busy') ?? NaN)
  await measure('count of all sessions', async () => await store.count?.() ?? NaN)
  await measure('scan of an owner, and deletion of its 5 sessions', async () => await end('user-300'))
  await measure('scan of an owner, and deletion of its 1,000 sessions', async () => await end('busy'))
  let [first, half, count] = [NaN, NaN, 0]
  const total = await store.count?.() ?? NaN
  await measure('scan of all sessions', async () => {
    count = 0
    for await (const session of store.scan()) {
      if (session.data.length === 0) throw new Error('A session is empty')
      count++
      if (count === 20_000) first = memory()
      if (count === Math.floor(total / 2)) half = memory()
    }
    return count
  })
  const last = done.pop()
  // NaN is not a number of JSON.
  if (last !== undefined) done.push(Number.isNaN(half - first) ? last : { ...last, grown: half - first })
  await connection.end()
  return done
}

function memory (): number {
  globalThis.gc?.()
  const { heapUsed, external } = process.memoryUsage()
  return heapUsed + external
}
