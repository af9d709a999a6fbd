import { runInNewContext } from 'node:vm'
import t from 'tap'
import { MOST_BIGINT_BITS, MOST_LEVELS, MOST_VALUES } from '../../../plugin/codecs/limits.js'
import { checkValue, parse, stringify, stringifyAll } from '../../../plugin/codecs/value.js'

class Cart {}
class Wishes extends Map {}
class Tags extends Set {}
class Row extends Array {}
class Moment extends Date {}
class Bytes extends Uint8Array {}

const cyclic: { list: unknown[] } = { list: [] }
cyclic.list.push(1, cyclic)
const cyclicMap = new Map<string, unknown>()
cyclicMap.set('self', cyclicMap)
const cyclicSet = new Set<unknown>()
cyclicSet.add({ set: cyclicSet })
const late = { a: { b: { list: [{}] } } }
late.a.b.list.push(late.a.b)
const hole: number[] = []
hole[1] = 1

const hidden = (object: object, name: PropertyKey) => Object.defineProperty(object, name, { value: 1, enumerable: false })

/** Deep enough that only a bound keeps it from overflowing the stack. */
function nested (depth: number, wrap: (inner: unknown) => unknown): unknown {
  let value: unknown = 1
  for (let i = 0; i < depth; i++) value = wrap(value)
  return value
}

const HIDDEN = 'it has a property that is hidden (not enumerable) or named by a symbol'
const MORE_IN_ARRAY = 'it is an array with holes or with further properties (put Array.from(value))'
const NO_PROTOTYPE = 'it is an object with a prototype of its own (put a plain object)'

