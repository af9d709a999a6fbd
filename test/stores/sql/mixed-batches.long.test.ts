import t, { type Test } from 'tap'
import { mssqlStore, mysqlStore, textCodec, type ChangedSession, type SessionStore } from '../../../plugin/index.js'
import { newToken } from '../../../plugin/token.js'
import { makeDatabase } from '../../support/database.js'
import { makeFront, runsOnSqlServer } from '../../support/sql-server.js'

/*
 * Several sessions are updated in one statement, and each must be told its own outcome. All the statements of a test go
 * over one connection, so nothing that one of them left there may count for the next.
 */

const TTL = 3_600_000
const HEADER = 21

const STORES: Record<string, (t: Test) => Promise<SessionStore>> = {
  MySQL: async t => mysqlStore({ uri: (await makeDatabase(t)).url, connectionLimit: 1 }, { createTable: true, cleanupInterval: 0, storeTimeout: 60_000 }),
  'SQL Server': async t => {
    const { config } = await makeFront(t)
    return mssqlStore({ ...config, pool: { max: 1 } }, { createTable: true, cleanupInterval: 0, storeTimeout: 60_000 })
  }
}

for (const [name, makeStore] of Object.entries(STORES).filter(([name]) => name !== 'SQL Server' || runsOnSqlServer)) {
  for (const whole of [false, true]) {
    t.test(`${name}: in every mixed batch each session is told its own outcome, ${whole ? 'by all of its data' : 'by its header'}`, async t => {
      const store = await makeStore(t)
      await store.open({ warn () {}, error () {} })
      t.teardown(async () => { await store.close() })
      const table = new Rows(store, whole)
      const tokens = Array.from({ length: 5 }, newToken)
      for (const token of tokens) await table.insert(token)

      // S: as it was last seen; C: another request has changed it; G: it has been deleted.
      for (const outcomes of ['SSSSS', 'CSSSS', 'SCSCS', 'CCCCC', 'SSCCS', 'CCCCS', 'SSSSC', 'GSCSG', 'GCGCG', 'GGGGG', 'SSSSS', 'SC', 'CS', 'S', 'C', 'G', 'S', 'CC']) {
        const expected = [...outcomes].map(letter => ({ S: 'saved', C: 'changed', G: 'gone' })[letter])
        t.strictSame(await table.update(tokens, outcomes), expected, outcomes)
      }
    })
  }
}

/** The rows of a test, and what a request saw of each last. */
class Rows {
  readonly #store: SessionStore
  readonly #whole: boolean
  readonly #data = new Map<string, Uint8Array>()
  #count = 0

  constructor (store: SessionStore, whole: boolean) {
    this.#store = store
    this.#whole = whole
  }

  async insert (token: string): Promise<void> {
    const data = this.#encode()
    await this.#store.insert({ token, data, ttl: TTL })
    this.#data.set(token, data)
  }

  /** Updates the first sessions in one batch, and checks what the rows hold afterwards. */
  async update (tokens: readonly string[], outcomes: string): Promise<string[]> {
    const updates: ChangedSession[] = []
    for (const [i, letter] of [...outcomes].entries()) {
      const token = tokens[i] as string
      updates.push(this.#change(token))
      if (letter === 'C') {
        const other = this.#change(token)
        await this.#store.update(other)
        this.#data.set(token, other.data)
      }
      if (letter === 'G') await this.#store.delete(token)
    }
    const done = await Promise.all(updates.map(async update => await this.#store.update(update)))
    updates.forEach(({ token, data }, i) => { if (outcomes[i] === 'S') this.#data.set(token, data) })
    await this.#check(tokens, outcomes)
    return done.map(({ kind }) => kind)
  }

  async #check (tokens: readonly string[], outcomes: string): Promise<void> {
    const { sessions } = await this.#store.find(tokens)
    for (const [i, letter] of [...outcomes].entries()) {
      const token = tokens[i] as string
      const found = sessions.find(session => session.token === token)
      if (letter === 'G') await this.insert(token)
      else if (found === undefined || !Buffer.from(found.data).equals(this.#data.get(token) as Uint8Array)) throw new Error(`${outcomes}: the row of session ${i} is wrong`)
      if (letter === 'G' && found !== undefined) throw new Error(`${outcomes}: session ${i} came back`)
    }
  }

  #change (token: string): ChangedSession {
    const seen = this.#data.get(token) as Uint8Array
    return { token, data: this.#encode(), ttl: TTL, seen: this.#whole ? { bytes: seen, whole: true } : { bytes: seen.subarray(0, HEADER), whole: false } }
  }

  #encode (): Uint8Array {
    return textCodec.encode({ deadline: Date.now() + TTL, rememberMe: undefined, values: new Map([['n', this.#count++]]) })
  }
}
