import { deepStrictEqual } from 'node:assert/strict'
import { inspect, isDeepStrictEqual } from 'node:util'
import fc from 'fast-check'
import t from 'tap'
import { gobCodec, goType, goValue } from '../../plugin/codecs/gob/index.js'
import { sessionOf } from '../plugin/codecs/gob/sessions.js'
import { vectors } from '../plugin/codecs/gob/vectors.js'
import { valueOf, type Described } from '../plugin/codecs/gob/described.js'
import { anyDamage, damaged } from '../plugin/codecs/gob/damage.js'
import { anySession, type Sample } from './any-session.js'
import { buildGo, LineProgram, withoutGo } from './go.js'

/** How many values go through Go, at least: a million by `npm run test:gob`. */
const VALUES = Number(process.env['GOB_VALUES'] ?? 10_000)
const BATCH = 250
const SEED = Number(process.env['GOB_SEED'] ?? Math.floor(Math.random() * 2 ** 30))

/**
 * Why damaged data is refused here that Go takes: nothing in JavaScript is equal to it; a message breaks off inside a struct or
 * a definition, where Go ends it and may go on with a struct that has no fields; a name is none that Go has written; or the
 * struct has other fields than a session.
 */
const STRICTER = /(a (key|name) is not UTF-8|two keys of a map are the same in JavaScript|it ends too early|a type is not defined|a definition is of no kind, or of several|it does not hold a deadline and values)$/

/** What Go says of a session, see gob/main.go. */
interface Answer {
  readonly error?: string
  readonly deadline: string
  readonly values?: Readonly<Record<string, Described>>
  readonly base64: string
}

t.test('sessions and Go', { skip: await withoutGo('gob') }, async t => {
  const program = new LineProgram(t, await buildGo(t, 'gob'))
  const ask = async (sessions: readonly Uint8Array[]): Promise<Answer[]> => {
    const answers = await program.ask(sessions.map(data => Buffer.from(data).toString('base64')))
    return answers.map(answer => JSON.parse(answer) as Answer)
  }

  t.test('what Go has written and is written again is to Go what it was', async () => {
    const before = await ask(vectors.map(({ data }) => data))
    const after = await ask(vectors.map(({ data }) => gobCodec.encode(gobCodec.decode(data))))
    for (const [i, { name, described }] of vectors.entries()) {
      deepStrictEqual([after[i]?.error, after[i]?.values, after[i]?.deadline], [undefined, before[i]?.values, before[i]?.deadline], name)
      if (described !== undefined) deepStrictEqual(after[i]?.values, described, name)
    }
  })

  t.test('a struct whose fields are those of another build of the Go service is read as gob defines it', async t => {
    const read = async (...fields: ReadonlyArray<readonly [name: string, type: string, value: unknown]>) => {
      const type = goType('main.Address', Object.fromEntries(fields.map(([name, type]) => [name, type])))
      const address = goValue(type, Object.fromEntries(fields.map(([name, , value]) => [name, value])))
      // As this side has read it from that build, and has written it again.
      const data = gobCodec.encode(gobCodec.decode(gobCodec.encode(sessionOf({ address, seen: true }))))
      const [answer] = await ask([data])
      return answer?.error ?? (answer?.values?.['address'] as [string, unknown])[1]
    }
    const zip = Uint8Array.of(1)
    t.strictSame(await read(['City', 'string', 'Oslo'], ['Zip', '[]byte', zip]), { City: ['string', 'Oslo'], Zip: ['[]uint8', '01'] })
    t.strictSame(await read(['City', 'string', 'Oslo']), { City: ['string', 'Oslo'], Zip: ['[]uint8', ''] }, 'a field less')
    t.strictSame(await read(['Country', 'string', 'NO'], ['City', 'string', 'Oslo'], ['Zip', '[]byte', zip], ['Tags', 'map[string]int', { a: 1 }]), { City: ['string', 'Oslo'], Zip: ['[]uint8', '01'] }, 'more fields')
    t.strictSame(await read(['Zip', '[]byte', zip], ['City', 'string', 'Oslo']), { City: ['string', 'Oslo'], Zip: ['[]uint8', '01'] }, 'another order')
    t.match(await read(['City', 'int', 7], ['Zip', '[]byte', zip]), /wrong type/, 'another type, which Go refuses')
  })

  t.test(`any session is in Go what it is here, and comes back as it was: ${VALUES} values`, async t => {
    let count = 0
    let values = 0
    for (const sessions of batches(anySession, () => values >= VALUES)) {
      const written = sessions.map(session => gobCodec.encode(sessionOf(Object.fromEntries(Object.entries(session).map(([key, { put }]) => [key, put])))))
      const answers = await ask(written)
      const again = answers.map(({ base64 }) => gobCodec.decode(Buffer.from(base64, 'base64')))
      const last = await ask(again.map(content => gobCodec.encode(content)))
      for (const [i, session] of sessions.entries()) {
        const data = written[i] as Uint8Array
        const expected = describedAs(session)
        same(inOrder(answers[i]), expected, data)
        same(byKey(again[i]?.values), byKey(valuesOf(answers[i])), data)
        same(inOrder(last[i]), expected, data)
        values += Object.keys(session).length
      }
      count += sessions.length
    }
    t.comment(`${values} values in ${count} sessions, seed ${SEED}`)
  })

  t.test('what Go decodes is decoded here too, and to the same values, however the data was damaged', async t => {
    let decoded = 0
    let count = 0
    // A struct may have other fields in Go than its definition in the data.
    const plain = vectors.filter(({ described }) => described !== undefined && !JSON.stringify(described).includes('main.'))
    const anyDamaged = fc.tuple(fc.constantFrom(...plain), anyDamage).map(([{ data }, damage]) => damaged(data, damage))
    for (const sessions of batches(anyDamaged, () => count >= VALUES / 2)) {
      count += sessions.length
      // Go takes a count at its word, and dies of it.
      const asked = sessions.map(data => ({ data, content: attempt(data) })).filter(({ content }) => !(content instanceof Error && content.message.includes('exceeds')))
      for (const [i, answer] of (await ask(asked.map(({ data }) => data))).entries()) {
        const { data, content } = asked[i] as typeof asked[number]
        if (answer.error !== undefined) continue
        decoded++
        if (content instanceof Error) {
          if (!STRICTER.test(content.message)) throw new Error(`${content.message}, but not in Go: ${data.toString('base64')}`)
          continue
        }
        const expected = valuesOf(answer)
        if (content.rememberMe !== undefined) expected.delete('__rememberMe')
        same(byKey(content.values), byKey(expected), data)
      }
    }
    t.comment(`Go has decoded ${decoded} of ${count}, seed ${SEED}`)
    t.ok(decoded > count / 50)
  })
})

