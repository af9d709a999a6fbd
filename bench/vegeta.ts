import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { randomInt } from 'node:crypto'
import { output, removeFolder, temporaryFolder } from './processes.js'
import { find, goBuild } from './tools.js'
import type { Load } from './wrk.js'

export interface PacedOptions {
  readonly port: number
  readonly cookies: ReadonlyMap<string, string>
  /** Requests per second. */
  readonly rate: number
  readonly seconds: number
  /** The share of writes, 0 to 1. */
  readonly writes: number
}

let program: Promise<string | undefined> | undefined

/** Vegeta, from PATH or built from its Go module; undefined where neither is. */
export function vegeta (): Promise<string | undefined> {
  const installed = find('vegeta')
  program ??= installed === undefined ? goBuild('vegeta', 'github.com/tsenart/vegeta/v12') : Promise.resolve(installed)
  return program
}

let value = 0

/**
 * Requests at a fixed rate, sent when they are due whether or not earlier ones have been answered: what wrk and autocannon
 * cannot do, which wait for an answer before they send again and so leave out of the tail what would have waited.
 */
export async function paced ({ port, cookies, rate, seconds, writes }: PacedOptions): Promise<Load> {
  const attacker = await vegeta()
  if (attacker === undefined) throw new Error('vegeta is not installed, and there is no Go to build it with')
  const folder = temporaryFolder()
  const sessions = [...cookies]
  const targets = Array.from({ length: Math.ceil(rate * seconds) }, () => {
    const [id, cookie] = sessions[randomInt(sessions.length)] ?? ['', '']
    const write = Math.random() < writes
    const path = write ? `write/${id}/${++value}` : `read/${id}`
    return JSON.stringify({ method: write ? 'POST' : 'GET', url: `http://127.0.0.1:${port}/${path}`, header: { Cookie: [cookie] } })
  })
  const file = join(folder, 'targets')
  const answers = join(folder, 'answers')
  writeFileSync(file, targets.join('\n'))
  await output(attacker, [
    'attack', '-format=json', `-targets=${file}`, `-rate=${rate}/1s`, `-duration=${seconds}s`, '-timeout=10s', `-output=${answers}`
  ], { seconds: seconds + 30 })
  const report = JSON.parse(await output(attacker, ['report', '-type=json', answers])) as {
    latencies: Record<'50th' | '99th' | 'max', number>, requests: number, rate: number, success: number
  }
  removeFolder(folder)
  return {
    requests: report.requests,
    rate: report.rate,
    p50: report.latencies['50th'] / 1e6,
    p99: report.latencies['99th'] / 1e6,
    max: report.latencies.max / 1e6,
    failed: Math.round(report.requests * (1 - report.success))
  }
}
