import type { Administration, OwnersCost, OwnersJob } from '../apps/owners.js'
import { spread } from '../figures.js'
import type { Measured } from '../figures.js'
import type { Lab } from '../lab.js'
import { buildIn } from '../packages.js'
import { output } from '../processes.js'
import { moduleOf } from '../running.js'
import type { Series } from './series.js'

/** What is compared: the same store on three tables. The first is the rule for the others. */
const SETTINGS = [
  { name: 'ours-three-columns', title: 'without the column owner', isThree: true, owners: false },
  { name: 'ours-column', title: 'with the column, without the option owners', isThree: false, owners: false },
  { name: 'ours-owners', title: 'with the option owners', isThree: false, owners: true }
] as const
type Setting = typeof SETTINGS[number]
const OPERATIONS = ['find', 'update', 'insert']

/** Sessions of one owner. */
const BUSY = 1000

export const owners: Series = {
  name: 'owners',
  title: 'Owners of sessions: what they cost, and what they make possible',
  axis: 'calls under way',
  unit: 'totalCpu',
  columns: ['cpu', 'databaseCpu', 'totalCpu'],
  isOptional: true,
  async run (lab) {
    const { rounds, requests, quick } = lab.options
    await lab.openDatabase(2048)
    lab.environment.push(`${requests} calls of each kind, of the store itself, without Fastify and HTTP; sessions of ${lab.bytes} bytes`)
    const costs = new Map<string, OwnersCost[][]>(SETTINGS.map(({ name }) => [name, []]))
    for (let round = 1; round <= rounds; round++) {
      const turns = SETTINGS.map(setting => ({ ...setting, application: { name: setting.name, title: setting.title, store: 'mysql' as const }, point: 64 }))
      await lab.roundOfMany(OPERATIONS, turns, round, async setting => {
        const measured = await ask<OwnersCost[]>({ ...await table(lab, setting), operations: requests })
        costs.get(setting.name)?.push(measured)
        return measured.map(({ cpu, databaseCpu }): Measured => ({ cpu, databaseCpu, totalCpu: cpu + databaseCpu }))
      })
    }
    for (const operation of OPERATIONS) lab.notes.push(...SETTINGS.slice(1).map(setting => `${operation} ${setting.title}: ${beside(costs, setting, operation)}`))

    const sessions = quick ? 20_000 : 1_000_000
    const job = await table(lab, SETTINGS[2])
    await fill(lab, job.database.database, sessions)
    for (const { what, sessions: found, milliseconds, statements, grown } of await ask<Administration[]>(job)) {
      lab.notes.push(`among ${sessions} sessions, ${what}: ${milliseconds.toPrecision(3)} ms, ${statements} statements, ${found} sessions${grown === undefined ? '' : `; memory grew by ${Math.round(grown / 1024)} KB between the 20,000th session and the middle`}`)
    }
  }
}

/** An empty table of a setting. */
async function table (lab: Lab, { name, isThree, owners }: Setting): Promise<Omit<OwnersJob, 'operations'>> {
  const { database } = await lab.mysql.prepare(name, buildIn().root)
  if (database === undefined) throw new Error('The database has no address')
  if (isThree) await lab.mysql.query('ALTER TABLE sessions DROP COLUMN owner')
  return { database: database as OwnersJob['database'], owners, bytes: lab.bytes, pids: lab.mysql.pids }
}

/** Makes sessions, five of each user and a thousand of one. */
async function fill (lab: Lab, database: string, sessions: number): Promise<void> {
  const digits = '(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)'
  for (let from = 0; from < sessions; from += 10_000) {
    await lab.mysql.query(`INSERT INTO ${database}.sessions (token, data, expiry, owner)
      SELECT LEFT(REPLACE(REPLACE(TO_BASE64(UNHEX(SHA2(n, 256))), '+', '-'), '/', '_'), 43),
        REPEAT('x', ${lab.bytes}), UTC_TIMESTAMP(6) + INTERVAL 2 DAY + INTERVAL n MICROSECOND,
        IF(n < ${BUSY}, 'busy', CONCAT('user-', n DIV 5))
      FROM (SELECT ${from} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n
        FROM ${digits} a, ${digits} b, ${digits} c, ${digits} e) numbers`)
  }
  await lab.mysql.query(`ANALYZE TABLE ${database}.sessions`)
}

async function ask<T> (job: OwnersJob): Promise<T> {
  return JSON.parse(await output(process.execPath, ['--expose-gc', moduleOf('owners'), JSON.stringify(job)], { seconds: 600 })) as T
}

/** How much more it costs than without the column, round by round, in per cent. */
function beside (costs: ReadonlyMap<string, readonly OwnersCost[][]>, { name }: Setting, operation: string): string {
  const of = (setting: string, round: number, part: 'cpu' | 'databaseCpu'): number => costs.get(setting)?.[round]?.find(cost => cost.operation === operation)?.[part] ?? NaN
  const total = (setting: string, round: number): number => of(setting, round, 'cpu') + of(setting, round, 'databaseCpu')
  const rounds = costs.get(name)?.length ?? 0
  const more = (part: (setting: string, round: number) => number): string => {
    const { median, low, high } = spread(Array.from({ length: rounds }, (_, round) => (part(name, round) / part(SETTINGS[0].name, round) - 1) * 100))
    return `${median.toFixed(1)} % (${low.toFixed(1)} to ${high.toFixed(1)})`
  }
  return `application ${more((setting, round) => of(setting, round, 'cpu'))}, database ${more((setting, round) => of(setting, round, 'databaseCpu'))}, together ${more(total)} more CPU than without the column`
}
