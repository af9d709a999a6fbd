import type { Administration, OwnersCost, OwnersJob, OwnersTable } from '../apps/owners.js'
import { spread } from '../figures.js'
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
    lab.environment.push(`${requests} calls of each kind, of the store itself, without Fastify and HTTP; sessions of ${lab.bytes} bytes; the tables take turns, and a slice of 1,000 calls costs the lower quartile`)
    for (let round = 1; round <= rounds; round++) {
      const tables: OwnersTable[] = []
      for (const setting of SETTINGS) tables.push(await table(lab, setting))
      for (const { table: application, operation, cpu, databaseCpu } of await ask<OwnersCost[]>(lab, { tables, operations: requests })) {
        lab.figures.push({ operation, point: 64, application, round, cpu, databaseCpu, totalCpu: cpu + databaseCpu })
        console.error(`${operation} ${application} ${round}: ${cpu.toPrecision(3)} + ${databaseCpu.toPrecision(3)}`)
      }
    }
    for (const operation of OPERATIONS) lab.notes.push(...SETTINGS.slice(1).map(setting => `${operation} ${setting.title}: ${beside(lab, setting, operation)}`))

    const sessions = quick ? 20_000 : 1_000_000
    const large = await table(lab, SETTINGS[2])
    await fill(lab, large.database.database, sessions)
    for (const { what, sessions: found, milliseconds, statements, grown } of await ask<Administration[]>(lab, { tables: [large] })) {
      lab.notes.push(`among ${sessions} sessions, ${what}: ${milliseconds.toPrecision(3)} ms, ${statements} statements, ${found} sessions${grown === undefined ? '' : `; memory grew by ${Math.round(grown / 1024)} KB between the 20,000th session and the middle`}`)
    }
  }
}

/** An empty table of a setting. */
async function table (lab: Lab, { name, isThree, owners }: Setting): Promise<OwnersTable> {
  const { database } = await lab.mysql.prepare(name, buildIn().root)
  if (database === undefined) throw new Error('The database has no address')
  if (isThree) await lab.mysql.query('ALTER TABLE sessions DROP COLUMN owner')
  return { name, database: database as OwnersTable['database'], owners }
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

async function ask<T> (lab: Lab, job: Omit<OwnersJob, 'bytes' | 'pids'>): Promise<T> {
  const whole: OwnersJob = { ...job, bytes: lab.bytes, pids: lab.mysql.pids }
  return JSON.parse(await output(process.execPath, ['--expose-gc', moduleOf('owners'), JSON.stringify(whole)], { seconds: 600 })) as T
}

/** How much more it costs than without the column, round by round, in microseconds and per cent. */
function beside ({ figures, options: { rounds } }: Lab, { name }: Setting, operation: string): string {
  const of = (application: string, round: number, part: 'cpu' | 'databaseCpu' | 'totalCpu'): number =>
    figures.find(figure => figure.application === application && figure.operation === operation && figure.round === round)?.[part] ?? NaN
  const more = (part: 'cpu' | 'databaseCpu' | 'totalCpu'): string => {
    const all = Array.from({ length: rounds }, (_, i) => [of(name, i + 1, part), of(SETTINGS[0].name, i + 1, part)] as const)
    const { median, low, high } = spread(all.map(([own, rule]) => (own / rule - 1) * 100))
    return `${spread(all.map(([own, rule]) => own - rule)).median.toFixed(1)} µs, ${median.toFixed(1)} % (${low.toFixed(1)} to ${high.toFixed(1)})`
  }
  return `more CPU than without the column: application ${more('cpu')}; database ${more('databaseCpu')}; together ${more('totalCpu')}`
}
