import { randomBytes } from 'node:crypto'
import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import { performance } from 'node:perf_hooks'
import { setTimeout as sleep } from 'node:timers/promises'
import { createConnection } from 'mysql2/promise'
import { readCookies } from '../check.js'
import { spread } from '../figures.js'
import type { Lab } from '../lab.js'
import type { Running } from '../running.js'
import { paced, vegeta } from '../vegeta.js'
import type { Series } from './series.js'

const rate = 1000

export const cleanup: Series = {
  name: 'cleanup',
  title: 'Cleanup of expired rows beside traffic',
  axis: 'expired rows',
  unit: 'p99',
  async run (lab) {
    if (await vegeta() === undefined) {
      lab.notes.push('left out: it needs vegeta, or Go to build it')
      return
    }
    await lab.openDatabase()
    const [ours] = lab.available(['ours'])
    if (ours === undefined) return
    const expired = lab.options.quick ? 20_000 : 1_000_000
    lab.environment.push(`traffic of ${rate} requests/s, half of them writes, by vegeta; sessions of ${lab.bytes} bytes`)

    const waits: Record<'without' | 'with', number[]> = { without: [], with: [] }
    const ratios: number[] = []
    const statements: number[] = []
    for (let round = 1; round <= lab.options.rounds; round++) {
      const p99: number[] = []
      for (const rows of [0, expired]) {
        // Without expired rows the cleanup is off altogether.
        // The log is turned on first: it counts for connections that are opened from then on.
        const log = await slowLog(lab)
        const running = await lab.start(ours, {
          settings: { cleanupInterval: rows > 0 ? 1000 : 0 }, suffix: '-cleanup', prepared: () => makeExpired(lab, rows)
        })
        const { measured, longest, seconds } = await watch(lab, running, rows)
        p99.push(measured.p99)
        waits[rows > 0 ? 'with' : 'without'].push(longest)
        const { requests: _, ...figure } = measured
        lab.figures.push({ operation: 'traffic', point: rows, application: ours.name, round, ...figure })
        console.error(`cleanup of ${rows} ${round}: p99 ${measured.p99.toPrecision(3)} ms, longest wait beside ${longest.toPrecision(3)} ms, ${seconds} s`)
        if (rows > 0) statements.push(...await log())
        await lab.stopApplications()
      }
      ratios.push((p99[1] ?? NaN) / (p99[0] ?? NaN))
    }
    const text = (values: readonly number[]): string => {
      const { median, low, high } = spread(values)
      return `${median.toPrecision(3)} (${low.toPrecision(3)}–${high.toPrecision(3)})`
    }
    lab.notes.push(
      `p99 of the traffic with the cleanup over p99 without: ${text(ratios)}`,
      `longest wait of a writer on rows beside the range, ms: ${text(waits.with)} with, ${text(waits.without)} without`
    )
    if (statements.length > 0) {
      statements.sort((a, b) => a - b)
      const at = (share: number): string => ((statements[Math.ceil(statements.length * share) - 1] ?? NaN) * 1000).toPrecision(3)
      lab.notes.push(`the cleanup's own ${statements.length} statements, ms: p50 ${at(0.5)}, p99 ${at(0.99)}, longest ${at(1)}`)
    }
  }
}

/** Fills the table with expired rows. Their tokens are spread over the whole table, as real ones are. */
async function makeExpired (lab: Lab, rows: number): Promise<void> {
  const digits = '(SELECT 0 AS d UNION SELECT 1 UNION SELECT 2 UNION SELECT 3 UNION SELECT 4 UNION SELECT 5 UNION SELECT 6 UNION SELECT 7 UNION SELECT 8 UNION SELECT 9)'
  for (let from = 0; from < rows; from += 10_000) {
    await lab.mysql.query(`INSERT INTO bench_ours_cleanup.sessions (token, data, expiry)
      SELECT LEFT(REPLACE(REPLACE(TO_BASE64(UNHEX(SHA2(CONCAT('expired ', n), 256))), '+', '-'), '/', '_'), 43),
        REPEAT('x', 300), UTC_TIMESTAMP(6) - INTERVAL 2 DAY - INTERVAL n MICROSECOND
      FROM (SELECT ${from} + a.d + 10 * b.d + 100 * c.d + 1000 * e.d AS n
        FROM ${digits} a, ${digits} b, ${digits} c, ${digits} e) numbers`)
  }
}

/** Traffic at the fixed rate until the expired rows are gone, and a writer on the rows that come next in the index. */
async function watch (lab: Lab, running: Running, rows: number): Promise<{
  measured: Awaited<ReturnType<typeof paced>>, longest: number, seconds: number
}> {
  const seconds = lab.options.quick ? 5 : 60
  const ended = new AbortController()
  const writer = writeBeside(lab, ended.signal)
  const measured = await paced({
    port: running.ports[0] ?? 0, cookies: readCookies(running.cookies), rate, seconds, writes: 0.5
  })
  ended.abort()
  const longest = await writer
  if (rows > 0) {
    const [left] = await lab.mysql.query(
      'SELECT COUNT(*) AS n FROM bench_ours_cleanup.sessions WHERE expiry < UTC_TIMESTAMP(6)'
    ) as Array<{ n: number }>
    lab.notes.push(`of ${rows} expired rows ${rows - (left?.n ?? 0)} were removed within the ${seconds} s that were measured`)
  }
  return { measured, longest, seconds }
}

/** Updates and inserts rows that expire soon, right beside the expired ones in the index; the longest wait in ms. */
async function writeBeside (lab: Lab, ended: AbortSignal): Promise<number> {
  const connection = await createConnection({ ...lab.mysqlLogin, database: 'bench_ours_cleanup' })
  const tokens: string[] = []
  let longest = 0
  while (!ended.aborted) {
    const insert = tokens.length < 100 || Math.random() < 0.1
    const token = insert ? randomBytes(32).toString('base64url') : tokens[Math.floor(Math.random() * tokens.length)]
    if (insert && token !== undefined) tokens.push(token)
    const sent = performance.now()
    await connection.query(insert
      ? "INSERT INTO sessions (token, data, expiry) VALUES (?, REPEAT('y', 300), UTC_TIMESTAMP(6) + INTERVAL 10 MINUTE)"
      : "UPDATE sessions SET data = REPEAT('z', 300), expiry = UTC_TIMESTAMP(6) + INTERVAL 10 MINUTE WHERE token = ?", [token])
    longest = Math.max(longest, performance.now() - sent)
    await sleep(5)
  }
  await connection.end()
  return longest
}

/**
 * Has a private server log every statement with its time, and returns a function that reads those of the cleanup, in
 * seconds. What a server that is not ours logs cannot be read.
 */
async function slowLog (lab: Lab): Promise<() => Promise<number[]>> {
  if (lab.server === undefined) return async () => []
  const file = join(lab.server.folder, `slow-${Date.now()}`)
  await lab.mysql.query(`SET GLOBAL slow_query_log_file = '${file}', GLOBAL long_query_time = 0, GLOBAL slow_query_log = 1`)
  return async () => {
    await lab.mysql.query('SET GLOBAL slow_query_log = 0')
    const entries = readFileSync(file, 'utf8').split(/^# User@Host:/m)
    return entries.flatMap((entry) => {
      const time = /^# Query_time: ([0-9.]+)/m.exec(entry)?.[1]
      const ofCleanup = /\b(DELETE|SELECT)\b[^;]*\bexpiry\s*<=?/i.test(entry) && !/\b(UPDATE|COUNT)\b/.test(entry)
      return time !== undefined && ofCleanup ? Number(time) : []
    })
  }
}
