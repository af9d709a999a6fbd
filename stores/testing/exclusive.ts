import assert from 'node:assert/strict'
import { randomBytes } from 'node:crypto'
import { setImmediate as turn } from 'node:timers/promises'
import type { SessionStore } from '../store.js'
import { inserted, one, type Cases } from './sessions.js'

/** How long a call waits that is to get its turn, in milliseconds. */
const LONG = 60_000

/** Cases of the contract: work that only one process does at a time. They pass on a store without `exclusively`, and on one that refuses it as misconfigured. */
export const EXCLUSIVE: Cases = ifThere({
  async 'exclusive work resolves to its result, and may use the store' (exclusively, store) {
    const session = await inserted(store)
    const found = await exclusively(newName(), async lost => {
      assert.equal(lost.aborted, false)
      return (await one(store, session.token)).token
    }, LONG)
    assert.equal(found, session.token)
  },

  async 'exclusive work of one name runs once at a time, and each call has its turn' (exclusively) {
    const name = newName()
    let [running, runs] = [0, 0]
    await Promise.all(Array.from({ length: 12 }, async () => await exclusively(name, async () => {
      assert.equal(++running, 1)
      for (let i = 0; i < 5; i++) await turn()
      running--
      runs++
    }, LONG)))
    assert.equal(runs, 12)
  },

  async 'exclusive work of another name need not wait' (exclusively) {
    const [name, other] = [newName(), newName()]
    assert.equal(await exclusively(name, async () => await exclusively(other, async () => 'both', LONG), LONG), 'both')
  },

  async 'names are compared exactly' (exclusively) {
    const name = `Name ${newName()}`
    assert.equal(await exclusively(name, async () => await exclusively(name.toLowerCase(), async () => 'both', LONG), LONG), 'both')
  },

  async 'a call that does not get its turn in time rejects, and its work never runs' (exclusively) {
    const name = newName()
    let hasRun = false
    await exclusively(name, async () => {
      for (const timeout of [1, 50, 1200]) {
        await assert.rejects(exclusively(name, async () => { hasRun = true }, timeout), { code: 'FST_SESSION_STORE_UNAVAILABLE', statusCode: 503 })
      }
    }, LONG)
    assert.equal(await exclusively(name, async () => 'next', LONG), 'next')
    assert.equal(hasRun, false)
  },

  async 'exclusive work that throws rejects with its own error, and the next one has its turn' (exclusively) {
    const name = newName()
    const error = new Error('of the work')
    await assert.rejects(exclusively(name, async () => { throw error }, LONG), thrown => thrown === error)
    await assert.rejects(exclusively(name, () => { throw error }, LONG), thrown => thrown === error)
    assert.equal(await exclusively(name, async () => 'next', LONG), 'next')
  }
})

type Exclusively = NonNullable<SessionStore['exclusively']>

function ifThere (cases: { readonly [name: string]: (exclusively: Exclusively, store: SessionStore) => Promise<void> }): Cases {
  return Object.fromEntries(Object.entries(cases).map(([name, run]) => [name, async store => {
    const exclusively = store.exclusively?.bind(store)
    if (exclusively !== undefined && await canKeepOthersOut(exclusively)) await run(exclusively, store)
  }]))
}

/** A store may find that its database or its pool cannot do it. */
async function canKeepOthersOut (exclusively: Exclusively): Promise<boolean> {
  return await exclusively(newName(), async () => true, LONG).catch((error: unknown) => {
    if (error instanceof Error && 'code' in error && error.code === 'FST_SESSION_STORE_MISCONFIGURED') return false
    throw error
  })
}

function newName (): string {
  return `work ${randomBytes(6).toString('hex')}`
}
