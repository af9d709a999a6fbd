import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import {
  gobCodec, goFloat32, goFloat64, goInt, goInt16, goInt32, goInt64, goInt8, goType, goTypeOf, goUint, goUint16, goUint32, goUint64, goUint8, goValue, TypedValue
} from '../../../../plugin/codecs/gob/index.js'
import { goTypes, sessionOf, stored } from './sessions.js'
import { vectors } from './vectors.js'

t.test('each kind of value has its usual type in Go', async t => {
  t.strictSame(goTypes(sessionOf({
    text: 'a',
    yes: true,
    integer: 7,
    zero: 0,
    fraction: 1.5,
    'minus zero': -0,
    'not a number': NaN,
    infinite: Infinity,
    'beyond the safe integers': 2 ** 53,
    huge: 1e300,
    bigint: 2n ** 62n,
    'large bigint': 2n ** 63n,
    date: new Date(0),
    bytes: new Uint8Array(1),
    buffer: Buffer.from('x'),
    list: ['a'],
    object: { a: 1 },
    nothing: null
  })), {
    text: 'string',
    yes: 'bool',
    integer: 'int',
    zero: 'int',
    fraction: 'float64',
    'minus zero': 'float64',
    'not a number': 'float64',
    infinite: 'float64',
    'beyond the safe integers': 'float64',
    huge: 'float64',
    bigint: 'int64',
    'large bigint': 'uint64',
    date: 'time.Time',
    bytes: '[]uint8',
    buffer: '[]uint8',
    list: '[]interface {}',
    object: 'map[string]interface {}',
    nothing: 'nil'
  })
})

t.test('a number that was given a type has that type', async t => {
  t.strictSame(goTypes(sessionOf({
    a: goInt(7), b: goInt8(7), c: goInt16(7), d: goInt32(7), e: goInt64(7), f: goInt64(2n ** 62n), g: goUint(7), h: goUint8(255), i: goUint16(7), j: goUint32(7), k: goUint64(7), l: goFloat32(7), m: goFloat64(7)
  })), { a: 'int', b: 'int8', c: 'int16', d: 'int32', e: 'int64', f: 'int64', g: 'uint', h: 'uint8', i: 'uint16', j: 'uint32', k: 'uint64', l: 'float32', m: 'float64' })
})

t.test('what has a type is used as what it is', async t => {
  t.equal(goInt64(7).value, 7)
  t.equal(Number(goInt64(7)) + 1, 8)
  t.equal(JSON.stringify({ id: goInt64(7) }), '{"id":7}')
  t.ok(goInt64(7) instanceof TypedValue)
  t.strictSame(goValue('[]string', ['a']), ['a'])
})

t.test('a type may be written as Go writes it', async t => {
  const names = { '[]string': ['a'], '[]byte': new Uint8Array(1), '[]rune': [1], 'map[string]int': { a: 1 }, 'map[int]string': new Map([[1, 'a']]), 'map[string]map[string][]int8': { a: { b: [1] } }, '[2]bool': [true, false], '[]any': [1], 'map[string]interface{}': { a: 1 }, 'time.Time': new Date(1), complex128: [1, 2] }
  const values = Object.fromEntries(Object.entries(names).map(([name, value]) => [name, goValue(name, value)]))
  t.strictSame(goTypes(sessionOf(values)), {
    '[]string': '[]string', '[]byte': '[]uint8', '[]rune': '[]int32', 'map[string]int': 'map[string]int', 'map[int]string': 'map[int]string', 'map[string]map[string][]int8': 'map[string]map[string][]int8', '[2]bool': '[2]bool', '[]any': '[]interface {}', 'map[string]interface{}': 'map[string]interface {}', 'time.Time': 'time.Time', complex128: 'complex128'
  })
  deepStrictEqual(stored(sessionOf(values)).values, new Map(Object.entries(names)))
})

