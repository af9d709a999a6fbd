import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import type { Codec } from '../../../plugin/codecs/codec.js'
import { isEqual } from '../../../plugin/codecs/equal.js'
import { holdsOf } from '../../../plugin/codecs/holds.js'
import { textCodec } from '../../../plugin/codecs/text.js'
import { parse, stringify } from '../../../plugin/codecs/value.js'
import { anyKey, anyValue, anyValues } from '../../support/any-value.js'
import { tries } from '../../support/quick.js'

t.test('a value is equal to what it becomes when it is stored and loaded', async () => {
  fc.assert(fc.property(anyValue, value => isEqual(value, parse(stringify(value, 'key')))), { numRuns: tries(1000) })
})

/** Two values that are often the same but for one small part. */
const twoValues = fc.tuple(anyValue, anyValue, fc.boolean()).map(([a, b, areSame]) => [a, areSame ? parse(stringify(a, 'key')) : b] as const)

t.test('two values are equal exactly if they are stored as the same text', async () => {
  fc.assert(fc.property(twoValues, ([a, b]) => isEqual(a, b) === (stringify(a, 'key') === stringify(b, 'key'))), { numRuns: tries(1000) })
})

const hidden = new Map([[1, 2]])
Object.assign(hidden, { more: 1 })
class Moment extends Date {}

const DIFFERENT: ReadonlyArray<readonly [what: string, value: unknown, kept: unknown]> = [
  ['a Date and its text', new Date(0), '1970-01-01T00:00:00.000Z'],
  ['a Date and the object of its packed form', new Date(0), { $date: '1970-01-01T00:00:00.000Z' }],
  ['two Dates', new Date(0), new Date(1)],
  ['an invalid Date and a valid one', new Date(NaN), new Date(0)],
  ['an invalid Date and null', new Date(NaN), null],
  ['a Date of a subclass and a Date', new Moment(0), new Date(0)],
  ['NaN and null', NaN, null],
  ['-0 and 0', [-0], [0]],
  ['a number and a bigint', 1, 1n],
  ['a number and its text', 1, '1'],
  ['a boxed string and a string', Object('a'), 'a'],
  ['an array and an object of the same properties', [1], { 0: 1 }],
  ['an array with a hole and one with null', Array.from({ length: 1, 0: null }), [0]],
  ['an array that has lost an element', [1], [1, 2]],
  ['an array with a hole', new Array(1), [null]],
  ['an array with a further property', Object.assign([1], { more: 1 }), [1]],
  ['an empty array and an empty object', [], {}],
  ['a Map and the object of its entries', new Map([['a', 1]]), { a: 1 }],
  ['a Map and a Set', new Map(), new Set()],
  ['a Map and one with an entry more', new Map([[1, 1]]), new Map([[1, 1], [2, 2]])],
  ['Maps in another order', new Map([[1, 1], [2, 2]]), new Map([[2, 2], [1, 1]])],
  ['a Map with a further property', hidden, new Map([[1, 2]])],
  ['Sets in another order', new Set([1, 2]), new Set([2, 1])],
  ['a Buffer and a Uint8Array', Buffer.from('a'), new Uint8Array([97])],
  ['other bytes', Buffer.from('a'), Buffer.from('b')],
  ['objects in another order', { a: 1, b: 2 }, { b: 2, a: 1 }],
  ['an object with a property less', { a: 1 }, { a: 1, b: null }],
  ['an object with a property more', { a: 1, b: null }, { a: 1 }],
  ['a property that has become a function', { a: () => 1 }, { a: 1 }],
  ['undefined and null', { a: undefined }, { a: null }],
  ['an object with a property named __proto__', JSON.parse('{"__proto__":{}}'), {}]
]

for (const [what, value, kept] of DIFFERENT) {
  t.test(`not equal: ${what}`, async t => {
    t.equal(isEqual(value, kept), false)
    t.equal(isEqual({ in: [value] }, { in: [kept] }), false)
  })
}

