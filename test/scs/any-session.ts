import fc from 'fast-check'
import { goType, goValue } from '../../plugin/codecs/gob/index.js'
import type { Described } from '../plugin/codecs/gob/described.js'

/** A value to be put into a session, and what Go should find there. */
export interface Sample {
  readonly put: unknown
  readonly described: Described
}

const Address = goType('main.Address', { City: 'string', Zip: '[]byte' })
const Profile = goType('main.Profile', { ID: 'int', Name: 'string', Inner: Address, Admin: 'bool', Roles: '[]string', Extra: 'any' })
const UserID = goType('main.UserID', 'int64')
/** What Go has in the fields that are not written. */
const REST = {
  When: ['time.Time', '0001-01-01T00:00:00Z', 0], Score: ['float32', '0'], Prefs: ['map[string]int64', null], Next: null, Points: ['[2]int8', [['int8', '0'], ['int8', '0']]], Pair: ['complex64', ['0', '0']]
}

type Leaf = 'string' | 'bool' | 'float64' | 'int' | 'int64' | 'int8' | 'uint64' | 'time.Time' | '[]uint8' | 'main.UserID' | 'float32'

const anyText = fc.string({ unit: 'binary', maxLength: 20 })
const anyKey = fc.oneof(fc.string({ maxLength: 12 }), anyText, fc.constantFrom('__proto__', 'constructor', '', 'userId'))
const integer = (name: string, min: bigint, max: bigint): fc.Arbitrary<Sample> =>
  fc.oneof(fc.bigInt(min, max), fc.constantFrom(min, max, 0n, 1n)).map(n => ({ put: n >= -(2n ** 53n) && n <= 2n ** 53n ? Number(n) : n, described: [name, n.toString()] }))

/** Values of a type, without the name of that type. */
const LEAVES: { readonly [name in Leaf]: fc.Arbitrary<Sample> } = {
  string: anyText.map(put => ({ put, described: ['string', put] })),
  bool: fc.boolean().map(put => ({ put, described: ['bool', put] })),
  float64: fc.double().map(put => ({ put, described: ['float64', bits(put)] })),
  float32: fc.float().map(put => ({ put, described: ['float32', bits(put)] })),
  int: integer('int', -(2n ** 63n), 2n ** 63n - 1n),
  int64: integer('int64', -(2n ** 63n), 2n ** 63n - 1n),
  int8: integer('int8', -128n, 127n),
  uint64: integer('uint64', 0n, 2n ** 64n - 1n),
  'main.UserID': integer('main.UserID', -(2n ** 63n), 2n ** 63n - 1n),
  'time.Time': fc.date({ min: new Date(-62_135_596_800_000), max: new Date(253_402_300_799_999), noInvalidDate: true }).map(put => ({ put, described: ['time.Time', put.toISOString().replace(/\.?0+Z$/, 'Z').replace(/^[+-]?0*(\d{4}-)/, '$1'), 0] })),
  '[]uint8': fc.uint8Array({ maxLength: 40 }).map(put => ({ put, described: ['[]uint8', Buffer.from(put).toString('hex')] }))
}