t.test('a struct has its fields in Go, and comes back as an object', async t => {
  const Address = goType('main.Address', { City: 'string', Zip: '[]byte' })
  const Profile = goType('main.Profile', { ID: 'int', Name: 'string', Home: Address, Others: [Address], Tags: 'map[string]string', Extra: 'any', Seen: 'time.Time' })
  const UserID = goType('example.org/users.UserID', 'int64')
  const home = { City: 'London', Zip: new Uint8Array([1]) }
  const user = { ID: 7, Name: '', Home: home, Others: [home, { City: 'Rom', Zip: new Uint8Array() }], Tags: { a: 'b' }, Extra: 1.5, Seen: new Date(5) }
  const session = sessionOf({ user: goValue(Profile, user), id: goValue(UserID, 7), 'only a name': goValue(Profile, { Name: 'Bob' }) })
  t.strictSame(goTypes(session), { user: 'main.Profile', id: 'example.org/users.UserID', 'only a name': 'main.Profile' })
  const { values } = stored(session)
  deepStrictEqual(values.get('user'), user)
  deepStrictEqual(values.get('id'), 7)
  t.equal(goTypeOf(values.get('user')), 'main.Profile')
  t.equal(goTypeOf(goInt64(1)), 'int64')
  t.equal(goTypeOf('text'), undefined)
})

t.test('the new value of a key keeps the type that Go reads there, if it fits', async t => {
  const before = stored(sessionOf({
    price: goFloat64(17), count: goInt64(1), small: goInt8(1), unsigned: goUint64(1), int: 1, rounded: goFloat32(0.5), roles: goValue('[]string', ['a']), prefs: goValue('map[string]int64', { a: 1 }), pair: goValue('complex128', [1, 2])
  }))
  const types = (after: Record<string, unknown>) => goTypes({ ...before, values: new Map(Object.entries(after)) })
  t.strictSame(types({ price: 18, count: 2, small: 2, unsigned: 2n ** 63n, int: 2n ** 60n, rounded: 0.3, roles: [], prefs: {}, pair: [3, 4] }), {
    price: 'float64', count: 'int64', small: 'int8', unsigned: 'uint64', int: 'int', rounded: 'float32', roles: '[]string', prefs: 'map[string]int64', pair: 'complex128'
  })
  t.strictSame(types({ price: 18n, count: 1.5, small: 128, unsigned: -1, int: 2n ** 63n, rounded: 1e300, roles: ['a', 1], prefs: { a: 1.5 }, pair: [1, 2, 3] }), {
    price: 'int64', count: 'float64', small: 'int', unsigned: 'int', int: 'uint64', rounded: 'float64', roles: '[]interface {}', prefs: 'map[string]interface {}', pair: '[]interface {}'
  })
  t.strictSame(types({ price: 'a', count: true, small: null, unsigned: 'x', int: -0, rounded: NaN, roles: 'none', prefs: ['a'], pair: {} }), {
    price: 'string', count: 'bool', small: 'nil', unsigned: 'string', int: 'int', rounded: 'float32', roles: 'string', prefs: '[]interface {}', pair: 'map[string]interface {}'
  })
})

t.test('what is inside of a value keeps its type when another part is changed', async t => {
  const before = stored(sessionOf({ cart: { total: goFloat64(17), items: [goInt64(1), 'x', goValue('[]string', [])], when: new Date(0) } }))
  const cart = before.values.get('cart') as { total: number, items: unknown[], when: Date, note?: string }
  cart.note = 'new'
  cart.items.push(2)
  const after = stored(before)
  deepStrictEqual(after.values.get('cart'), { total: 17, items: [1, 'x', [], 2], when: new Date(0), note: 'new' })
  // A copy has the same parts in the same places.
  const copied = stored({ ...before, values: new Map([['cart', structuredClone(cart)]]) })
  const inside = (content: typeof before) => {
    const { total, items } = content.values.get('cart') as typeof cart
    return goTypes({ ...sessionOf({ total, ...items }), notes: new Map([...parts(content, ['cart']), ...parts(content, ['cart', 'items'])].map(([key, note]) => [String(key), note])) })
  }
  for (const content of [after, copied]) t.strictSame(inside(content), { 0: 'int64', 1: 'string', 2: '[]string', 3: 'int', total: 'float64' })
})

