import { deepStrictEqual } from 'node:assert'
import fc from 'fast-check'
import t from 'tap'
import { isEqual } from '../../../plugin/codecs/equal.js'
import { snapshot } from '../../../plugin/codecs/snapshot.js'
import { parse, stringify } from '../../../plugin/codecs/value.js'
import { anyValue } from '../../support/any-value.js'
import { tries } from '../../support/quick.js'

t.test('a value is equal to its snapshot, which shares no object with it', async () => {
  fc.assert(fc.property(anyValue, value => {
    const copy = snapshot(value)
    deepStrictEqual(copy, value)
    const objects = objectsIn(value)
    return isEqual(value, copy) && [...objectsIn(copy)].every(object => !objects.has(object))
  }), { numRuns: tries(1000) })
})

t.test('a change anywhere in a value makes it differ from its snapshot', async t => {
  const text = stringify({ list: [{ a: 1 }], since: new Date(0), map: new Map([['a', new Set([[1]])]]), bytes: Buffer.from('ab'), more: Uint8Array.of(1), none: null }, 'key')
  type Value = { list: Array<{ a?: unknown }>, since: unknown, map: Map<unknown, Set<unknown[]>>, bytes: Buffer, more: Uint8Array, none: unknown, other?: unknown }
  const changes: Array<(value: Value) => void> = [
    value => { (value.list[0] as { a: unknown }).a = 2 },
    value => { delete value.list[0]?.a },
    value => { value.list.push({}) },
    value => { (value.since as Date).setTime(1) },
    value => { value.since = '1970-01-01T00:00:00.000Z' },
    value => { [...value.map.get('a') ?? []][0]?.push(2) },
    value => { value.map.set('b', new Set()) },
    value => { value.bytes[0] = 0 },
    value => { value.more[0] = 0 },
    value => { value.none = NaN },
    value => { value.other = () => {} },
    value => { value.other = value }
  ]
  for (const change of changes) {
    const value = parse(text) as Value
    const copy = snapshot(value)
    t.ok(isEqual(value, copy))
    change(value)
    t.notOk(isEqual(value, copy), String(change))
  }
})

t.test('a key __proto__ is a key like any other', async t => {
  const value = JSON.parse('{ "__proto__": { "a": 1 } }') as { ['__proto__']: { a: number } }
  const copy = snapshot(value)
  t.ok(isEqual(value, copy))
  t.equal(Object.getPrototypeOf(copy), Object.prototype)
  ;(Object.getOwnPropertyDescriptor(value, '__proto__')?.value as { a: number }).a = 2
  t.notOk(isEqual(value, copy))
})

t.test('what a session cannot keep is equal to no snapshot', async t => {
  const value = { moment: new (class Moment extends Date {})() }
  t.notOk(isEqual(value, snapshot(value)))
})

function objectsIn (value: unknown, found = new Set<object>()): Set<object> {
  if (typeof value !== 'object' || value === null) return found
  found.add(value)
  const inside: Iterable<unknown> = value instanceof Map ? [...value].flat() : value instanceof Set ? value : ArrayBuffer.isView(value) ? [] : Object.values(value)
  for (const one of inside) objectsIn(one, found)
  return found
}
