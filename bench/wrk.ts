import { readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { read } from './kinds.js'
import type { Kind } from './kinds.js'
import { bench } from './paths.js'
import { output } from './processes.js'
import { need } from './tools.js'

/** What one run of the load showed. Latencies are in milliseconds. */
export interface Load {
  readonly requests: number
  readonly rate: number
  readonly p50: number
  readonly p99: number
  readonly max: number
  /** Answers of status 400 and above, and what was not answered. */
  readonly failed: number
}

export interface LoadOptions {
  /** One thread of wrk for each. */
  readonly ports: readonly number[]
  readonly connections: number
  readonly seconds: number
  /** The file of sessions to draw from. */
  readonly cookies: string
  /** The share of logged writes, 0 to 1. */
  readonly writes?: number
  /** What the other requests are. Default: two numbers are read. */
  readonly kind?: Kind
  /** Where writes and their acknowledgements are logged. */
  readonly log: string
}

const script = (name: string): string => fileURLToPath(new URL(`wrk/${name}.lua`, bench))
const wrk = (): string => need('it makes the load; install the package wrk', 'wrk')

// Every run of the load writes other values, so that an answer of an earlier run is never taken for one of this.
let firstValue = 0

/** Requests as fast as they are answered. */
export async function load ({ ports, connections, seconds, cookies, writes = 0, kind = read, log }: LoadOptions): Promise<Load> {
  firstValue += 100_000_000
  const printed = await output(wrk(), [
    `-t${ports.length}`, `-c${Math.max(connections, ports.length)}`, `-d${seconds}s`, '--timeout', '10s', '-s', script('load'),
    `http://127.0.0.1:${ports[0]}/`
  ], {
    seconds: seconds + 30,
    env: {
      ...process.env,
      BENCH_PORTS: ports.join(),
      BENCH_COOKIES: cookies,
      BENCH_REQUEST: kind.request,
      BENCH_ANONYMOUS: kind.isAnonymous === true ? '1' : '0',
      BENCH_WRITES: String(writes),
      BENCH_FIRST_VALUE: String(firstValue),
      BENCH_LOG: log
    }
  })
  const result = JSON.parse(/^RESULT (.+)$/m.exec(printed)?.[1] ?? 'null') as Record<string, number> | null
  if (result === null) throw new Error(`wrk printed no result: ${printed}`)
  const { requests = 0, microseconds = 0, p50 = 0, p99 = 0, max = 0, failed = 0 } = result
  return { requests, rate: requests / microseconds * 1e6, p50: p50 / 1000, p99: p99 / 1000, max: max / 1000, failed }
}

/** Makes sessions of as many bytes by signing in, and writes their numbers and cookies to a file. */
export async function signIn (port: number, sessions: number, bytes: number, cookies: string): Promise<void> {
  const seconds = 60 + Math.ceil(sessions / 1000)
  await output(wrk(), ['-t1', '-c64', `-d${seconds}s`, '--timeout', '10s', '-s', script('seed'), `http://127.0.0.1:${port}/`], {
    seconds: seconds + 30,
    env: {
      ...process.env,
      BENCH_PORTS: String(port),
      BENCH_COOKIES: cookies,
      BENCH_SESSIONS: String(sessions),
      BENCH_BYTES: String(bytes)
    }
  })
}

/** One line of a log of writes: a value was sent, or acknowledged. */
export interface LogLine {
  readonly acknowledged: boolean
  readonly id: string
  readonly value: number
  /** In microseconds. */
  readonly time: number
}

/** What the threads of the last run have logged. */
export function * readLog (log: string): Generator<LogLine> {
  for (const file of readdirSync(dirname(log)).filter((name) => name.startsWith(`${basename(log)}.`))) {
    for (const line of readFileSync(join(dirname(log), file), 'utf8').split('\n')) {
      const [kind, id, value, time] = line.split('\t')
      // The last line may be cut where wrk ended.
      if (time !== undefined && id !== undefined) yield { acknowledged: kind === 'a', id, value: Number(value), time: Number(time) }
    }
  }
}
