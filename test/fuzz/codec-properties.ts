import { deepStrictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc from 'fast-check'
import type { SessionContent } from '../../plugin/codecs/codec.js'
import { encrypted } from '../../plugin/codecs/encrypted.js'
import { isEqual } from '../../plugin/codecs/equal.js'
import { textCodec } from '../../plugin/codecs/text.js'
import { checkValue, parse, stringify } from '../../plugin/codecs/value.js'
import { anyKey, anyText, anyValue, anyValues } from '../support/any-value.js'
import { isDocumented, property, type Property } from './property.js'

const anyTime = fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) })
const anyContent: fc.Arbitrary<SessionContent> = fc.record({
  deadline: anyTime,
  rememberMe: fc.constantFrom(undefined, true, false),
  values: anyValues,
  tracked: fc.record({ began: anyTime, lastUsed: anyTime, userAgent: anyText, address: anyText }, { requiredKeys: ['lastUsed'], noNullPrototype: true })
}, { requiredKeys: ['deadline', 'rememberMe', 'values'], noNullPrototype: true })
const key = randomBytes(32)
const encryptedCodec = encrypted(textCodec, { keys: [key] })
const row = { rowKey: 'row' }

/** Bytes that are the codec's, but for a few. */
function damaged (data: Uint8Array, damage: ReadonlyArray<readonly [at: number, byte: number]>, length: number): Buffer {
  const changed = Buffer.from(data)
  for (const [at, byte] of damage) changed[at % changed.length] = byte
  return changed.subarray(0, Math.min(length, changed.length))
}
const anyDamage = fc.array(fc.tuple(fc.nat(), fc.nat(255)), { minLength: 1, maxLength: 4 })
const anyLength = fc.oneof(fc.constant(Infinity), fc.nat(200))

/** Text that has much of what the text codec writes. */
const anyJson = fc.array(fc.oneof(
  fc.constantFrom('{', '}', '[', ']', ',', ':', '\n', '"a"', '"$date"', '"$map"', '"$set"', '"$object"', '"$bigint"', '"$number"', '"$buffer"', '"$bytes"', '"NaN"', '""',
    'null', '1', '-0', '{"$map":[', '[1,2]', '{"$set":[', ']}', '"1970-01-01T00:00:00.000Z"', '"__proto__"'), anyText
), { maxLength: 30 }).map(parts => parts.join(''))

/** What a session must refuse or keep: anything that JavaScript has. */
const anything = fc.anything({
  withBigInt: true,
  withBoxedValues: true,
  withDate: true,
  withMap: true,
  withNullPrototype: true,
  withObjectString: true,
  withSet: true,
  withSparseArray: true,
  withTypedArray: true,
  withUnicodeString: true
})
const oddity = fc.constantFrom<unknown>(() => 1, Symbol('s'), new (class Cart {})(), new (class Wishes extends Map {})(), Object.assign([1], { more: 1 }), /x/, { get a () { return 1 } })
const anythingAtAll = fc.oneof(
  { weight: 4, arbitrary: anything },
  { weight: 1, arbitrary: fc.tuple(anyKey, anything, oddity).map(([key, value, odd]) => ({ [key]: [value, odd], value })) },
  { weight: 1, arbitrary: fc.tuple(anything, oddity).map(([key, odd]) => new Map([[key, new Set([odd])]])) }
)

/** What is in a row, and the values of a session. */
export const CODEC_PROPERTIES: readonly Property[] = [
  property('the text codec gives back what it was given, and holds it', fc.property(anyContent, content => {
    const data = textCodec.encode(content)
    deepStrictEqual(textCodec.decode(data), content)
    return [...content.values].every(([key, value]) => textCodec.holds?.(data, key, value))
  })),
  property('what is not the text codec\'s is an error without data, or a session that can be encoded', fc.property(
    fc.oneof(fc.tuple(anyContent, anyDamage, anyLength).map(([content, damage, length]) => damaged(textCodec.encode(content), damage, length)), fc.uint8Array(), anyJson.map(json => Buffer.from(`FSS1 0123456789abcdef 2026-11-23T18:20:26.000Z -\n${json}`)),
      anyJson.map(json => Buffer.from(`FSS1 0123456789abcdef 2026-11-23T18:20:26.000Z - ${json}\n{}`))),
    data => {
      let content: SessionContent
      try {
        content = textCodec.decode(data)
      } catch (error) {
        return isDocumented(error, 'FST_SESSION_UNDECODABLE', [Buffer.from(data).toString().slice(50)].filter(text => text.length > 20))
      }
      const again = textCodec.decode(textCodec.encode(content))
      return again.deadline === content.deadline && isEqual(Object.fromEntries(again.values), Object.fromEntries(content.values))
    }
  )),
  property('a value is refused with a short message, or comes back as it was', fc.property(anythingAtAll, value => {
    try {
      checkValue(value, 'key')
    } catch (error) {
      return isDocumented(error, 'FST_SESSION_INVALID_VALUE')
    }
    return isEqual(value, parse(stringify(value, 'key')))
  })),
  property('values are equal exactly if they are stored as the same text', fc.property(anyValue, anyValue, fc.boolean(), (a, b, isSame) => {
    const other = isSame ? parse(stringify(a, 'key')) : b
    return isEqual(a, other) === (stringify(a, 'key') === stringify(other, 'key'))
  })),
  property('an encrypted session comes back in its row alone', fc.property(anyContent, fc.string(), fc.string(), (content, rowKey, otherKey) => {
    const data = encryptedCodec.encode(content, { rowKey })
    deepStrictEqual(encryptedCodec.decode(data, { rowKey }), content)
    if (rowKey === otherKey) return true
    try {
      encryptedCodec.decode(data, { rowKey: otherKey })
    } catch (error) {
      return isDocumented(error, 'FST_SESSION_UNDECODABLE')
    }
    return false
  })),
  property('an encrypted session that was changed is not decoded', fc.property(anyContent, anyDamage, anyLength, (content, damage, length) => {
    const data = encryptedCodec.encode(content, row)
    const changed = damaged(data, damage, length)
    if (changed.equals(data)) return true
    try {
      encryptedCodec.decode(changed, row)
    } catch (error) {
      return isDocumented(error, 'FST_SESSION_UNDECODABLE')
    }
    return false
  }))
]
