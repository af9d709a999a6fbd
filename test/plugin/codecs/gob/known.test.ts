import { deepStrictEqual } from 'node:assert/strict'
import { inspect } from 'node:util'
import t from 'tap'
import { gobCodec, goFloat64, goType, goTypeOf, goValue } from '../../../../plugin/codecs/gob/index.js'
import { goTypes, sessionOf, stored } from './sessions.js'
import { vectors } from './vectors.js'

/** All orders of a list. */
function orders<T> (list: readonly T[]): T[][] {
  return list.length < 2 ? [[...list]] : list.flatMap((first, i) => orders(list.toSpliced(i, 1)).map(rest => [first, ...rest]))
}

t.test('types are defined and found in whatever order they come, however many orders there are', async t => {
  const Point = goType('main.Point', { X: 'float64', Y: 'float64' })
  const values = { ints: goValue('[]int', [1, 2]), texts: goValue('map[string]string', { a: 'b' }), list: [1], point: goValue(Point, { X: 1, Y: 2 }), whole: goValue('[]float64', [3]), pair: goValue('[2]bool', [true, false]) }
  const types = { ints: '[]int', texts: 'map[string]string', list: '[]interface {}', point: 'main.Point', whole: '[]float64', pair: '[2]bool' }
  const all = orders(Object.entries(values))
  t.equal(all.length, 720)
  for (const entries of all) {
    const content = sessionOf(Object.fromEntries(entries))
    deepStrictEqual(stored(content).values, new Map(entries))
    deepStrictEqual(goTypes(content), types)
  }
})

t.test('a session that was read before is read again, when its definitions have been forgotten and when they have not', async () => {
  const first = vectors.map(({ data }) => gobCodec.decode(data))
  const Big = goType('main.Big', Object.fromEntries(Array.from({ length: 600 }, (_, i) => [`F${i}`, 'int'])))
  for (let i = 0; i < 300; i++) {
    stored(sessionOf({ one: goValue(goType(`main.T${i}`, { [`F${i}`]: 'int' }), { [`F${i}`]: i }), big: goValue(Big, { F1: i }) }))
    if (i % 50 === 0) deepStrictEqual(vectors.map(({ data }) => gobCodec.decode(data)), first)
  }
})

t.test('definitions that were read before are not taken for those of other data', async t => {
  const { data } = vectors.find(({ name }) => name === 'struct') as typeof vectors[number]
  gobCodec.decode(data)
  for (let i = 0; i < data.length; i++) {
    const changed = Buffer.from(data)
    changed[i] = (changed[i] as number) ^ 1
    t.equal(attempt(changed), attempt(changed), `byte ${i}`)
  }
  const renamed = Buffer.from(data.toString('latin1').replaceAll('City', 'Town'), 'latin1')
  t.match(gobCodec.decode(renamed).values.get('user'), { Inner: { Town: 'London' } })
})

t.test('an object keeps its type when it is frozen, before it gets the type or after', async t => {
  const before = goValue('[]string', Object.freeze(['a']))
  const after = Object.freeze(goValue('[]string', ['a']))
  for (const list of [before, after]) t.equal(goTypeOf(list), '[]string')
  t.strictSame(goTypes(sessionOf({ before, after, price: goFloat64(1) })), { before: '[]string', after: '[]string', price: 'float64' })
  t.equal(goTypeOf(goValue('[]any', before)), '[]interface {}', 'it may get another type')
})

t.test('a note cannot be seen', async t => {
  const [noted, plain] = [goValue('[]string', ['a']), ['a']]
  deepStrictEqual(noted, plain)
  t.strictSame(Reflect.ownKeys(noted), Reflect.ownKeys(plain))
  t.equal(goTypeOf(structuredClone(noted)), undefined)
})

/** What becomes of data, as a text: two invalid dates are not equal. */
function attempt (data: Buffer): string {
  try {
    return inspect(gobCodec.decode(data), { depth: Infinity })
  } catch (error) {
    return String(error)
  }
}