t.test('an object keeps its type wherever it is put', async t => {
  const before = stored(sessionOf({ roles: goValue('[]string', ['a']), other: goValue('[]int', [1]) }))
  const { values, notes } = before
  values.set('moved', values.get('roles')).set('list', [values.get('other')]).delete('roles')
  t.strictSame(goTypes(before), { other: '[]int', moved: '[]string', list: '[]interface {}' })
  t.ok(notes?.has('roles'))
})

t.test('times keep their nanoseconds and their zone until they are changed', async t => {
  const { data } = vectors.find(({ name }) => name === 'time') as { data: Buffer }
  const before = gobCodec.decode(data)
  const raw = (content: typeof before) => Buffer.from(gobCodec.encode(content))
  const zone = Buffer.from('075bcd15feb6', 'hex')
  t.ok(raw(before).includes(zone))
  before.values.set('zone', new Date(before.values.get('zone') as Date))
  t.ok(raw(before).includes(zone), 'an equal Date is the same time')
  ;(before.values.get('zone') as Date).setFullYear(2028)
  t.notOk(raw(before).includes(zone))
  deepStrictEqual(stored(before).values, before.values)
})

t.test('the deadline keeps its nanoseconds until it is changed', async t => {
  const { data } = vectors.find(({ name }) => name === 'empty') as { data: Buffer }
  const content = gobCodec.decode(data)
  const nanoseconds = Buffer.from('075bcd15ffff', 'hex')
  t.ok(Buffer.from(gobCodec.encode({ ...content })).includes(nanoseconds))
  content.deadline++
  t.notOk(Buffer.from(gobCodec.encode(content)).includes(nanoseconds))
  t.equal(stored(content).deadline, content.deadline)
})

t.test('bytes of a type that encodes itself are kept, and are plain bytes once they are changed', async t => {
  const { data } = vectors.find(({ name }) => name === 'what encodes itself') as { data: Buffer }
  const content = gobCodec.decode(data)
  t.equal(goTypeOf(content.values.get('big')), '*big.Int')
  content.values.set('big', Uint8Array.from(content.values.get('big') as Uint8Array))
  t.match(goTypes(content), { big: '*big.Int', money: 'main.Money' })
  content.values.set('big', new Uint8Array([1]))
  ;(content.values.get('money') as Uint8Array)[1] = 7
  t.match(goTypes(content), { big: '[]uint8', money: '[]uint8' })
})

t.test('remember-me is where SCS keeps it, and is none of the keys', async t => {
  for (const rememberMe of [true, false]) {
    const data = gobCodec.encode({ ...sessionOf({ a: 1 }), rememberMe })
    t.ok(Buffer.from(data).includes('__rememberMe'))
    t.strictSame(gobCodec.decode(data).rememberMe, rememberMe)
    t.strictSame([...gobCodec.decode(data).values.keys()], ['a'])
  }
  t.equal(stored(sessionOf({ a: 1 })).rememberMe, undefined)
  t.strictSame(stored(sessionOf({ __rememberMe: 'perhaps' })).values.get('__rememberMe'), 'perhaps')
  t.strictSame(stored({ ...sessionOf({ __rememberMe: 'perhaps', a: 1 }), rememberMe: true }), { ...stored(sessionOf({ a: 1 })), rememberMe: true })
})

function parts (content: { readonly notes?: ReadonlyMap<unknown, unknown> }, path: readonly string[]): ReadonlyMap<unknown, unknown> {
  let notes = content.notes
  for (const key of path) notes = (notes?.get(key) as { parts?: ReadonlyMap<unknown, unknown> } | undefined)?.parts
  return notes ?? new Map()
}