/** What `arbitrary` makes of the seed, in batches, until it is enough. */
function * batches<T> (arbitrary: fc.Arbitrary<T>, isEnough: () => boolean): Iterable<T[]> {
  for (let i = 0; !isEnough(); i++) yield fc.sample(arbitrary, { numRuns: BATCH, seed: SEED + i })
}

/** Shows the session and the seed, not all the values. */
function same (actual: unknown, expected: unknown, data: Uint8Array): void {
  if (isDeepStrictEqual(actual, expected)) return
  // Two times that no Date can hold are not equal.
  const [is, should] = [actual, expected].map(value => inspect(value, { depth: Infinity, maxArrayLength: Infinity, maxStringLength: Infinity }))
  if (is !== should) throw new Error(`${is} should be ${should}, seed ${SEED}, of ${Buffer.from(data).toString('base64')}`)
}

function attempt (data: Buffer): ReturnType<typeof gobCodec.decode> | Error {
  try {
    return gobCodec.decode(data)
  } catch (error) {
    return error as Error
  }
}

function valuesOf (answer: Answer | undefined): Map<string, unknown> {
  return new Map(Object.entries(answer?.values ?? {}).map(([key, described]) => [key, valueOf(described)]))
}

function byKey (values: ReadonlyMap<string, unknown> = new Map()): Array<[string, unknown]> {
  return [...values].sort(([a], [b]) => a < b ? -1 : 1)
}

function describedAs (session: Record<string, Sample>): unknown {
  return normal(Object.entries(session).map(([key, { described }]) => [['string', key], described]))
}

function inOrder (answer: Answer | undefined): unknown {
  if (answer?.error !== undefined) return answer.error
  return normal(Object.entries(answer?.values ?? {}).map(([key, described]) => [['string', key], described]))
}

/** The same with the entries of every map in one order. */
function normal (entries: ReadonlyArray<readonly [unknown, unknown]>): unknown {
  return entries.map(([key, value]) => [JSON.stringify(key), normalPart(value)] as const).sort(([a], [b]) => a < b ? -1 : 1)
}

function normalPart (part: unknown): unknown {
  if (!Array.isArray(part)) return typeof part === 'object' && part !== null ? normal(Object.entries(part)) : part
  const [name, value] = part as [unknown, unknown]
  if (typeof name === 'string' && name.startsWith('map[') && Array.isArray(value)) return [name, normal(value as Array<[unknown, unknown]>)]
  return part.map(normalPart)
}
