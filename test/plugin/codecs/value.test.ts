import { deepStrictEqual, notStrictEqual } from 'node:assert/strict'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { checkValue, copy, parseAll, stringifyAll } from '../../../plugin/codecs/value.js'

/** What a value has become after it was stored and loaded. */
function stored (value: unknown): unknown {
  return parseAll(stringifyAll(new Map([['key', value]]))).get('key')
}

const anyText = fc.string({ unit: 'binary' })
/** Keys that JavaScript, JSON or this format could take for something else. */
const anyKey = fc.oneof(anyText, fc.constantFrom('__proto__', 'constructor', 'toString', 'toJSON', 'save', '', '$', '$date', '$object', '$map', '"$', '0', '\ud800'))
const { value: anyValue } = fc.letrec<{ value: unknown, leaf: unknown }>(tie => ({
  leaf: fc.oneof(
    anyText, fc.double(), fc.integer(), fc.boolean(), fc.constant(null), fc.bigInt(), fc.constantFrom(-0, NaN, Infinity, -Infinity),
    fc.date({ noInvalidDate: true }), fc.uint8Array(), fc.uint8Array().map(bytes => Buffer.from(bytes))
  ),
  value: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    tie('leaf'),
    fc.array(tie('value'), { maxLength: 4 }),
    fc.dictionary(anyKey, tie('value'), { maxKeys: 4, noNullPrototype: true }),
    fc.array(tie('value'), { maxLength: 4 }).map(items => new Set(items)),
    fc.array(fc.tuple(tie('value'), tie('value')), { maxLength: 4 }).map(pairs => new Map(pairs))
  )
}))

t.test('what you put is what you get, whatever it is', async () => {
  fc.assert(fc.property(anyValue, value => { deepStrictEqual(stored(value), value) }), { numRuns: 2000 })
})

t.test('a copy is equal, and shares nothing that can be changed', async () => {
  fc.assert(fc.property(anyValue, value => {
    const copied = copy(value, 'key')
    deepStrictEqual(copied, value)
    if (typeof value === 'object' && value !== null) notStrictEqual(copied, value)
  }))
})

t.test('the keys of a session come back whatever they are named', async () => {
  fc.assert(fc.property(fc.array(fc.tuple(anyKey, anyValue), { maxLength: 6 }), entries => {
    const values = new Map(entries)
    deepStrictEqual(parseAll(stringifyAll(values)), values)
  }))
})

t.test('an invalid date stays an invalid date', async t => {
  const date = stored(new Date(NaN))
  t.ok(date instanceof Date && Number.isNaN(date.getTime()))
})

t.test('the first and the last date there is come back', async t => {
  for (const time of [-8.64e15, -1, 0, 8.64e15]) t.strictSame(stored(new Date(time)), new Date(time))
})

t.test('a Buffer comes back as a Buffer, other bytes as a Uint8Array of exactly their length', async t => {
  t.ok(Buffer.isBuffer(stored(Buffer.from('abc'))))
  const part = new Uint8Array([1, 2, 3, 4]).subarray(1, 3)
  const bytes = stored(part)
  t.notOk(Buffer.isBuffer(bytes))
  deepStrictEqual(bytes, new Uint8Array([2, 3]))
  t.equal((bytes as Uint8Array).buffer.byteLength, 2)
})

t.test('half of a surrogate pair is kept, in a value and in a key', async t => {
  t.equal(stored('a\ud83d'), 'a\ud83d')
  t.same(Object.keys(stored({ '\ude00': 1 }) as object), ['\ude00'])
})

t.test('an object named __proto__ becomes no prototype', async t => {
  const value = stored(JSON.parse('{"__proto__":{"admin":true}}')) as { admin?: boolean }
  t.equal(value.admin, undefined)
  t.same(Object.keys(value), ['__proto__'])
})

t.test('an object that looks like this format stays what it is, however often it is wrapped', async t => {
  for (const value of [{ $date: '2026-11-22' }, { $object: { $object: { $date: 1 } } }, { $unknown: [] }, { $map: 1, $set: 2 }]) {
    deepStrictEqual(stored(value), value)
  }
  t.equal(stringifyAll(new Map([['key', { $date: 1 }]])), '{"key":{"$object":{"$date":1}}}')
})

t.test('Map and Set keep their order, and keys of any kind', async t => {
  const map = new Map<unknown, unknown>([[2, 'b'], [1, new Map([[new Date(0), new Set([1n])]])], [null, { a: [new Map()] }], [{ x: 1 }, 0]])
  deepStrictEqual(stored(map), map)
  t.same([...(stored(map) as typeof map).keys()], [2, 1, null, { x: 1 }])
  t.same([...(stored(new Set(['b', 'a'])) as Set<string>)], ['b', 'a'])
})

t.test('an object without a prototype comes back as a plain object', async () => {
  deepStrictEqual(stored(Object.assign(Object.create(null), { a: 1 })), { a: 1 })
})

t.test('values that were made in another realm are taken', async () => {
  const value: unknown = runInNewContext('({ list: [1, { a: 1 }], date: new Date(0), map: new Map([[1, 2]]), set: new Set([1]), bytes: new Uint8Array([7]) })')
  deepStrictEqual(stored(value), { list: [1, { a: 1 }], date: new Date(0), map: new Map([[1, 2]]), set: new Set([1]), bytes: new Uint8Array([7]) })
})

