/*
 * A process of its own that does exclusive work of one name many times. The parent sends the store's kind and source, and gets
 * a line for each begin and end: the time, by a clock that all processes of a machine share.
 */
import { once } from 'node:events'
import { setTimeout as sleep } from 'node:timers/promises'
import { memoryStore, mssqlStore, mysqlStore, type MssqlConfig } from '../../plugin/index.js'

/** What the parent sends. */
export interface ExclusiveJob {
  readonly kind: 'mysql' | 'mssql'
  readonly source: string | MssqlConfig
  readonly name: string
  readonly times: number
  /** After so many times its work no longer ends, so that it can be killed in the middle. Default never. */
  readonly endlessAfter?: number
}

/** What the parent gets: nanoseconds, as digits. */
export type ExclusiveNote = readonly ['begin' | 'end', string]

const LONG = 120_000
const OPTIONS = { createTable: true, cleanupInterval: 0, storeTimeout: LONG }

const [{ kind, source, name, times, endlessAfter = Infinity }] = await once(process, 'message') as [ExclusiveJob]
const store = kind === 'mysql' ? mysqlStore(source as string, OPTIONS) : kind === 'mssql' ? mssqlStore(source, OPTIONS) : memoryStore()
await store.open({ warn () {}, error () {} })
/** Waits until the note is on its way: a process that is killed has told what it had begun. */
const note = async (what: 'begin' | 'end') => await new Promise<void>(resolve => process.send?.([what, String(process.hrtime.bigint())] satisfies ExclusiveNote, () => resolve()))

let done = 0
const one = async () => {
  await store.exclusively?.(name, async () => {
    await note('begin')
    await sleep(done++ === endlessAfter ? 2 ** 31 - 1 : Math.random() * 3)
    await note('end')
  }, LONG)
}
// Two at a time, so that calls of one process compete too.
const half = async (n: number) => { for (let i = 0; i < n; i++) await one() }
await Promise.all([half(Math.ceil(times / 2)), half(Math.floor(times / 2))])
await store.close()
process.disconnect()
