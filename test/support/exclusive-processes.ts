import type { Test } from 'tap'
import type { ExclusiveJob, ExclusiveNote } from './worker-exclusive.js'
import { startWorker } from './worker.js'

/**
 * Lets several processes do exclusive work of one name, and kills the first in the middle of its work: no two work at once, and none
 * waits for ever.
 *
 * @param sources the source of each process's store
 */
export async function neverAtOnce (t: Test, job: Omit<ExclusiveJob, 'source' | 'endlessAfter'>, sources: ReadonlyArray<ExclusiveJob['source']>): Promise<void> {
  const endlessAfter = Math.floor(job.times / 2)
  const [killed = [], ...others] = await Promise.all(sources.map(async (source, i) => await runsOf(t, i === 0 ? { ...job, source, endlessAfter } : { ...job, source })))
  t.equal(killed.length, endlessAfter + 1, 'one was killed in the middle of its work')
  for (const runs of others) t.equal(runs.length, job.times, 'the others have done all of theirs')
  const all = [killed, ...others].flat().sort((a, b) => a.begin < b.begin ? -1 : 1)
  const overlaps = all.filter(({ begin }, i) => i > 0 && begin < (all[i - 1] as Run).end)
  t.equal(overlaps.length, 0, 'no two at once')
  const turns = all.filter((run, i) => i > 0 && killed.includes(run) !== killed.includes(all[i - 1] as Run)).length
  t.ok(turns > 2, `they took turns (${turns} changes to or from the one that was killed)`)
}

/** When work began and ended, in nanoseconds of a clock that all processes share. */
interface Run {
  readonly begin: bigint
  readonly end: bigint
}

/** Lets a process do its job, and gives what it did. A process whose work no longer ends is killed. That work has lasted at least until the kill. */
async function runsOf (t: Test, job: ExclusiveJob): Promise<Run[]> {
  const worker = startWorker(t, 'worker-exclusive')
  worker.send(job)
  const runs: Run[] = []
  let begin: bigint | undefined
  for (;;) {
    const note = await worker.next().catch(() => undefined) as ExclusiveNote | undefined
    if (note === undefined) break
    const [what, time] = note
    if (what === 'end' && begin !== undefined) {
      runs.push({ begin, end: BigInt(time) })
      begin = undefined
    } else {
      begin = BigInt(time)
      if (runs.length !== job.endlessAfter) continue
      const killed = process.hrtime.bigint()
      worker.kill()
      runs.push({ begin, end: killed })
      break
    }
  }
  await (job.endlessAfter === undefined ? worker.ended : worker.ended.catch(() => {}))
  return runs
}
