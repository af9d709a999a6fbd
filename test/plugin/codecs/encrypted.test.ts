import { createDecipheriv, createHmac, createSecretKey, generateKeyPairSync, randomBytes } from 'node:crypto'
import { deepStrictEqual } from 'node:assert/strict'
import { inspect } from 'node:util'
import fc from 'fast-check'
import t, { type Test } from 'tap'
import type { Codec, SessionContent } from '../../../plugin/codecs/codec.js'
import { encrypted, type EncryptionOptions } from '../../../plugin/codecs/encrypted.js'
import { textCodec } from '../../../plugin/codecs/text.js'
import { anyValues } from '../../support/any-value.js'

const key = randomBytes(32)
const other = randomBytes(32)
const codec = encrypted(textCodec, { keys: [key] })
const row = { rowKey: 'a'.repeat(43) }
const content = (values: Iterable<readonly [string, unknown]> = [['user', { name: 'Ann' }]]): SessionContent =>
  ({ deadline: Date.UTC(2026, 10, 23), rememberMe: true, values: new Map(values) })
const failsWith = (t: Test, decode: () => unknown, why: string) => t.throws(decode, { code: 'FST_SESSION_UNDECODABLE', message: `The session cannot be decoded: ${why}` })
const CHANGED = 'it was changed since it was encrypted, or it is the data of another row'
const NOT_ENCRYPTED = 'it is not encrypted, or its header is damaged'

t.test('what is encrypted comes back, and holds its values', async () => {
  fc.assert(fc.property(anyValues, fc.string(), (values, rowKey) => {
    const data = codec.encode(content(values), { rowKey })
    deepStrictEqual(codec.decode(data, { rowKey }), content(values))
    return [...values].every(([key, value]) => codec.holds?.(data, key, value, { rowKey }))
  }))
})

t.test('a row shows its format, its commit id and the id of the key, and nothing of the session', async t => {
  const data = Buffer.from(codec.encode(content(), row))
  t.match(data.toString('latin1'), /^FSE1 [\w-]{16} [\w-]{8}\n/)
  t.notMatch(data.toString('latin1'), /Ann|2026/)
  t.equal(codec.headerLength?.(data), 'FSE1 '.length + 16)
  const headers = new Set(Array.from({ length: 1000 }, () => Buffer.from(codec.encode(content(), row)).toString('latin1', 0, 21)))
  t.equal(headers.size, 1000, 'the header is new with every write')
})

t.test('the format is AES-256-GCM as documented', async t => {
  const data = Buffer.from(codec.encode(content(), row))
  const hmac = createHmac('sha256', key).update(`fastify-sql-sessions row ${row.rowKey}`).update(Buffer.of(1)).digest()
  const decipher = createDecipheriv('aes-256-gcm', hmac, Buffer.from(data.toString('latin1', 5, 21), 'base64url'))
  decipher.setAAD(Buffer.concat([data.subarray(0, 31), Buffer.from(row.rowKey)])).setAuthTag(data.subarray(-16))
  const plain = Buffer.concat([decipher.update(data.subarray(31, -16)), decipher.final()])
  t.strictSame(textCodec.decode(plain), content())
})

t.test('the data of one row is worth nothing in another', async t => {
  const data = codec.encode(content(), row)
  failsWith(t, () => codec.decode(data, { rowKey: 'b'.repeat(43) }), CHANGED)
  t.strictSame(codec.decode(data, row), content())
  failsWith(t, () => codec.decode(data, { rowKey: 'b'.repeat(43) }), CHANGED)
  t.throws(() => codec.holds?.(data, 'user', { name: 'Ann' }, { rowKey: 'b' }), { code: 'FST_SESSION_UNDECODABLE' })
})

t.test('a byte that was changed, wherever it is, is noticed', async () => {
  const data = Buffer.from(codec.encode(content(), row))
  fc.assert(fc.property(fc.nat(data.length - 1), fc.integer({ min: 1, max: 255 }), (at, flip) => {
    const changed = Buffer.from(data)
    changed[at] = (changed[at] as number) ^ flip
    try {
      codec.decode(changed, row)
    } catch (error) {
      return (error as { code?: string }).code === 'FST_SESSION_UNDECODABLE'
    }
    return false
  }))
})

t.test('data that was cut off is not decoded', async t => {
  const data = Buffer.from(codec.encode(content(), row))
  for (let length = 0; length < data.length; length++) t.throws(() => codec.decode(data.subarray(0, length), row), { code: 'FST_SESSION_UNDECODABLE' })
})

t.test('the newest key encrypts, and older ones still decrypt', async t => {
  const before = codec.encode(content(), row)
  const rotated = encrypted(textCodec, { keys: [other, key] })
  t.strictSame(rotated.decode(before, row), content())
  const after = rotated.encode(content(), row)
  t.strictSame(rotated.decode(after, row), content())
  t.strictSame(encrypted(textCodec, { keys: [other] }).decode(after, row), content())
  failsWith(t, () => codec.decode(after, row), `it was encrypted with the key whose id is ${idIn(after)}, which is not among the keys (${idIn(before)})`)
  failsWith(t, () => encrypted(textCodec, { keys: [other] }).decode(before, row), `it was encrypted with the key whose id is ${idIn(before)}, which is not among the keys (${idIn(after)})`)
})

const idIn = (data: Uint8Array) => Buffer.from(data).toString('latin1', 22, 30)

