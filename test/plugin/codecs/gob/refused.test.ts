import t from 'tap'
import { gobCodec, goInt8, goType, goUint, goValue } from '../../../../plugin/codecs/gob/index.js'
import { sessionOf, stored } from './sessions.js'
import { vectors } from './vectors.js'

const deep = (levels: number): unknown => levels === 0 ? 1 : [deep(levels - 1)]
const circle: unknown[] = []
circle.push(circle)

const REFUSED: ReadonlyArray<readonly [what: string, value: unknown, where: string, why: string]> = [
  ['a bigint of more than 64 bits', { a: [2n ** 64n] }, 'key.a[0]', 'it has more than 64 bits'],
  ['a bigint below the least int64', -(2n ** 63n) - 1n, 'key', 'it has more than 64 bits'],
  ['an invalid Date', { when: new Date(NaN) }, 'key.when', 'it is an invalid Date'],
  ['a Map', [new Map()], 'key[0]', 'it is a Map whose type in Go is not known (give it one by goValue)'],
  ['a Set', new Set(), 'key', 'it is a Set'],
  ['half a surrogate pair', ['\ud800'], 'key[0]', 'it has a text with half a surrogate pair, for which UTF-8 has no form'],
  ['half a surrogate pair in a longer text', 'x'.repeat(100) + '\udc00', 'key', 'it has a text with half a surrogate pair, for which UTF-8 has no form'],
  ['half a surrogate pair in a key', { a: 1, '\ud800': 1 }, 'key<property 1>', 'it has a text with half a surrogate pair, for which UTF-8 has no form'],
  ['what contains itself', circle, 'key', 'it is nested more than 200 levels deep, or contains itself'],
  ['what is nested too deep', deep(201), 'key', 'it is nested more than 200 levels deep, or contains itself'],
  ['a function', [() => {}], 'key[0]', 'it is a function']
]

for (const [what, value, where, why] of REFUSED) {
  t.test(`${what} is refused, with its place`, async t => {
    const error = { code: 'FST_SESSION_INVALID_VALUE', message: `The session cannot keep ${where}: ${why}. As Go's gob it keeps string, number, boolean, null, array, plain object, Date, bigint of 64 bits and Uint8Array` }
    t.throws(() => { gobCodec.check?.(value, 'key') }, error)
    t.throws(() => gobCodec.encode(sessionOf({ first: 1, key: value })), error)
  })
}

t.test('what is not refused can be kept', async t => {
  for (const value of ['a', 1, null, deep(199), { a: [1n] }, goValue('map[int]string', new Map([[1, 'a']]))]) {
    gobCodec.check?.(value, 'key')
    t.strictSame(stored(sessionOf({ key: value })).values.get('key'), typeof value === 'object' && value !== null && 'a' in value ? { a: [1] } : value)
  }
})

t.test('a struct that no longer fits its type is refused, with the field', async t => {
  const { data } = vectors.find(({ name }) => name === 'struct') as { data: Buffer }
  const attempt = (change: (user: Record<string, unknown>) => void) => () => {
    const content = gobCodec.decode(data)
    change(content.values.get('user') as Record<string, unknown>)
    gobCodec.encode(content)
  }
  t.throws(attempt(user => { user['Nickname'] = 'x' }), { code: 'FST_SESSION_INVALID_VALUE', message: /user: its Go type has no field Nickname \(main.Profile\)/ })
  t.throws(attempt(user => { user['ID'] = 'x' }), { code: 'FST_SESSION_INVALID_VALUE', message: /user: its field ID is of another type in Go \(main.Profile\)/ })
  t.doesNotThrow(attempt(user => { user['Name'] = null; delete user['Admin']; user['Roles'] = undefined }))
})

t.test('a value that does not fit the type it is given is refused', async t => {
  const refused = { code: 'FST_SESSION_INVALID_ARGUMENT' }
  t.throws(() => goInt8(128), { ...refused, message: 'The value does not fit the Go type int8' })
  t.throws(() => goUint(-1), refused)
  t.throws(() => goValue('int', 1.5), refused)
  t.throws(() => goValue('[]string', ['a', 1]), refused)
  t.throws(() => goValue('[2]int', [1]), refused)
  t.throws(() => goValue('map[string]int', new Map()), refused)
  t.throws(() => goValue('map[int]string', {}), refused)
  t.throws(() => goValue('time.Time', new Date(NaN)), refused)
  t.throws(() => goValue(goType('main.T', { A: 'int' }), { B: 1 }), { ...refused, message: 'The value does not fit the Go type main.T: its Go type has no field B' })
  t.throws(() => goValue(goType('main.T', { A: 'int' }), []), { ...refused, message: 'The value does not fit the Go type main.T: it is no plain object' })
})

t.test('what is no type is refused', async t => {
  const refused = { code: 'FST_SESSION_INVALID_ARGUMENT', message: /There is no Go type/ }
  for (const type of ['integer', 'main.Profile', '[]main.Profile', 'map[string]', 'map[', '[x]int', '']) t.throws(() => goValue(type, 1), refused, type)
  t.throws(() => goValue(7 as never, 1), refused)
  t.throws(() => goType('main.T', { A: 'text' }), refused)
  t.throws(() => goType('main.T', null as never), refused)
  t.throws(() => goType('Profile', {}), { code: 'FST_SESSION_INVALID_ARGUMENT', message: 'goType needs the name of a Go type, like \'main.Profile\', not \'Profile\'' })
})
