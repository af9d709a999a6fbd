/*
 * The test suite of the contract in store.ts, for any test runner: `fastify-sql-sessions/testing`.
 */
import type { SessionStore } from '../store.js'
import { DATA } from './data.js'
import { DELETE } from './delete.js'
import { EXCLUSIVE } from './exclusive.js'
import { FIND } from './find.js'
import { INSERT } from './insert.js'
import { LIFE } from './life.js'
import { OWNERS } from './owners.js'
import { REWRITE } from './rewrite.js'
import { SCAN } from './scan.js'
import type { Cases } from './sessions.js'
import { TOKENS } from './tokens.js'
import { TOUCH } from './touch.js'
import { UPDATE } from './update.js'

/** One case of the suite. */
export interface ContractTest {
  /** What the store does, as a sentence. */
  readonly name: string
  /** Makes a store, tries it, and closes it. Rejects with an AssertionError if the store breaks the contract. */
  readonly run: () => Promise<void>
}

/**
 * Returns the cases of the suite, for `node:test` or any other runner whose `test` takes a name and a function:
 *
 *     import { test } from 'node:test'
 *     import { storeContract } from 'fastify-sql-sessions/testing'
 *
 *     for (const { name, run } of storeContract(() => myStore(url))) test(name, run)
 *
 * Run them one after the other. They leave the live sessions alone that are already in the table.
 *
 * @param makeStore makes a store for one case, whose cleanup must not run within a minute. The case opens the store and
 *   closes it. All stores may share one table.
 */
export function storeContract (makeStore: () => SessionStore | Promise<SessionStore>): ContractTest[] {
  return Object.entries(CASES).map(([name, run]) => ({
    name,
    run: async () => {
      const store = await makeStore()
      await store.open(SILENT)
      try {
        await run(store)
      } finally {
        await store.close()
      }
    }
  }))
}

const SILENT = { warn () {}, error () {} }

/** The scans come first: later their tables hold what the other cases have left. */
const CASES: Cases = { ...SCAN, ...FIND, ...TOKENS, ...INSERT, ...UPDATE, ...TOUCH, ...DELETE, ...REWRITE, ...DATA, ...OWNERS, ...EXCLUSIVE, ...LIFE }