t.test('a property of undefined counts as absent', async t => {
  t.ok(isEqual({ a: 1, b: undefined }, { a: 1 }))
  t.ok(isEqual({ b: undefined, a: 1, c: undefined }, { a: 1 }))
  t.ok(isEqual({ a: 1 }, { b: undefined, a: 1, c: undefined }))
})

t.test('a value from another realm is equal to ours', async t => {
  t.ok(isEqual(runInNewContext('({ list: [new Map([[1, new Set([new Date(0)])]])] })'), { list: [new Map([[1, new Set([new Date(0)])]])] }))
})

t.test('a value that contains itself is equal to no kept one', async t => {
  const value: { a?: unknown } = {}
  value.a = value
  t.notOk(isEqual(value, { a: { a: {} } }))
})

/** A codec that does not know whether its data holds a value. */
const plainCodec: Codec = { encode: textCodec.encode, decode: textCodec.decode }
const encoded = (values: Map<string, unknown>, codec = textCodec) => codec.encode({ deadline: 0, rememberMe: undefined, values })

for (const [what, codec] of [['the text codec', textCodec], ['a codec without holds', plainCodec]] as const) {
  t.test(`${what}: data holds what was encoded, and nothing else`, async () => {
    fc.assert(fc.property(anyValues, anyKey, anyValue, (values, key, value) => {
      const holds = holdsOf(codec, encoded(values), { rowKey: 'row' })
      const all = [...values].every(([key, value]) => holds(key, value))
      return all && holds(key, value) === (values.has(key) && isEqual(value, values.get(key)))
    }))
  })

  t.test(`${what}: a change in place is noticed, also one that looks the same as JSON`, async t => {
    const values = new Map<string, unknown>([['before', 1], ['user', { name: 'Ann', since: new Date(0), none: null, zero: 0, list: [1] }], ['after', 2]])
    const data = encoded(values)
    const holds = holdsOf(codec, data, { rowKey: 'row' })
    const user = () => codec.decode(data).values.get('user') as Record<string, unknown> & { list: unknown[] }
    t.ok(holds('user', user()))
    t.notOk(holds('user', { ...user(), since: '1970-01-01T00:00:00.000Z' }))
    t.notOk(holds('user', { ...user(), none: NaN }))
    t.notOk(holds('user', { ...user(), zero: -0 }))
    t.notOk(holds('user', { ...user(), list: [1, 2] }))
    t.notOk(holds('user', { ...user(), method () {} }), 'what a session cannot keep')
    t.notOk(holds('use', user()))
    t.notOk(holds('none', undefined))
    const changed = user()
    changed.list.push(2)
    t.notOk(holds('user', changed))
  })
}

t.test('the text codec: data in another form than its own holds equal values too', async t => {
  const header = 'FSS1 0123456789abcdef 2026-11-23T18:20:26.000Z -\n'
  for (const json of ['{"a":{"b":1},"c":[2]}', '{ "c": [ 2 ], "a": { "b": 1.0 } }', '{\n"a":{"b":1},\n\n"c":[2]\n}\n']) {
    const data = Buffer.from(header + json)
    t.ok(textCodec.holds?.(data, 'a', { b: 1 }))
    t.ok(textCodec.holds?.(data, 'c', [2]))
    t.notOk(textCodec.holds?.(data, 'a', { b: 2 }))
    t.notOk(textCodec.holds?.(data, 'b', 1))
  }
})

t.test('a codec without holds decodes the data once, and only when it is asked', async t => {
  let decoded = 0
  const codec: Codec = { ...plainCodec, decode: data => { decoded++; return textCodec.decode(data) } }
  const holds = holdsOf(codec, encoded(new Map([['a', 1]])), { rowKey: 'row' })
  t.equal(decoded, 0)
  t.ok(holds('a', 1))
  t.notOk(holds('a', 2))
  t.equal(decoded, 1)
})