const typed = (name: Parameters<typeof goValue>[0], of: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> =>
  of.map(({ put, described }) => ({ put: goValue(name, put as object), described }))
const list = (name: string, elem: fc.Arbitrary<Sample>, size: { minLength?: number, maxLength?: number } = { maxLength: 4 }): fc.Arbitrary<Sample> =>
  fc.array(elem, size).map(items => ({ put: items.map(({ put }) => put), described: [name, items.map(({ described }) => described)] }))
const object = (name: string, elem: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> => fc.dictionary(anyKey, elem, { maxKeys: 4, noNullPrototype: true }).map(parts => {
  const entries = Object.entries(parts)
  return { put: Object.fromEntries(entries.map(([key, { put }]) => [key, put])), described: [name, entries.map(([key, { described }]) => [['string', key], described])] }
})
const map = (name: string, key: fc.Arbitrary<Sample>, elem: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> =>
  fc.uniqueArray(fc.tuple(key, elem), { maxLength: 4, selector: ([{ put }]) => String(put) }).map(entries => ({
    put: new Map(entries.map(([key, elem]) => [key.put, elem.put])), described: [name, entries.map(([key, elem]) => [key.described, elem.described])]
  }))
const address: fc.Arbitrary<Sample> = fc.tuple(LEAVES.string, LEAVES['[]uint8'])
  .map(([city, zip]) => ({ put: { City: city.put, Zip: zip.put }, described: ['main.Address', { City: city.described, Zip: zip.described }] }))
const profile = (any: fc.Arbitrary<Sample>): fc.Arbitrary<Sample> =>
  fc.tuple(LEAVES.int, LEAVES.string, address, LEAVES.bool, list('[]string', LEAVES.string), any).map(([ID, Name, Inner, Admin, Roles, Extra]) => {
    const fields = Object.entries({ ID, Name, Inner, Admin, Roles, Extra })
    return {
      put: Object.fromEntries(fields.map(([name, { put }]) => [name, put])),
      described: ['main.Profile', { ...REST, ...Object.fromEntries(fields.map(([name, { described }]) => [name, described])) }]
    }
  })

/** A value of every kind, some with a type of their own, nested up to four levels deep. */
const { value: anyValue } = fc.letrec<{ value: Sample, leaf: Sample, composite: Sample }>(tie => ({
  leaf: fc.oneof(
    LEAVES.string, LEAVES.bool, LEAVES['time.Time'], LEAVES['[]uint8'],
    fc.double().map(usualNumber), fc.maxSafeInteger().map(usualNumber), fc.constant({ put: null, described: null }),
    ...(['float64', 'float32', 'int', 'int64', 'int8', 'uint64'] as const).map(name => typed(name, LEAVES[name])),
    typed(UserID, LEAVES['main.UserID'])
  ),
  composite: fc.oneof(
    list('[]interface {}', tie('value')),
    object('map[string]interface {}', tie('value')),
    typed('[]string', list('[]string', LEAVES.string)),
    typed('[]float64', list('[]float64', LEAVES.float64)),
    typed('[]int64', list('[]int64', LEAVES.int64)),
    typed('[]bool', list('[]bool', LEAVES.bool)),
    typed('[]time.Time', list('[]time.Time', LEAVES['time.Time'])),
    typed('[3]int', list('[3]int', LEAVES.int, { minLength: 3, maxLength: 3 })),
    typed('[][]string', list('[][]string', list('[]string', LEAVES.string))),
    typed('map[string]int64', object('map[string]int64', LEAVES.int64)),
    typed('map[string]bool', object('map[string]bool', LEAVES.bool)),
    typed('map[int]string', map('map[int]string', LEAVES.int, LEAVES.string)),
    typed('map[string][]interface {}', object('map[string][]interface {}', list('[]interface {}', tie('value')))),
    typed(Address, address),
    typed(Profile, profile(tie('value')))
  ),
  value: fc.oneof({ maxDepth: 4, withCrossShrink: true }, { weight: 3, arbitrary: tie('leaf') }, { weight: 1, arbitrary: tie('composite') })
}))

/** The values of a session. */
export const anySession: fc.Arbitrary<Record<string, Sample>> = fc.dictionary(anyKey.filter(key => key !== '__rememberMe'), anyValue, { maxKeys: 5, noNullPrototype: true })

function usualNumber (put: number): Sample {
  return { put, described: Number.isSafeInteger(put) && !Object.is(put, -0) ? ['int', String(put)] : ['float64', bits(put)] }
}

function bits (value: number): string {
  if (Number.isNaN(value)) return 'NaN'
  const bytes = Buffer.alloc(8)
  bytes.writeDoubleBE(value)
  return bytes.toString('hex').replace(/^0+(?=.)/, '')
}
