import fc from 'fast-check'
import t from 'tap'
import { gobCodec } from '../../../../plugin/codecs/gob/index.js'
import { isOfScs } from '../../../../plugin/codecs/gob/codec.js'
import { GobWriter, unsignedToken } from '../../../../plugin/codecs/gob/writer.js'
import { anyDamage, damaged } from './damage.js'
import { vectors } from './vectors.js'
import { tries } from '../../../support/quick.js'

const UNDECODABLE = { code: 'FST_SESSION_UNDECODABLE' }
const vector = (name: string): Buffer => vectors.find(vector => vector.name === name)?.data as Buffer
/** What the empty session begins with: three definitions. The struct of a session has the id 65, time.Time 66, its values 67. */
const DEFINITIONS = vector('empty').subarray(0, 96)
const DEADLINE = Buffer.from('0f010000000ee31ae83f075bcd15ffff', 'hex')
const MILLION = 1_000_000

/** A message: its length, and what these calls write. */
function message (...parts: ReadonlyArray<number | bigint | string | Buffer>): Buffer {
  const writer = new GobWriter(0, 64)
  for (const part of parts) {
    if (typeof part === 'string') writer.text(part)
    else if (typeof part === 'object') writer.raw(part)
    else writer.signed(part)
  }
  return Buffer.concat([unsignedToken(writer.end), writer.from(0)])
}

const unsigned = (value: number): Buffer => Buffer.from(unsignedToken(value))
/** A session of one key `k` whose value is these bytes, with further definitions before it. */
function session (value: Buffer, ...definitions: readonly Buffer[]): Buffer {
  return Buffer.concat([DEFINITIONS, ...definitions, message(65, unsigned(1), DEADLINE, unsigned(1), unsigned(1), 'k', value, unsigned(0))])
}
/** The definition of a slice, whose elements have the other id. */
const slice = (id: number, elem: number): Buffer => message(-id, unsigned(2), unsigned(1), unsigned(2), id, unsigned(0), unsigned(1), elem, unsigned(0), unsigned(0))
const struct = (id: number, fields: number): Buffer => message(-id, unsigned(3), unsigned(1), unsigned(2), id, unsigned(0), unsigned(1), unsigned(fields),
  ...Array.from({ length: fields }, (_, i) => Buffer.concat([unsigned(1), unsigned(3), Buffer.from(`F${String(i).padStart(2, '0')}`.slice(0, 3)), unsigned(1), unsigned(4), unsigned(0)])), unsigned(0), unsigned(0))
const value = (name: string, id: number, ...content: ReadonlyArray<number | string | Buffer>): Buffer => {
  const inner = message(...content)
  return Buffer.concat([message(name).subarray(1), message(id).subarray(1), inner])
}

t.test('the parts of these tests make a session', async t => {
  t.strictSame(gobCodec.decode(session(value('int', 2, unsigned(0), 7))).values, new Map([['k', 7]]))
  t.strictSame(gobCodec.decode(session(value('x.T', 68, unsigned(0), unsigned(1), unsigned(0)), slice(68, 68))).values, new Map([['k', [[]]]]))
  t.strictSame(gobCodec.decode(session(value('x.T', 68, unsigned(1), 7, unsigned(0)), struct(68, 2))).values, new Map([['k', { F00: 7, F01: 0 }]]))
})

