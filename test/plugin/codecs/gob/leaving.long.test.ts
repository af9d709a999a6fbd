import { deepStrictEqual } from 'node:assert/strict'
import t from 'tap'
import { makeApplication } from '../../../support/application.js'
import { memoryStore, textCodec, type Codec, type StoredSession } from '../../../../plugin/index.js'
import { gobCodec } from '../../../../plugin/codecs/gob/index.js'
import { vectors } from './vectors.js'

const TOKEN = 'c'.repeat(43)

t.test('a codec that reads both formats leaves that of SCS, as docs/scs.md says, and signs nobody out', async t => {
  const isText = (data: Uint8Array): boolean => Buffer.from(data.subarray(0, 4)).toString() === 'FSS1'
  const codec: Codec = {
    encode: content => textCodec.encode(content),
    decode: data => isText(data) ? textCodec.decode(data) : gobCodec.decode(data),
    headerLength: data => isText(data) ? textCodec.headerLength?.(data) ?? 0 : 0
  }
  for (const { name, data, values } of vectors) {
    const store = memoryStore({ cleanupInterval: 0 })
    const application = makeApplication(t, { store, codec, hashTokenInStore: false })
    await store.insert({ token: TOKEN, data: inTime(data), ttl: 3_600_000 })
    const valuesNow = async (): Promise<Record<string, unknown>> => {
      let read = {}
      await application.visit(TOKEN, ({ session }) => { read = session.data(); return 'ok' })
      return read
    }
    const before = await valuesNow()
    t.strictSame(Object.keys(before).sort(), [...values.keys()].filter(key => key !== '__rememberMe').sort(), name)
    await application.visit(TOKEN, async ({ session }) => { session.put('more', 1); return 'ok' })
    const { data: row } = (await store.scan()[Symbol.asyncIterator]().next()).value as StoredSession
    t.ok(isText(row))
    deepStrictEqual(await valuesNow(), { ...before, more: 1 }, name)
  }
})

/** The session with a deadline to come. */
function inTime (data: Uint8Array): Uint8Array {
  return gobCodec.encode({ ...gobCodec.decode(data), deadline: Date.now() + 3_600_000 })
}
