import { deepStrictEqual } from 'node:assert/strict'
import fc from 'fast-check'
import t from 'tap'
import type { SessionContent } from '../../../plugin/codecs/codec.js'
import { textCodec } from '../../../plugin/codecs/text.js'
import { successorNote } from '../../../stores/successor.js'

const content: SessionContent = {
  deadline: Date.UTC(2026, 10, 23, 18, 20, 26),
  rememberMe: undefined,
  values: new Map<string, unknown>([['userId', 42], ['since', new Date(0)]])
}
const bytes = (text: string) => Buffer.from(text)
const headerOf = (data: Uint8Array) => data.subarray(0, textCodec.headerLength?.(data))

t.test('what is in the row can be read by a person', async t => {
  t.match(Buffer.from(textCodec.encode(content)).toString(),
    /^FSS1 [\w-]{16} 2026-11-23T18:20:26\.000Z -\n\{\n"userId":42,\n"since":\{"\$date":"1970-01-01T00:00:00\.000Z"\}\n\}$/)
})

t.test('a session comes back with its deadline, its values and whether it is remembered', async () => {
  const anyDeadline = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) })
  fc.assert(fc.property(anyDeadline, fc.constantFrom(undefined, true, false), fc.string({ unit: 'binary' }), (deadline, rememberMe, text) => {
    const session = { deadline, rememberMe, values: new Map([[text, text]]) }
    deepStrictEqual(textCodec.decode(textCodec.encode(session)), session)
  }))
})

t.test('data that is a part of a larger buffer is decoded', async t => {
  const data = textCodec.encode(content)
  const large = new Uint8Array(data.length + 20)
  large.set(data, 10)
  t.strictSame(textCodec.decode(large.subarray(10, 10 + data.length)), content)
})

t.test('data whose values are on one line, as version 0.1.0 wrote them, is decoded', async t => {
  const data = bytes('FSS1 0123456789abcdef 2026-11-23T18:20:26.000Z -\n{"userId":42,"since":{"$date":"1970-01-01T00:00:00.000Z"}}')
  t.strictSame(textCodec.decode(data), content)
})

t.test('a session of more than 16 MiB is neither encoded nor decoded', async t => {
  const large = { ...content, values: new Map([['text', 'x'.repeat(16 * 1024 * 1024)]]) }
  t.throws(() => textCodec.encode(large), { code: 'FST_SESSION_TOO_LARGE' })
  t.throws(() => textCodec.decode(Buffer.alloc(16 * 1024 * 1024 + 1, ' ')), { code: 'FST_SESSION_UNDECODABLE', message: /larger than 16777216 bytes/ })
})

t.test('the header is new with every write', async t => {
  const headers = new Set(Array.from({ length: 1000 }, () => Buffer.from(headerOf(textCodec.encode(content))).toString()))
  t.equal(headers.size, 1000)
  for (const header of headers) t.match(header, /^FSS1 [\w-]{16}$/)
})

const REST = '0123456789abcdef 2026-11-23T18:20:26.000Z -\n{}'
const DAMAGED: ReadonlyArray<readonly [what: string, data: Uint8Array, why: string]> = [
  ['nothing', bytes(''), 'the data does not begin with a header of this codec'],
  ['a gob of SCS', Buffer.from('217f0301010b', 'hex'), 'the data does not begin with a header of this codec'],
  ['plain JSON', bytes('{"userId":42}'), 'the data does not begin with a header of this codec'],
  ['a later version', bytes(`FSS2 ${REST}`), 'the data does not begin with a header of this codec'],
  ['a header without an end', bytes('FSS1 0123456789abcdef 2026-11-23T18:20:26.000Z -'), 'its header is damaged'],
  ['a header that breaks off', bytes('FSS1 '), 'its header is damaged'],
  ['a header without a deadline', bytes('FSS1 0123456789abcdef -\n{}'), 'its header is damaged'],
  ['a deadline that is no date', bytes('FSS1 0123456789abcdef tomorrow -\n{}'), 'its header is damaged'],
  ['a remember-me of neither yes nor no', bytes('FSS1 0123456789abcdef 2026-11-23T18:20:26.000Z maybe\n{}'), 'its header is damaged'],
  ['the note of a renewed session', successorNote({ to: 'a'.repeat(43) }), 'its header is damaged'],
  ['no values', bytes(`FSS1 ${REST}`.slice(0, -2)), 'its values are damaged'],
  ['values that break off', bytes(`FSS1 ${REST}`.slice(0, -1)), 'its values are damaged'],
  ['values that are a list', bytes(`FSS1 ${REST}`.replace('{}', '[]')), 'its values are damaged'],
  ['a value of an unknown type', bytes(`FSS1 ${REST}`.replace('{}', '{"secret":{"$url":"x"}}')), 'its values are damaged']
]

for (const [what, data, why] of DAMAGED) {
  t.test(`${what} cannot be decoded, and the error does not quote the data`, async t => {
    t.throws(() => textCodec.decode(data), { code: 'FST_SESSION_UNDECODABLE', message: `The session cannot be decoded: ${why}` })
  })
}

t.test('holds is false for a value that a session cannot keep, and throws for a row that cannot be decoded', async t => {
  const row = { rowKey: 'a' }
  const data = textCodec.encode({ deadline: 0, rememberMe: undefined, values: new Map([['a', 1]]) }, row)
  t.equal(textCodec.holds?.(data, 'a', 1, row), true)
  t.equal(textCodec.holds?.(data, 'a', () => 1, row), false)
  t.throws(() => textCodec.holds?.(Buffer.from('not a session'), 'a', 1, row), { code: 'FST_SESSION_UNDECODABLE' })
})