t.test('the values are text that a person can read', async t => {
  t.equal(stringifyAll(new Map<string, unknown>([['name', 'Ann'], ['since', new Date(0)], ['big', 12n], ['none', NaN]])),
    '{"name":"Ann","since":{"$date":"1970-01-01T00:00:00.000Z"},"big":{"$bigint":"12"},"none":{"$number":"NaN"}}')
})

class Cart {}
const cyclic: { list: unknown[] } = { list: [] }
cyclic.list.push(cyclic)
const cyclicMap = new Map<string, unknown>()
cyclicMap.set('self', cyclicMap)
const cyclicSet = new Set<unknown>()
cyclicSet.add({ set: cyclicSet })
const hole: number[] = []
hole[1] = 1

/** Deep enough that only a bound keeps it from overflowing the stack. */
function nested (depth: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = wrap(value)
  return value
}

const TOO_DEEP = /^The session cannot keep cart\S*: it is nested more than 200 levels deep, or contains itself\. /
const REFUSED: ReadonlyArray<readonly [what: string, value: unknown, message: RegExp]> = [
  ['undefined', undefined, /^The session cannot keep cart: it is undefined \(use remove to take a key away\)\. It keeps string, number, /],
  ['undefined in an object', { a: { b: undefined } }, /^The session cannot keep cart\.a\.b: it is undefined /],
  ['undefined in an array', [[1], [2, undefined]], /^The session cannot keep cart\[1\]\[1\]: it is undefined /],
  ['a hole in an array', hole, /^The session cannot keep cart\[0\]: it is undefined /],
  ['a function', () => 1, /^The session cannot keep cart: it is a function\. /],
  ['a method of an object', { items: [{ total () {} }] }, /^The session cannot keep cart\.items\[0\]\.total: it is a function\. /],
  ['a symbol', Symbol('s'), /^The session cannot keep cart: it is a symbol\. /],
  ['a symbol as a key', { [Symbol('s')]: 1 }, /^The session cannot keep cart: it has a symbol for a key\. /],
  ['an object of a class', new Cart(), /^The session cannot keep cart: it is a Cart\. /],
  ['an object of a class without a name', new (class {})(), /^The session cannot keep cart: it is a object of a class\. /],
  ['an error', { error: new Error('e') }, /^The session cannot keep cart\.error: it is a Error\. /],
  ['a promise', Promise.resolve(1), /^The session cannot keep cart: it is a promise \(await it first\)\. /],
  ['a regular expression', /x/, /^The session cannot keep cart: it is a RegExp\. /],
  ['a boxed string', Object('x'), /^The session cannot keep cart: it is a String\. /],
  ['a weak map', new WeakMap(), /^The session cannot keep cart: it is a WeakMap\. /],
  ['bytes of another width', new Float64Array(1), /^The session cannot keep cart: it is a Float64Array\. /],
  ['an array buffer', new ArrayBuffer(1), /^The session cannot keep cart: it is a ArrayBuffer\. /],
  ['a value in a Map', new Map([['a', new Map([['b', () => 1]])]]), /^The session cannot keep cart<a><b>: it is a function\. /],
  ['a key of a Map', new Map([[1, 1], [Symbol('s') as unknown, 2]] as Array<[unknown, unknown]>), /^The session cannot keep cart<key 1>: it is a symbol\. /],
  ['a value in a Map under a key without a name', new Map([[Object.create(null), Symbol('s')]]), /^The session cannot keep cart<value 0>: it is a symbol\. /],
  ['a value in a Set', new Set([1, new Set([() => 1])]), /^The session cannot keep cart\[1\]\[0\]: it is a function\. /],
  ['an object that contains itself', cyclic, TOO_DEEP],
  ['a Map that contains itself', cyclicMap, TOO_DEEP],
  ['a Map that contains itself, in an array', [cyclicMap], TOO_DEEP],
  ['a Set that contains itself', cyclicSet, TOO_DEEP],
  ['an array too deep', nested(201, inner => [inner]), TOO_DEEP],
  ['an object too deep', nested(10_000, a => ({ a })), TOO_DEEP]
]

for (const [what, value, message] of REFUSED) {
  t.test(`${what} is refused, and the place named`, async t => {
    t.throws(() => checkValue(value, 'cart'), { code: 'FST_SESSION_INVALID_VALUE', statusCode: 500, message })
  })
}

t.test('a Map is kept under keys that have no text of their own', async () => {
  for (const key of [Object.create(null) as object, { toString: 'no function' }]) {
    deepStrictEqual(stored(new Map([[key, 1]])), new Map([[{ ...key }, 1]]))
  }
})

t.test('200 levels are kept', async () => {
  for (const wrap of [(inner: unknown) => [inner], (a: unknown) => ({ a })]) {
    const deep = nested(200, wrap)
    deepStrictEqual(stored(deep), deep)
  }
})

t.test('what was not written by this format is an error, never a guess', async t => {
  const bad = ['', 'null', '[]', '1', '"text"', '{', '{"a":1}x', '{"a":{"$unknown":1}}', '{"a":{"$bigint":"x"}}', '{"a":{"$map":1}}',
    '{"a":{"$map":[1]}}', '{"a":{"$set":1}}', '{"a":{"$object":null}}']
  for (const text of bad) t.throws(() => parseAll(text), text)
})
