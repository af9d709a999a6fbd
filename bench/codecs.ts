/*
 * `npm run bench:codecs`: the CPU time of encoding and decoding a session by each codec, beside that of JSON in the same run.
 *
 *     --rounds N   how often each is measured; the figures are medians. Default 41
 */
import { randomBytes } from 'node:crypto'
import { parseArgs } from 'node:util'
import { encrypted } from '../plugin/codecs/encrypted.js'
import { gobCodec, goFloat64, goInt64, goType, goValue } from '../plugin/codecs/gob/index.js'
import { textCodec } from '../plugin/codecs/text.js'
import type { Codec, SessionContent } from '../plugin/codecs/codec.js'
import { contentOf } from './apps/content.js'

/** How often a codec works in one measurement, and before the first one. */
const CALLS = 2000
const WARM_UP = 20_000
const DEADLINE = Date.UTC(2027, 2, 4, 5, 6, 7)
const ROW = { rowKey: 'a'.repeat(43) }

const { values: { rounds = '41' } } = parseArgs({ options: { rounds: { type: 'string' } } })

const Profile = goType('main.Profile', { ID: 'int', Name: 'string', Roles: '[]string', Admin: 'bool', Since: 'time.Time', Score: 'float64' })

/** Sessions as applications have them, each of about 300 bytes in gob or in JSON. */
const SESSIONS: Readonly<Record<string, Readonly<Record<string, unknown>>>> = {
  'the workload of the benchmark': { ...contentOf('4711', 300) },
  'a signed-in user': {
    userId: 4711, name: 'Ada Lovelace', email: 'ada@example.org', csrf: 'q2cYtJ0hQ5mZ3rXv7Lw9Kg', isAdmin: false, locale: 'en-GB', theme: 'dark', visits: 17, returnTo: '/orders?page=2'
  },
  'a cart': { userId: 4711, cart: [{ id: 17, count: 2, price: 9.5 }, { id: 23, count: 1, price: 120.25 }], note: 'To be delivered before noon', total: 139.25 },
  times: { userId: 4711, since: new Date(1_700_000_000_123), seen: new Date(1_800_000_000_456), last: new Date(1_800_000_000_456), name: 'Ada Lovelace', roles: goValue('[]string', ['reader', 'writer']) },
  'typed numbers': { userId: goInt64(4711), price: goFloat64(17), account: goInt64(815), balance: goFloat64(120.5), ids: goValue('[]int64', [1, 22, 333, 4444]), name: 'Ada Lovelace', email: 'ada@example.org' },
  'a struct': { profile: goValue(Profile, { ID: 4711, Name: 'Ada Lovelace', Roles: ['reader', 'writer'], Admin: true, Since: new Date(1_700_000_000_123), Score: 0.75 }), csrf: 'q2cYtJ0hQ5mZ3rXv7Lw9Kg', visits: 17 }
}

/** Two functions whose time is measured: of a session, and of its bytes. */
interface Measured { encode (): Uint8Array, decode (): unknown }

function ofCodec (codec: Codec, values: Readonly<Record<string, unknown>>): Measured & { readonly content: SessionContent } {
  const data = codec.encode({ deadline: DEADLINE, rememberMe: undefined, values: new Map(Object.entries(values)) }, ROW)
  // What is encoded has been decoded, as it is in a request.
  const content = codec.decode(data, ROW)
  return { content, encode: () => codec.encode(content, ROW), decode: () => codec.decode(data, ROW) }
}

/** The text codec with encryption. What is decoded is new each time, as in a request: the codec remembers what it has decrypted. */
function ofEncrypted (values: Readonly<Record<string, unknown>>): Measured {
  const codec = encrypted(textCodec, { keys: [randomBytes(32)] })
  const { content, encode } = ofCodec(codec, values)
  const data = codec.encode(content, ROW)
  return { encode, decode: () => codec.decode(Uint8Array.from(data), ROW) }
}

/** JSON of the same deadline and values, from and to bytes. A time is a text before and after. */
function ofJson (values: ReadonlyMap<string, unknown>): Measured {
  const data = Buffer.from(JSON.stringify({ deadline: new Date(DEADLINE), values: Object.fromEntries(values) }))
  const session: unknown = JSON.parse(data.toString())
  return { encode: () => Buffer.from(JSON.stringify(session)), decode: () => JSON.parse(data.toString()) as unknown }
}

/** Microseconds of CPU time a call. */
function timeOf (work: () => unknown, calls: number): number {
  const before = process.cpuUsage()
  for (let i = 0; i < calls; i++) work()
  const { user, system } = process.cpuUsage(before)
  return (user + system) / calls
}

const median = (numbers: readonly number[]): number => [...numbers].sort((a, b) => a - b)[numbers.length >> 1] as number

/** Measures all in turn, so that a machine whose speed drifts treats them alike. */
function measured (works: ReadonlyArray<() => unknown>): number[][] {
  for (const work of works) timeOf(work, WARM_UP)
  const times = works.map((): number[] => [])
  for (let round = 0; round < Number(rounds); round++) {
    for (const [i, work] of works.entries()) times[i]?.push(timeOf(work, CALLS))
  }
  return times
}

/** The median of the rounds' ratios. */
function ratio (times: readonly number[], of: readonly number[]): string {
  return median(times.map((time, round) => time / (of[round] as number))).toFixed(1)
}

const sum = (a: readonly number[] = [], b: readonly number[] = []): number[] => a.map((time, round) => time + (b[round] as number))

console.log(`µs of CPU per call, median of ${rounds} rounds, and how many times JSON's. Node.js ${process.version}\n`)
console.log('| session | codec | bytes | encode | decode | both |\n|---|---|---|---|---|---|')
for (const [name, values] of Object.entries(SESSIONS)) {
  const gob = ofCodec(gobCodec, values)
  const codecs = { JSON: ofJson(gob.content.values), text: ofCodec(textCodec, Object.fromEntries(gob.content.values)), gob, 'text, encrypted': ofEncrypted(Object.fromEntries(gob.content.values)) }
  const times = measured(Object.values(codecs).flatMap(({ encode, decode }) => [encode, decode]))
  const both = Object.keys(codecs).map((_, i) => [times[2 * i] ?? [], times[2 * i + 1] ?? [], sum(times[2 * i], times[2 * i + 1])])
  for (const [i, [codec, { encode }]] of Object.entries(codecs).entries()) {
    const cells = (both[i] ?? []).map((of, what) => `${median(of).toFixed(2)}${i === 0 ? '' : ` (${ratio(of, both[0]?.[what] ?? [])})`}`)
    console.log(`| ${[name, codec, encode().length, ...cells].join(' | ')} |`)
  }
}
