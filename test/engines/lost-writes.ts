import { randomBytes } from 'node:crypto'
import t from 'tap'
import { engineUrls } from './engine.js'
import { mysqlStore } from '../../stores/mysql/mysql.js'
import type { NewSession } from '../../stores/store.js'

const TTL = 3_600_000
const ROUNDS = 200
const HEADER = 16

/** Data that begins with a header of its own, as the codec writes it. */
const newData = (text: string) => Buffer.from(randomBytes(HEADER / 2).toString('hex') + text)

t.test('of updates that travel together, each one is told whether it was saved', async t => {
  const store = mysqlStore({ uri: engineUrls()[0], connectionLimit: 2 }, { createTable: true, cleanupInterval: 0 })
  t.teardown(async () => { await store.close() })
  await store.open({ warn () {}, error () {} })
  const count = { updates: 0, falselySaved: 0, falselyChanged: 0 }
  for (let round = 0; round < ROUNDS; round++) {
    const sessions = await Promise.all(Array.from({ length: 2 + round % 7 }, async (_, i) => {
      const session: NewSession = { token: randomBytes(32).toString('base64url'), data: newData(`row ${i}`), ttl: TTL }
      await store.insert(session)
      return session
    }))
    // Another writer was first, for some of them.
    const updates = sessions.map(({ token, data }, i) => {
      const seen = { bytes: (round * 7 + i * 5) % 11 < 4 ? Buffer.alloc(HEADER, '0') : data.subarray(0, HEADER), whole: false }
      return { token, data: newData(`new ${i}`), ttl: TTL, seen }
    })
    const outcomes = await Promise.all(updates.map(async update => await store.update(update)))
    const found = new Map((await store.find(sessions.map(({ token }) => token))).sessions.map(({ token, data }) => [token, Buffer.from(data)]))
    updates.forEach(({ token, data }, i) => {
      const isWritten = found.get(token)?.equals(data) === true
      count.updates++
      if (outcomes[i]?.kind === 'saved' && !isWritten) count.falselySaved++
      if (outcomes[i]?.kind === 'changed' && isWritten) count.falselyChanged++
    })
  }
  t.comment(JSON.stringify(count))
  t.match(count, { falselySaved: 0, falselyChanged: 0 })
})