/** Values, and where and why the session cannot keep them. */
const REFUSED: ReadonlyArray<readonly [what: string, value: unknown, message: string | RegExp]> = [
  ['undefined', undefined, 'cart: it is undefined (use remove to take a key away)'],
  ['undefined in an array', [[1], [2, undefined]], 'cart[1][1]: it is undefined (put null in its place)'],
  ['undefined in a Map', new Map([[1, undefined]]), 'cart<value 0>: it is undefined (put null in its place)'],
  ['undefined in a Set', new Set([undefined]), 'cart[0]: it is undefined (put null in its place)'],
  ['a function', () => 1, 'cart: it is a function'],
  ['a method of an object', { items: [{ total () {} }] }, 'cart.items[0].total: it is a function'],
  ['a method named toJSON', { toJSON: () => 1 }, 'cart.toJSON: it is a function'],
  ['a symbol', Symbol('s'), 'cart: it is a symbol'],
  ['an object of a class', new Cart(), 'cart: it is an object of the class Cart (put a plain object)'],
  ['an object of a class without a name', new (class {})(), `cart: ${NO_PROTOTYPE}`],
  ['an object that inherits from another', Object.create({ a: 1 }), `cart: ${NO_PROTOTYPE}`],
  ['an error', { error: new Error('e') }, 'cart.error: it is an object of the class Error (put a plain object)'],
  ['a URL', new URL('http://127.0.0.1'), 'cart: it is an object of the class URL (put a plain object)'],
  ['a promise', Promise.resolve(1), 'cart: it is a promise (await it first)'],
  ['a regular expression', /x/, 'cart: it is an object of the class RegExp (put a plain object)'],
  ['a boxed string', Object('x'), 'cart: it is an object of the class String (put a plain object)'],
  ['a weak map', new WeakMap(), 'cart: it is an object of the class WeakMap (put a plain object)'],
  ['bytes of another width', new Float64Array(1), 'cart: it is an object of the class Float64Array (put a plain object)'],
  ['an array buffer', new ArrayBuffer(1), 'cart: it is an object of the class ArrayBuffer (put a plain object)'],
  ['an object that only looks like a Date', Object.create(Date.prototype), 'cart: it is an object of the class Date (put a plain object)'],
  ['a subclass of Map', [new Wishes()], 'cart[0]: it is an object of Wishes, a subclass of Map (put new Map(value))'],
  ['a subclass of Set', new Tags(), 'cart: it is an object of Tags, a subclass of Set (put new Set(value))'],
  ['a subclass of Array', { row: new Row() }, 'cart.row: it is an object of Row, a subclass of Array (put Array.from(value))'],
  ['a subclass of Date', new Moment(), 'cart: it is an object of Moment, a subclass of Date (put new Date(value))'],
  ['a subclass of Uint8Array', new Bytes(1), 'cart: it is an object of Bytes, a subclass of Uint8Array (put Uint8Array.from(value))'],
  ['a subclass of Map from another realm', runInNewContext('new (class Wishes extends Map {})()'), 'cart: it is an object of Wishes, a subclass of Map (put new Map(value))'],
  ['a symbol as a key', { [Symbol('s')]: 1 }, `cart: ${HIDDEN}`],
  ['a hidden property', { list: hidden({ a: 1 }, 'secret') }, `cart.list: ${HIDDEN}`],
  ['the arguments of a function', (function (..._: unknown[]) { return arguments })(1), `cart: ${HIDDEN}`],
  ['a getter', { get total () { return 1 } }, 'cart.total: it is a getter or a setter (put its value)'],
  ['a getter with a setter', { get total () { return 1 }, set total (_: number) {} }, 'cart.total: it is a getter or a setter (put its value)'],
  ['an array with a hole', hole, `cart: ${MORE_IN_ARRAY}`],
  ['a very long array of holes', new Array(4e9), `cart: ${MORE_IN_ARRAY}`],
  ['an array with a further property', /a/.exec('a'), `cart: ${MORE_IN_ARRAY}`],
  ['an array with a hidden property', hidden([1], 'total'), `cart: ${MORE_IN_ARRAY}`],
  ['an array with a symbol', hidden([1], Symbol('s')), `cart: ${MORE_IN_ARRAY}`],
  ['a Date with a further property', Object.assign(new Date(), { zone: 'UTC' }), 'cart: it is a Date with further properties (put new Date(value))'],
  ['a Map with a hidden property', hidden(new Map(), 'size'), 'cart: it is a Map with further properties (put new Map(value))'],
  ['a Set with a further property', Object.assign(new Set(), { a: 1 }), 'cart: it is a Set with further properties (put new Set(value))'],
  ['a Buffer with a further property', Object.assign(Buffer.from('a'), { encoding: 'utf8' }), 'cart: it is a Buffer with further properties (put Buffer.from(value))'],
  ['bytes with a further property', Object.assign(new Uint8Array(1), { a: 1 }), 'cart: it is a Uint8Array with further properties (put Uint8Array.from(value))'],
  ['a value in a Map', new Map([['ada@example.com', new Map([['b', () => 1]])]]), 'cart<value 0><value 0>: it is a function'],
  ['a key of a Map', new Map([[1, 1], [Symbol('s') as unknown, 2]] as Array<[unknown, unknown]>), 'cart<key 1>: it is a symbol'],
  ['a value in a Set', new Set([1, new Set([() => 1])]), 'cart[1][0]: it is a function'],
  ['an object that contains itself', cyclic, 'cart.list[1]: it contains itself (it is the same object as cart)'],
  ['a Map that contains itself', cyclicMap, 'cart<value 0>: it contains itself (it is the same object as cart)'],
  ['a Map that contains itself, in an array', [cyclicMap], 'cart[0]<value 0>: it contains itself (it is the same object as cart[0])'],
  ['a Set that contains itself', cyclicSet, 'cart[0].set: it contains itself (it is the same object as cart)'],
  ['a part that contains itself', late, 'cart.a.b.list[1]: it contains itself (it is the same object as cart.a.b)'],
  ['an array too deep', nested(MOST_LEVELS + 1, inner => [inner]), 'cart[0][0][0][0]…[0][0][0][0]: it is nested more than 200 levels deep'],
  ['an object too deep', nested(10_000, a => ({ a })), 'cart.a.a.a.a….a.a.a.a: it is nested more than 200 levels deep'],
  ['a bigint that is too long', { n: 2n ** BigInt(MOST_BIGINT_BITS) }, 'cart.n: it is a bigint of more than 16384 bits'],
  ['a negative bigint that is too long', -(10n ** 100_000n), 'cart: it is a bigint of more than 16384 bits'],
  ['too many values', Array.from({ length: MOST_VALUES }, () => 0), 'cart[199999]: with it the session has more than 200000 values'],
  ['too many entries', new Map(Array.from({ length: 300_000 }, (_, i) => [i, i])), 'cart<value 99999>: with it the session has more than 200000 values'],
  ['an object that is in so many places that it has too many values', nested(30, inner => [inner, inner]), /^The session cannot keep cart(\[\d\]|…)+: with it the session has more than 200000 values\. /]
]

