import type { Test } from 'tap'
import type { SessionStore } from '../../stores/store.js'
import { storeContract } from '../../stores/testing/index.js'

/** At least one case for every method and every statement of a store. */
const BRIEF: readonly string[] = [
  'scan returns neither expired sessions nor the old tokens of renewed sessions',
  'deleteExpired deletes at most as many rows as asked, and returns how many',
  'find returns the live sessions among the tokens asked for',
  'insert writes nothing if the token exists, and returns false',
  'update replaces the data and the expiry of what the caller saw',
  'update writes nothing if the session has changed, and returns the new data',
  'touch moves the expiry and keeps the data',
  'delete ends one session and no other',
  'rewrite inserts, updates and deletes in one step',
  'a session that was moved lives on only under its new token',
  'data comes back byte by byte',
  'count counts the live sessions',
  'scan of an owner returns the live sessions of this owner and no others',
  'an update without an owner keeps the owner, and one with an owner changes it',
  'rewrite writes owners, and a session that was moved is no longer its owner\'s under the old token',
  'exclusive work resolves to its result, and may use the store'
]

/** The cases that stop the store or its cleanup. */
const STOPPING: readonly string[] = [
  'the cleanup can be stopped at any time and any number of times',
  'close waits for the operations that are running, and may be called again'
]

/** Runs the contract's suite, with a store for each case. */
export async function runContract (t: Test, makeStore: () => SessionStore): Promise<void> {
  for (const { name, run } of storeContract(makeStore)) await t.test(name, run)
}

/** Runs the contract's suite, with one store for all cases that do not stop it: to connect 79 times takes long. */
export async function runContractOnOneStore (t: Test, makeStore: () => SessionStore): Promise<void> {
  const store = makeStore()
  await store.open({ warn () {}, error () {} })
  const close = store.close.bind(store)
  t.teardown(close)
  const kept = Object.assign(store, { open: async () => {}, close: async () => {} })
  const cases = storeContract(() => kept).filter(({ name }) => !STOPPING.includes(name))
  const others = storeContract(makeStore).filter(({ name }) => STOPPING.includes(name))
  t.equal(others.length, STOPPING.length)
  for (const { name, run } of [...cases, ...others]) await t.test(name, run)
}

/** Runs a few of its cases, where only a setting differs from a store that the whole suite runs on. */
export async function runBriefly (t: Test, makeStore: () => SessionStore): Promise<void> {
  const cases = storeContract(makeStore).filter(({ name }) => BRIEF.includes(name))
  t.equal(cases.length, BRIEF.length)
  for (const { name, run } of cases) await t.test(name, run)
}
