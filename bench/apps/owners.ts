/*
 * A process that uses the MySQL store itself, without Fastify, and measures what it costs to keep owners, or how long
 * administration takes. It prints the result as a line of JSON. Its argument is an OwnersJob.
 */
import { randomBytes } from 'node:crypto'
import { createConnection, type RowDataPacket } from 'mysql2/promise'
import { cpuTime, quiet } from '../cpu.js'
import type { Login } from '../databases/login.js'
import { mysqlStore, type SessionStore } from '../../plugin/index.js'

export interface OwnersJob {
  readonly database: Login & { readonly database: string }
  /** The store's option. */
  readonly owners: boolean
  /** How many of each operation, with as many sessions as in the other series; or, without it, what administration takes. */
  readonly operations?: number
  readonly bytes: number
  /** The processes of the database. */
  readonly pids: readonly number[]
}

/** Microseconds of CPU time for each operation. */
export interface OwnersCost {
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
const SESSIONS = 5000
const HEADER = 16
const HOUR = 3_600_000

const job = JSON.parse(process.argv[2] ?? '') as OwnersJob
const store = mysqlStore({ ...job.database }, { owners: job.owners, cleanupInterval: 0, storeTimeout: 600_000 })
await store.open({ warn: details => { console.error(details) }, error: details => { console.error(details) } })
const result = job.operations === undefined ? await administer(store) : await costs(store, job.operations)
await store.close()
process.stdout.write(`${JSON.stringify(result)}\n`)

async function costs (store: SessionStore, operations: number): Promise<OwnersCost[]> {
  const newSession = (token = randomBytes(32).toString('base64url')) => ({ token, data: randomBytes(job.bytes), ttl: 24 * HOUR })
  const owner = (i: number) => job.owners ? { owner: `user-${i % (SESSIONS / 5)}` } : {}
  const sessions = await Promise.all(Array.from({ length: SESSIONS }, async (_, i) => {
    const session = { ...newSession(), ...owner(i) }
    await store.insert(session)
    return session
  }))
  const any = () => Math.floor(Math.random() * SESSIONS)
  const measured: OwnersCost[] = []
  const measure = async (operation: string, call: (i: number) => Promise<unknown>) => {
    const all = async (first: number, last: number) => {
      let next = first
      await Promise.all(Array.from({ length: CONCURRENCY }, async () => { while (next < last) await call(next++) }))
    }
    await all(0, Math.ceil(operations / 5))
    await quiet(job.pids)
    const [before, databaseBefore] = [process.cpuUsage(), cpuTime(job.pids)]
    await all(Math.ceil(operations / 5), Math.ceil(operations / 5) + operations)
    const { user, system } = process.cpuUsage(before)
    await quiet(job.pids)
    measured.push({ operation, cpu: (user + system) / operations, databaseCpu: (cpuTime(job.pids) - databaseBefore) / operations })
  }
  await measure('find', async () => await store.find([sessions[any()]?.token ?? '']))
  // One caller at a time for each session, as the plugin has it for most.
  await measure('update', async i => {
    const place = (i * 7919) % SESSIONS
    const former = sessions[place]
    if (former === undefined) return
    const session = newSession(former.token)
    sessions[place] = session
    const outcome = await store.update({ ...session, seen: { bytes: former.data.subarray(0, HEADER), whole: false }, expiryStays: true })
    if (outcome.kind !== 'saved') throw new Error(`The session was not saved, but is ${outcome.kind}`)
  })
  await measure('insert', async i => await store.insert({ ...newSession(), ...owner(i) }))
  return measured
}

async function administer (store: SessionStore): Promise<Administration[]> {
  const connection = await createConnection(job.database)
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
