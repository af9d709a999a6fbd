/*
 * A process of its own with an application that sends itself requests of one session, whose work must be done by one request at a
 * time, or once at all. The parent sends a `OnceJob`, and gets what each request has done.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import Fastify from 'fastify'
import sessions, { type SessionOptions } from '../../plugin/index.js'

/** What the parent sends. */
export interface OnceJob {
  /** Where the sessions are kept: options that can be sent to another process. */
  readonly options: SessionOptions
  readonly token: string
  /** 'count': exclusive work that reads and writes a counter without `update`. 'take': takes the keys code0, code1 and so on. */
  readonly deed: 'count' | 'take'
  readonly times: number
  /** After so many times its work no longer ends, so that it can be killed in the middle. Default never. */
  readonly endlessAfter?: number
}

/** What the parent gets: times are nanoseconds of a clock that all processes share, as digits. */
export type OnceNote =
  | { readonly what: 'begin' | 'end', readonly time: string }
  | { readonly what: 'taken', readonly key: string, readonly value: unknown }

const LONG = 120_000

const [{ options, token, deed, times, endlessAfter = Infinity }] = await once(process, 'message') as [OnceJob]
// A busy machine may need long to start it.
const app = Fastify({ pluginTimeout: 0 })
await app.register(sessions, options)
/** Waits until the note is on its way: a process that is killed has told what it had begun. */
const note = async (note: OnceNote) => await new Promise<void>(resolve => process.send?.(note, () => resolve()))
const time = () => String(process.hrtime.bigint())

let done = 0
app.get('/count', async ({ session }) => await session.exclusive(async () => {
  await note({ what: 'begin', time: time() })
  const n = Number(session.get('n') ?? 0)
  await sleep(done++ === endlessAfter ? 2 ** 31 - 1 : Math.random() * 3)
  session.put('n', n + 1)
  await session.commit()
  await note({ what: 'end', time: time() })
  return { n }
}, { timeout: LONG }))
app.get<{ Params: { key: string } }>('/take/:key', async ({ session, params: { key } }) => {
  const value = await session.take(key)
  await note({ what: 'taken', key, value: value ?? null })
  return { value }
})

const ask = async (url: string) => {
  const { statusCode, body } = await app.inject({ url, headers: { cookie: `session=${token}` } })
  if (statusCode !== 200) throw new Error(`${url}: ${statusCode} ${body}`)
}
await app.ready()
// Two at a time, so that requests of one process compete too.
await Promise.all([0, 1].map(async () => {
  for (let i = 0; i < times; i++) await ask(deed === 'count' ? '/count' : `/take/code${i}`)
}))
await app.close()
process.disconnect()
