/* Work that is done by one request at a time, or once at all, across processes, one of which is killed. */
import type { Test } from 'tap'
import { dataOf, makeApplication, newSession, onEachDatabase, type Place } from '../../support/application.js'
import type { OnceJob, OnceNote } from '../../support/worker-once.js'
import { startWorker } from '../../support/worker.js'

const times = ({ name }: Place) => name === 'mysql' ? 40 : 12

/** Lets a process do its job, and gives what it has told. One whose work no longer ends is killed in it. */
async function notesOf (t: Test, job: OnceJob): Promise<OnceNote[]> {
  const worker = startWorker(t, 'worker-once')
  worker.send(job)
  const notes: OnceNote[] = []
  for (;;) {
    const note = await worker.next().catch(() => undefined) as OnceNote | undefined
    if (note === undefined) break
    notes.push(note)
    if (note.what !== 'begin' || notes.filter(({ what }) => what === 'begin').length <= (job.endlessAfter ?? Infinity)) continue
    worker.kill()
    notes.push({ what: 'end', time: String(process.hrtime.bigint()) })
    break
  }
  await (job.endlessAfter === undefined ? worker.ended : worker.ended.catch(() => {}))
  return notes
}

onEachDatabase('exclusive work of one session never runs in two of three processes at once, though one is killed in the middle, and every count counts', async (t, place) => {
  const { options } = place
  const application = makeApplication(t, options)
  const token = await newSession(application, { user: 'ada' })
  const job: OnceJob = { options, token, deed: 'count', times: times(place) }
  const notes = await Promise.all([1, 2, 3].map(async i => await notesOf(t, i === 1 ? { ...job, endlessAfter: Math.floor(job.times / 2) } : job)))
  const runs = notes.flatMap(own => own.flatMap((note, i) => {
    const end = own[i + 1]
    return note.what === 'begin' && end?.what === 'end' ? [{ begin: BigInt(note.time), end: BigInt(end.time) }] : []
  })).sort((a, b) => a.begin < b.begin ? -1 : 1)
  t.equal(runs.length, 2 * 2 * job.times + Math.floor(job.times / 2) + 1)
  t.equal(runs.filter(({ begin }, i) => i > 0 && begin < (runs[i - 1] as { end: bigint }).end).length, 0, 'no two at once')
  t.strictSame(await dataOf(application, token), { n: runs.length - 1, user: 'ada' }, 'all but the one that was killed have counted')
})

onEachDatabase('of four requests in two processes that take a value, one gets it, many times', async (t, place) => {
  const { options } = place
  const application = makeApplication(t, options)
  const codes = Object.fromEntries(Array.from({ length: times(place) }, (_, i) => [`code${i}`, i]))
  const token = await newSession(application, { user: 'ada', ...codes })
  const job: OnceJob = { options, token, deed: 'take', times: times(place) }
  const notes = (await Promise.all([1, 2].map(async () => await notesOf(t, job)))).flat()
  t.equal(notes.length, 4 * job.times)
  const taken = notes.flatMap(note => note.what === 'taken' && note.value !== null ? [[note.key, note.value] as const] : [])
  t.equal(taken.length, job.times)
  t.strictSame(Object.fromEntries(taken), codes)
  t.strictSame(await dataOf(application, token), { user: 'ada' })
})