t.test('a session that is not encrypted is read only if that is asked for', async t => {
  const plain = textCodec.encode(content())
  failsWith(t, () => codec.decode(plain, row), NOT_ENCRYPTED)
  failsWith(t, () => codec.decode(Buffer.from(''), row), NOT_ENCRYPTED)
  const lenient = encrypted(textCodec, { keys: [key], readUnencrypted: true })
  t.strictSame(lenient.decode(plain, row), content())
  t.ok(lenient.holds?.(plain, 'user', { name: 'Ann' }, row))
  t.equal(lenient.headerLength?.(plain), textCodec.headerLength?.(plain))
  t.strictSame(codec.decode(lenient.encode(content(), row), row), content())
  failsWith(t, () => lenient.decode(codec.encode(content(), row), { rowKey: 'b' }), CHANGED)
})

t.test('a codec of the user\'s is encrypted as well', async t => {
  const json: Codec = {
    encode: ({ deadline, values }) => Buffer.from(JSON.stringify([deadline, ...values])),
    decode (data) {
      const [deadline, ...values] = JSON.parse(Buffer.from(data).toString()) as [number, ...Array<[string, unknown]>]
      return { deadline, rememberMe: undefined, values: new Map(values) }
    }
  }
  const codec = encrypted(json, { keys: [key] })
  t.strictSame(codec.decode(codec.encode(content(), row), row), { ...content(), rememberMe: undefined })
  t.equal(codec.holds, undefined)
})

t.test('a key is taken as bytes, as text, and as a KeyObject', async t => {
  const data = codec.encode(content(), row)
  const forms = [new Uint8Array(key), key.toString('base64'), key.toString('base64url'), key.toString('hex'), key.toString('hex').toUpperCase(), `${key.toString('base64')}\n`, createSecretKey(key)]
  for (const form of forms) t.strictSame(encrypted(textCodec, { keys: [form] }).decode(data, row), content())
})

t.test('a key may be wiped after it was given', async t => {
  const wiped = Buffer.from(key)
  const codec = encrypted(textCodec, { keys: [wiped] })
  wiped.fill(0)
  t.strictSame(codec.decode(encrypted(textCodec, { keys: [key] }).encode(content(), row), row), content())
})

const HOW = 'Make one with: openssl rand -base64 32'
const secret = 'correct horse battery staple'
const { publicKey } = generateKeyPairSync('ed25519')
const REFUSED: ReadonlyArray<readonly [options: unknown, message: string]> = [
  [undefined, 'encrypted needs keys: encrypted(textCodec, { keys: [key] })'],
  [secret, 'encrypted needs keys: encrypted(textCodec, { keys: [key] })'],
  [{ key: secret }, 'There is no option key. Did you mean keys?'],
  [{}, 'keys must be an array of keys, the newest first, for example { keys: [process.env.SESSION_KEY] }'],
  [{ keys: secret }, 'keys must be an array of keys, the newest first, for example { keys: [process.env.SESSION_KEY] }'],
  [{ keys: [] }, `keys must have at least one key. ${HOW}`],
  [{ keys: [undefined] }, `keys[0] is undefined. Is its environment variable set? ${HOW}`],
  [{ keys: [key, null] }, `keys[1] is null. Is its environment variable set? ${HOW}`],
  [{ keys: [secret] }, `keys[0] is a text of 28 characters, and must be 32 bytes in base64 (44 characters) or hex (64). ${HOW}`],
  [{ keys: [''] }, `keys[0] is a text of 0 characters, and must be 32 bytes in base64 (44 characters) or hex (64). ${HOW}`],
  [{ keys: [Buffer.from(secret)] }, `keys[0] has 28 bytes, and must have 32. ${HOW}`],
  [{ keys: [createSecretKey(Buffer.from(secret))] }, `keys[0] has 28 bytes, and must have 32. ${HOW}`],
  [{ keys: [Buffer.alloc(32)] }, `keys[0] is not random: all its bytes are equal. ${HOW}`],
  [{ keys: [publicKey] }, 'keys[0] is a public key, and must be a secret one of 32 bytes'],
  [{ keys: [{ secret }] }, 'keys[0] must be a Buffer, a text in base64 or hex, or a KeyObject'],
  [{ keys: [42] }, 'keys[0] must be a Buffer, a text in base64 or hex, or a KeyObject'],
  [{ keys: [other, key, key.toString('hex')] }, 'keys[2] is the same key as keys[1]'],
  [{ keys: [key], readUnencrypted: 1 }, 'readUnencrypted must be true or false, not 1']
]

for (const [options, message] of REFUSED) {
  t.test(`refused, and no key is told: ${message}`, async t => {
    t.throws(() => encrypted(textCodec, options as EncryptionOptions), { code: 'FST_SESSION_INVALID_OPTION', message })
  })
}

t.test('what is no codec is refused', async t => {
  for (const wrong of [undefined, null, {}, { keys: [key] }]) {
    t.throws(() => encrypted(wrong as unknown as Codec, { keys: [key] }), { message: 'encrypted needs a codec first: encrypted(textCodec, { keys: [key] })' })
  }
})

t.test('without the row there is an error that says so', async t => {
  const message = /^An encrypted session belongs to its row: give the row/
  t.throws(() => codec.encode(content()), { code: 'FST_SESSION_INVALID_OPTION', message })
  t.throws(() => codec.decode(codec.encode(content(), row)), { code: 'FST_SESSION_INVALID_OPTION', message })
})

t.test('a codec that is printed shows no key', async t => {
  const shown = inspect(codec, { depth: Infinity, showHidden: true }) + JSON.stringify(codec)
  for (const form of [key.toString('hex'), key.toString('base64'), inspect(key)]) t.notOk(shown.includes(form))
})