const HOSTILE: ReadonlyArray<readonly [what: string, data: Buffer]> = [
  ['nothing', Buffer.alloc(0)],
  ['text', Buffer.from('FSS1 0123456789abcdef 2026-11-23T18:20:26.000Z -\n{}')],
  ['JSON', Buffer.from('{"userId":42}')],
  ['a message that is longer than the data', Buffer.from('ff', 'hex')],
  ['a message whose length has more than 64 bits', Buffer.from('f0', 'hex')],
  ['a message of 2^63 bytes', Buffer.from('f87fffffffffffffff00', 'hex')],
  ['definitions alone', DEFINITIONS],
  ['a definition with more behind it', Buffer.concat([unsigned(40), DEFINITIONS.subarray(1, 39), Buffer.alloc(2)])],
  ['a value that is no struct', message(6, unsigned(0), 'a')],
  ['a struct that is none of SCS', Buffer.concat([struct(65, 1), message(65, unsigned(0))])],
  ['a type that is not defined', message(65, unsigned(0))],
  ['a type that no type can have', message(-(2n ** 60n), unsigned(0))],
  ['a type that is defined twice', Buffer.concat([DEFINITIONS, DEFINITIONS])],
  ['a definition of a basic type', Buffer.concat([DEFINITIONS, slice(2, 2)])],
  ['a definition of no kind', message(-70, unsigned(0))],
  ['a definition of an unknown kind', message(-70, unsigned(9))],
  ['a definition of two kinds', message(-70, unsigned(1), unsigned(0), unsigned(1), unsigned(0), unsigned(0))],
  ['a definition with an unknown field', message(-70, unsigned(2), unsigned(7))],
  ['a definition whose name has an unknown field', message(-70, unsigned(2), unsigned(1), unsigned(3))],
  ['a definition whose name is not UTF-8', message(-70, unsigned(2), unsigned(1), unsigned(1), unsigned(1), Buffer.from([0xff]))],
  ['a struct with a million fields, of which there is none', message(-70, unsigned(3), unsigned(2), unsigned(MILLION))],
  ['a field without a name', message(-70, unsigned(3), unsigned(2), unsigned(1), unsigned(2), 2, unsigned(0), unsigned(0), unsigned(0))],
  ['a session with an unknown field', Buffer.concat([DEFINITIONS, message(65, unsigned(3))])],
  ['a deadline that is no time', Buffer.concat([DEFINITIONS, message(65, unsigned(1), unsigned(2), Buffer.alloc(2))])],
  ['a million values, of which there is none', Buffer.concat([DEFINITIONS, message(65, unsigned(2), unsigned(MILLION))])],
  ['a key that is not UTF-8', Buffer.concat([DEFINITIONS, message(65, unsigned(2), unsigned(1), unsigned(1), Buffer.from([0xff]))])],
  ['a type with a very long name', session(value('x'.repeat(1025), 2, unsigned(0), 7))],
  ['a value that is not of its type', session(value('string', 2, unsigned(0), 7))],
  ['a value that is an interface', session(value('x.T', 8, unsigned(0), unsigned(0)))],
  ['a value that does not begin where it should', session(value('int', 2, unsigned(1), 7))],
  ['a value of an undefined type', session(value('x.T', 99, unsigned(0), 7))],
  ['a slice of an undefined type', session(value('x.T', 68, unsigned(0), unsigned(0)), slice(68, 99))],
  ['an int8 of 300', session(value('int8', 2, unsigned(0), 300))],
  ['a string that is longer than the data', session(value('string', 6, unsigned(0), unsigned(MILLION)))],
  ['a slice with a million elements, of which there is none', session(value('x.T', 68, unsigned(0), unsigned(MILLION)), slice(68, 2))],
  ['a number of more than 64 bits', session(value('int', 2, unsigned(0), Buffer.from('f7000000000000000000', 'hex')))],
  ['a number that breaks off', Buffer.concat([DEFINITIONS, unsigned(2), Buffer.from('fe41', 'hex')])],
  ['a float that breaks off', Buffer.concat([DEFINITIONS, message(65, unsigned(2), unsigned(1), 'k', message('float64').subarray(1), 4, unsigned(1), unsigned(0))])],
  ['a slice in itself, many times', session(value('x.T', 68, unsigned(0), ...Array.from({ length: 300 }, () => unsigned(1)), unsigned(0)), slice(68, 68))],
  ['types that are nested too deep', session(value('x.T', 68, unsigned(0), unsigned(0)), ...Array.from({ length: 300 }, (_, i) => slice(68 + i, i === 299 ? 2 : 69 + i)))],
  ['many fields in many structs, none of which is there', session(value('x.T', 69, unsigned(0), unsigned(20_000), Buffer.alloc(20_000)), struct(68, 100), slice(69, 68))],
  ['a field that its type has not', session(value('x.T', 68, unsigned(9)), struct(68, 1))],
  ['an array of another length', session(value('[2]int', 68, unsigned(0), unsigned(1), 7), message(-68, unsigned(1), unsigned(1), unsigned(2), 68, unsigned(0), unsigned(1), 2, unsigned(1), 2, unsigned(0), unsigned(0)))]
]

for (const [what, data] of HOSTILE) {
  t.test(`${what} cannot be decoded, and the error does not quote the data`, async t => {
    t.throws(() => gobCodec.decode(data), { ...UNDECODABLE, message: /^The session cannot be decoded: it is no session of SCS, or it is damaged: [\w, -]+$/ })
  })
}

t.test('a session that breaks off anywhere cannot be decoded', async t => {
  for (const { name, data } of vectors) {
    if (data.length > 500) continue
    const decoded = Array.from({ length: data.length }, (_, length) => length).filter(length => isDecoded(data.subarray(0, length)))
    t.strictSame(decoded, [], name)
  }
})

t.test('what was damaged anywhere is decoded or refused, and nothing else', async t => {
  let refused = 0
  fc.assert(fc.property(fc.constantFrom(...vectors), anyDamage, ({ data }, damage) => {
    const after = damaged(data, damage)
    try {
      const content = gobCodec.decode(after)
      // What has been decoded can be written again, unless Go could not read it either.
      gobCodec.encode(content)
    } catch (error) {
      refused++
      if (!['FST_SESSION_UNDECODABLE', 'FST_SESSION_INVALID_VALUE'].includes((error as { code: string }).code)) throw error
    }
  }), { numRuns: tries(5000) })
  t.ok(refused > tries(500))
})

t.test('what another version of SCS has put beside deadline and values is passed over', async t => {
  const fields = ['Deadline', 66, 'Extra', 6, 'Values', 67].flatMap((part, i) => [unsigned(1), part, ...i % 2 === 1 ? [unsigned(0)] : []])
  const struct = message(-65, unsigned(3), unsigned(1), unsigned(2), 65, unsigned(0), unsigned(1), unsigned(3), ...fields, unsigned(0), unsigned(0))
  const body = [unsigned(2), 'more', unsigned(1), unsigned(1), 'k', value('int', 2, unsigned(0), 7), unsigned(0)]
  const data = Buffer.concat([DEFINITIONS.subarray(39), struct, message(65, ...body)])
  t.strictSame(gobCodec.decode(data).values, new Map([['k', 7]]))
})

t.test('a session of SCS is told from other data', async t => {
  for (const { data } of vectors) t.ok(isOfScs(data))
  for (const [what, data] of HOSTILE.slice(0, 10)) t.notOk(isOfScs(data), what)
})

t.test('the memory that hostile data takes is bounded by its size', async t => {
  // An object is filled in for each of these bytes, as long as that is no more than 16 a byte.
  const data = session(value('x.T', 69, unsigned(0), unsigned(20_000), Buffer.alloc(20_000)), struct(68, 10), slice(69, 68))
  const { values } = gobCodec.decode(data)
  t.equal((values.get('k') as unknown[]).length, 20_000)
})

/** Throws whatever is not the right error. */
function isDecoded (data: Buffer): boolean {
  try {
    gobCodec.decode(data)
    return true
  } catch (error) {
    if ((error as { code: string }).code !== UNDECODABLE.code) throw error
    return false
  }
}
