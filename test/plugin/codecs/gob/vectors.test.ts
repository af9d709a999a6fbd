import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import { gobCodec } from '../../../../plugin/codecs/gob/index.js'
import { goVectors, scsVectors, vectors } from './vectors.js'

const REMEMBER_ME = '__rememberMe'

t.test('there are sessions to decode', async t => {
  t.equal(scsVectors.length, 16)
  t.ok(goVectors.length >= 21)
})

for (const { name, data, deadline, values } of vectors) {
  t.test(`a session of Go's is decoded to its values: ${name}`, async () => {
    const content = gobCodec.decode(data)
    const expected = new Map(values)
    expected.delete(REMEMBER_ME)
    deepStrictEqual(byKey(content.values), byKey(expected))
    deepStrictEqual(content.deadline, Date.parse(deadline))
    deepStrictEqual(content.rememberMe, values.get(REMEMBER_ME))
  })

  t.test(`a session that is not changed is written as it was: ${name}`, async () => {
    const content = gobCodec.decode(data)
    const again = gobCodec.encode(content)
    const read = gobCodec.decode(again)
    deepStrictEqual(byKey(read.values), byKey(content.values))
    deepStrictEqual(read.deadline, content.deadline)
    deepStrictEqual(read.rememberMe, content.rememberMe)
    deepStrictEqual(gobCodec.encode(read), again)
    // So are the types in Go, and the times to the nanosecond.
    deepStrictEqual(read.notes, content.notes)
  })
}

t.test('a session that is a part of a larger buffer is decoded', async () => {
  for (const { data } of vectors) {
    const large = new Uint8Array(data.length + 20)
    large.set(data, 10)
    deepStrictEqual(gobCodec.decode(large.subarray(10, 10 + data.length)), gobCodec.decode(data))
  }
})

/** Go has no order of keys, and the special ones of JavaScript none that matters. */
function byKey (values: ReadonlyMap<string, unknown>): Array<[string, unknown]> {
  return [...values].sort(([a], [b]) => a < b ? -1 : 1)
}
