import fc from 'fast-check'
import type { SessionStore } from '../../plugin/index.js'
import type { Test } from 'tap'
import { Player } from './player.js'
import { APPLICATIONS, schedules } from './schedule.js'

/** `npm run fuzz -- schedules` sets this. Otherwise each run of the tests has another seed, which a failure tells. */
export const SEED = Number(process.env['FUZZ_SEED'] || Date.now() % 2 ** 31)

/** Plays so many random schedules on applications, each on a store that this makes. */
export async function playAll (t: Test, runs: number, makeStore: () => SessionStore): Promise<void> {
  const stores = Array.from({ length: APPLICATIONS }, makeStore)
  const player = new Player(stores[0] as SessionStore)
  t.teardown(async () => { await player.close() })
  for (const store of stores) await player.addApplication(store)
  await fc.assert(fc.asyncProperty(schedules, async schedule => { await player.play(schedule) }), { numRuns: runs, seed: SEED })
}
