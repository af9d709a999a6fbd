import { deepStrictEqual } from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import fc, { type IRawProperty, type RunDetails } from 'fast-check'
import type { SessionContent } from '../../plugin/codecs/codec.js'
import { encrypted } from '../../plugin/codecs/encrypted.js'
import { isEqual } from '../../plugin/codecs/equal.js'
import { textCodec } from '../../plugin/codecs/text.js'
import { checkValue, parse, stringify } from '../../plugin/codecs/value.js'
import { Changes } from '../../plugin/commit/changes.js'
import { tokensIn } from '../../plugin/cookie.js'
import { hashToken, isToken, newToken, sessionId } from '../../plugin/token.js'
import { anyKey, anyText, anyValue, anyValues } from '../support/any-value.js'

/** What holds for every input of a kind. */
export interface Property {
  readonly name: string
  /** Tries so many inputs. */
  try (runs: number, seed: number): RunDetails<unknown>
}

function property<T> (name: string, property: IRawProperty<T>): Property {
  return { name, try: (numRuns, seed) => fc.check(property, { numRuns, seed }) as RunDetails<unknown> }
}

/** Whether an error is one that this package documents, and shows none of these texts. */
function isDocumented (error: unknown, code: string, secrets: readonly string[] = []): boolean {
  const { message } = error as Error
  return (error as { code?: unknown }).code === code && message.length < 500 && !secrets.some(secret => message.includes(secret))
}

const tokens = Array.from({ length: 6 }, newToken)
const anyToken = fc.constantFrom(...tokens)
const cookiePart = fc.oneof(
  fc.string({ unit: 'binary' }), fc.constantFrom('session=', 'Session=', ';', ' ', '\t', '=', '"', '; session=', 'xsession=', ',', '%', '\u00a0'), anyToken,
  anyToken.map(token => `session=${token}; `), anyToken.map(token => `;session="${token}"`)
)
const cookieHeader = fc.array(cookiePart, { maxLength: 20 }).map(parts => parts.join(''))

const anyContent: fc.Arbitrary<SessionContent> = fc.record({
  deadline: fc.integer({ min: 0, max: Date.UTC(9999, 11, 31) }),
  rememberMe: fc.constantFrom(undefined, true, false),
  values: anyValues
}, { noNullPrototype: true })
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

type Change = { readonly kind: 'put', readonly key: string, readonly value: unknown } | { readonly kind: 'remove' | 'update', readonly key: string } |
  { readonly kind: 'clear', readonly keep: readonly string[] }
const fewKeys = fc.constantFrom('a', 'b', 'c', '__proto__')
const anyChange: fc.Arbitrary<Change> = fc.oneof(
  fc.record({ kind: fc.constant('put' as const), key: fewKeys, value: fc.integer() }),
  fc.record({ kind: fc.constantFrom('remove' as const, 'update' as const), key: fewKeys }),
  fc.record({ kind: fc.constant('clear' as const), keep: fc.oneof(fc.constant([]), fc.array(fewKeys, { maxLength: 2 })) })
)
const fewValues = fc.dictionary(fewKeys, fc.integer()).map(values => new Map<string, unknown>(Object.entries(values)))
const append = (value: unknown) => `${String(value)}+`

/** What changes mean: each, in their order, on all values. */
function applied (changes: readonly Change[], to: ReadonlyMap<string, unknown>): Map<string, unknown> {
  const values = new Map(to)
  for (const change of changes) {
    switch (change.kind) {
      case 'put': values.set(change.key, change.value); break
      case 'remove': values.delete(change.key); break
      case 'update': values.set(change.key, append(values.get(change.key))); break
      case 'clear': for (const key of [...values.keys()]) if (!change.keep.includes(key)) values.delete(key); break
    }
  }
  return values
}

function logOf (list: readonly Change[]): Changes {
  const changes = new Changes()
  for (const change of list) {
    switch (change.kind) {
      case 'put': changes.put(change.key, change.value); break
      case 'remove': changes.remove(change.key); break
      case 'update': changes.update(change.key, append); break
      case 'clear': changes.clear(change.keep); break
    }
  }
  return changes
}

function contentOf (values: ReadonlyMap<string, unknown>): SessionContent {
  return { values: new Map(values), deadline: 0, rememberMe: undefined }
}

function sorted (values: ReadonlyMap<string, unknown>): Array<[string, unknown]> {
  return [...values].sort(([a], [b]) => a < b ? -1 : 1)
}

/** What `npm test` tries with a few thousand inputs, and `npm run fuzz` with a million. */
export const PROPERTIES: readonly Property[] = [
  property('from a Cookie header come at most four well-formed tokens, each of which is in it', fc.property(cookieHeader, header => {
    const found = tokensIn(header, 'session')
    return found.length <= 4 && new Set(found).size === found.length && found.every(token => isToken(token) && header.includes(token))
  })),
  property('a token is 43 characters of base64url, and nothing else is', fc.property(fc.oneof(fc.string(), fc.string({ unit: 'binary', minLength: 43, maxLength: 43 }), fc.base64String({ minLength: 40, maxLength: 44 }), anyToken.map(token => `${token}\n`)), text =>
    isToken(text) === (text.length === 43 && [...text].every(character => 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789-_'.includes(character)))
  )),
  property('the key of a row and the id of a session tell nothing of the token', fc.property(fc.uint8Array({ minLength: 32, maxLength: 32 }), fc.constantFrom('session', 'adminSession'), (bytes, name) => {
    const token = Buffer.from(bytes).toString('base64url')
    const hash = hashToken(token, name)
    return isToken(hash) && hash !== token && /^[\w-]{12}$/.test(sessionId(token)) && !hash.includes(sessionId(token)) && hashToken(token, 'other') !== hash
  })),
  property('the text codec gives back what it was given, and holds it', fc.property(anyContent, content => {
    const data = textCodec.encode(content)
    deepStrictEqual(textCodec.decode(data), content)
    return [...content.values].every(([key, value]) => textCodec.holds?.(data, key, value))
  })),
  property('what is not the text codec\'s is an error without data, or a session that can be encoded', fc.property(
    fc.oneof(fc.tuple(anyContent, anyDamage, anyLength).map(([content, damage, length]) => damaged(textCodec.encode(content), damage, length)), fc.uint8Array(), anyJson.map(json => Buffer.from(`FSS1 0123456789abcdef 2026-11-23T18:20:26.000Z -\n${json}`))),
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
  })),
  property('a log of changes means each of its changes, in their order', fc.property(fc.array(anyChange, { maxLength: 12 }), fewValues, (changes, values) => {
    const expected = applied(changes, values)
    const actual = contentOf(values)
    logOf(changes).apply(actual)
    deepStrictEqual(sorted(actual.values), sorted(expected))
  })),
  property('logs that follow each other mean the same as one', fc.property(fc.array(anyChange, { maxLength: 8 }), fc.array(anyChange, { maxLength: 8 }), fewValues, (first, second, values) => {
    const one = contentOf(values)
    logOf([...first, ...second]).apply(one)
    const two = contentOf(values)
    logOf(first).apply(two)
    logOf(second).apply(two)
    deepStrictEqual(sorted(two.values), sorted(one.values))
  }))
]