for (const [what, value, message] of REFUSED) {
  t.test(`${what} is refused, and the place named`, async t => {
    const expected = typeof message === 'string' ? `The session cannot keep ${message}. It keeps string, number, boolean, null, array, plain object, Date, bigint, Uint8Array, Map and Set` : message
    t.throws(() => checkValue(value, 'cart'), { code: 'FST_SESSION_INVALID_VALUE', statusCode: 500, message: expected })
  })
}

t.test('what is refused is named without data', async t => {
  const token = 'Zm9vYmFyYmF6cXV4Zm9vYmFyYmF6cXV4Zm9vYmFyYmE'
  const wrong = () => 1
  const place = (value: unknown, key = 'cart') => {
    let message = ''
    try {
      checkValue(value, key)
    } catch (error) {
      message = String(error)
    }
    return /keep (.*?): it is a function/s.exec(message)?.[1]
  }
  t.equal(place({ a: 1, [token]: wrong }), 'cart<property 1>', 'a name as long as a token')
  t.equal(place({ 'ada@example.com': wrong }), 'cart<property 0>', 'a name with the characters of an address')
  t.equal(place({ 'first name': { $id: wrong } }), 'cart["first name"].$id')
  t.equal(place(wrong, 'a\nb'), '"a\\nb"')
  t.equal(place(wrong, 'k'.repeat(100)), `${'k'.repeat(31)}…`)
  t.equal(place(wrong, 'oauth2:example.com'), 'oauth2:example.com')
})

t.test('what fits is kept: levels, digits, values', async t => {
  for (const wrap of [(inner: unknown) => [inner], (a: unknown) => ({ a }), (inner: unknown) => new Map([[1, inner]])]) {
    const deep = nested(MOST_LEVELS, wrap)
    checkValue(deep, 'key')
    t.strictSame(parse(stringify(deep, 'key')), deep)
  }
  for (const bigint of [2n ** BigInt(MOST_BIGINT_BITS - 1) - 1n, -(2n ** BigInt(MOST_BIGINT_BITS - 1))]) {
    checkValue(bigint, 'key')
    t.equal(parse(stringify(bigint, 'key')), bigint)
  }
  const many = new Map<unknown, unknown>(Array.from({ length: MOST_VALUES / 2 - 1 }, (_, i) => [i, new Date(i)]))
  checkValue(many, 'key')
  t.equal((parse(stringify(many, 'key')) as typeof many).size, many.size)
})

t.test('the values of all keys are counted together', async t => {
  const half = Array.from({ length: MOST_VALUES / 2 }, () => 0)
  for (const key of ['a', 'b']) checkValue(half, key)
  t.throws(() => stringifyAll(new Map([['a', half], ['b', half]])), { code: 'FST_SESSION_INVALID_VALUE', message: /keep b\[99998\]: / })
})

t.test('a text with more values than a session has is refused before all are made', async t => {
  t.throws(() => parse(`[{"$number":"NaN"}${',0'.repeat(MOST_VALUES)}]`), SyntaxError)
})

t.test('a large text in many places is refused before it fills the memory', async t => {
  const large = 'x'.repeat(1_000_000)
  for (const many of [Array.from({ length: 100_000 }, () => large), Array.from({ length: 90_000 }, () => ({ [large]: 1 })), new Set([Buffer.alloc(17 * 1024 * 1024)])]) {
    t.throws(() => stringify(many, 'cart'), { code: 'FST_SESSION_TOO_LARGE', message: /does not fit: the limit is 16777216 bytes \(of any session\)/ })
  }
})
