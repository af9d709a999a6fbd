import { deepStrictEqual, notStrictEqual } from 'node:assert/strict'
import { parse as parseQuery } from 'node:querystring'
import { runInNewContext } from 'node:vm'
import fc from 'fast-check'
import t from 'tap'
import { checkValue, copy, parseAll, stringify, stringifyAll } from '../../../plugin/codecs/value.js'
import { anyValue, anyValues } from '../../support/any-value.js'
import { tries } from '../../support/quick.js'
import { startSite } from '../../support/site.js'

/** What a value has become after it was stored and loaded. */
function stored (value: unknown): unknown {
  checkValue(value, 'key')
  return parseAll(stringifyAll(new Map([['key', value]]))).get('key')
}

t.test('what you put is what you get, whatever it is', async () => {
  fc.assert(fc.property(anyValue, value => { deepStrictEqual(stored(value), value) }), { numRuns: tries(2000) })
})

t.test('a copy is equal, and shares nothing that can be changed', async () => {
  fc.assert(fc.property(anyValue, value => {
    const copied = copy(value, 'key')
    deepStrictEqual(copied, value)
    if (typeof value === 'object' && value !== null) notStrictEqual(copied, value)
  }))
})

t.test('the keys of a session come back whatever they are named', async () => {
  fc.assert(fc.property(anyValues, values => { deepStrictEqual(parseAll(stringifyAll(values)), values) }))
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
  for (const text of ['{"__proto__":{"admin":true}}', '{"__proto__":{"admin":true},"$":1}']) {
    const value = stored(JSON.parse(text)) as { admin?: boolean }
    t.equal(value.admin, undefined)
    t.same(Object.keys(value), Object.keys(JSON.parse(text) as object))
  }
})

t.test('an object that looks like this format stays what it is, however often it is wrapped', async t => {
  for (const value of [{ $date: '2026-11-22' }, { $object: { $object: { $date: 1 } } }, { $unknown: [] }, { $map: 1, $set: 2 }]) {
    deepStrictEqual(stored(value), value)
  }
  t.equal(stringify({ $date: 1 }, 'key'), '{"$object":{"$date":1}}')
})

t.test('Map and Set keep their order, and keys of any kind', async t => {
  const map = new Map<unknown, unknown>([[2, 'b'], [1, new Map([[new Date(0), new Set([1n])]])], [null, { a: [new Map()] }], [{ x: 1 }, 0]])
  deepStrictEqual(stored(map), map)
  t.same([...(stored(map) as typeof map).keys()], [2, 1, null, { x: 1 }])
  t.same([...(stored(new Set(['b', 'a'])) as Set<string>)], ['b', 'a'])
})

t.test('a Map is kept under keys that have no text of their own', async () => {
  for (const key of [Object.create(null) as object, { toString: 'no function' }]) {
    deepStrictEqual(stored(new Map([[key, 1]])), new Map([[{ ...key }, 1]]))
  }
})

t.test('an object without a prototype comes back as a plain object', async () => {
  deepStrictEqual(stored(Object.assign(Object.create(null), { a: 1 })), { a: 1 })
})

t.test('an object of a parser, whose prototype is empty, comes back as a plain object', async () => {
  deepStrictEqual(stored(parseQuery('a=1&b=2')), { a: '1', b: '2' })
  deepStrictEqual(stored(/(?<year>\d+)/.exec('in 2026')?.groups), { year: '2026' })
})

t.test('what Fastify has read from a request is kept', async t => {
  const browser = (await startSite(t)).browser()
  const { response } = await browser.visit((session, { query, params, body, headers, cookies }) => {
    for (const [key, value] of Object.entries({ query, params, body, headers, cookies })) session.put(key, value)
  }, { method: 'POST', query: { page: '2' }, payload: { list: [{ a: null }] }, headers: { cookie: 'a=b' } })
  t.equal(response.statusCode, 200, response.body)
  const { value } = await browser.visit(session => session.data())
  t.match(value, { query: { page: '2' }, params: { id: /./ }, body: { list: [{ a: null }] }, cookies: { a: 'b' } })
})

t.test('a property of undefined is left out, as JSON does', async () => {
  deepStrictEqual(stored({ email: undefined, name: 'Ann' }), { name: 'Ann' })
  deepStrictEqual(stored([{ email: undefined }, new Map([[1, { a: undefined, since: new Date(0) }]])]), [{}, new Map([[1, { since: new Date(0) }]])])
  deepStrictEqual(stored({ $date: 1, other: undefined }), { $date: 1 })
})

t.test('an object in two places comes back as two equal objects', async () => {
  const shared = { a: 1 }
  const loaded = stored({ first: shared, second: [shared, shared] }) as { first: object, second: [object, object] }
  deepStrictEqual(loaded, { first: { a: 1 }, second: [{ a: 1 }, { a: 1 }] })
  notStrictEqual(loaded.second[0], loaded.second[1])
})

t.test('values that were made in another realm are taken', async () => {
  const value: unknown = runInNewContext('({ list: [1, { a: 1 }], date: new Date(0), map: new Map([[1, 2]]), set: new Set([1]), bytes: new Uint8Array([7]) })')
  deepStrictEqual(stored(value), { list: [1, { a: 1 }], date: new Date(0), map: new Map([[1, 2]]), set: new Set([1]), bytes: new Uint8Array([7]) })
})

t.test('the values are text that a person can read, each key on a line', async t => {
  t.equal(stringifyAll(new Map<string, unknown>([['name', 'Ann'], ['since', new Date(0)], ['big', 12n], ['none', NaN]])),
    '{\n"name":"Ann",\n"since":{"$date":"1970-01-01T00:00:00.000Z"},\n"big":{"$bigint":"12"},\n"none":{"$number":"NaN"}\n}')
  t.equal(stringifyAll(new Map()), '{}')
})

t.test('what was not written by this format is an error, never a guess', async t => {
  const inside = ['{"$unknown":1}', '{"$bigint":"x"}', '{"$bigint":""}', '{"$bigint":"0x10"}', '{"$bigint":5}', `{"$bigint":"${'1'.repeat(10_000)}"}`,
    '{"$map":1}', '{"$map":[1]}', '{"$map":[[1]]}', '{"$set":1}', '{"$object":null}', '{"$object":[]}', '{"$object":1}', '{"$date":"never"}', '{"$date":1}',
    '{"$number":"1"}', '{"$number":null}', '{"$buffer":1}', '{"$bytes":null}']
  const bad = ['', 'null', '[]', '1', '"text"', '{', '{"a":1}x', ...inside.map(text => `{"a":${text}}`)]
  for (const text of bad) t.throws(() => parseAll(text), text)
})
