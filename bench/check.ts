import { Agent, request } from 'node:http'
import { readFileSync } from 'node:fs'
import { readLog } from './wrk.js'

/** What a session may hold after a load; undefined for anything. */
type Expected = ReadonlyMap<string, (value: number) => boolean>

/** A cookie file as a map from session to cookie. */
export function readCookies (file: string): Map<string, string> {
  const lines = readFileSync(file, 'utf8').split('\n').filter((line) => line !== '')
  return new Map(lines.map((line) => line.split('\t') as [string, string]))
}

/**
 * What each session that was written may hold: of two writes under way at once either may be the later one, but never one
 * that was acknowledged before another, itself acknowledged, was sent.
 */
export function expectedAfter (log: string): Expected {
  interface Write { sent: number, acknowledged: number }
  const sessions = new Map<string, Map<number, Write>>()
  for (const { acknowledged, id, value, time } of readLog(log)) {
    let writes = sessions.get(id)
    if (writes === undefined) sessions.set(id, writes = new Map())
    const write = writes.get(value)
    // A mixed load logs answers to reads too: of a value written in an earlier run, or again of one of this run.
    if (!acknowledged) writes.set(value, { sent: time, acknowledged: Infinity })
    else if (write !== undefined && write.acknowledged === Infinity) write.acknowledged = time
  }
  const expected = new Map<string, (value: number) => boolean>()
  for (const [id, writes] of sessions) {
    const acknowledged = [...writes.values()].filter((write) => write.acknowledged < Infinity)
    if (acknowledged.length === 0) continue
    const lastSent = acknowledged.reduce((last, { sent }) => Math.max(last, sent), 0)
    expected.set(id, (value) => {
      const write = writes.get(value)
      return write !== undefined && write.acknowledged >= lastSent
    })
  }
  return expected
}

/**
 * Reads sessions through the application, 32 at a time, and says what is wrong: an answer that is not of the session, or a
 * value that is not the last that was acknowledged.
 */
export async function wrongSessions (
  port: number, cookies: ReadonlyMap<string, string>, ids: readonly string[], expected?: Expected
): Promise<string[]> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const wrong: string[] = []
  const left = [...ids]
  async function readOn (): Promise<void> {
    for (let id = left.pop(); id !== undefined; id = left.pop()) {
      const { status, text } = await get(agent, port, `/read/${id}`, cookies.get(id) ?? '')
      if (status !== 200) {
        wrong.push(`session ${id} was answered with ${status}: ${text}`)
        continue
      }
      const answer = JSON.parse(text) as { value?: number }
      const asExpected = expected?.get(id)
      if (asExpected !== undefined && !asExpected(Number(answer.value))) wrong.push(`session ${id} has lost its last write: ${text}`)
    }
  }
  await Promise.all(Array.from({ length: 32 }, readOn))
  agent.destroy()
  return wrong
}

/** The sum of the counters of these sessions. Throws if one cannot be read. */
export async function sumOfCounters (port: number, cookies: ReadonlyMap<string, string>): Promise<number> {
  const agent = new Agent({ keepAlive: true, maxSockets: 32 })
  const counts = await Promise.all(Array.from(cookies, async ([id, cookie]) => {
    const { status, text } = await get(agent, port, `/counter/${id}`, cookie)
    if (status !== 200) throw new Error(`session ${id} was answered with ${status}: ${text}`)
    return Number((JSON.parse(text) as { value?: number }).value)
  }))
  agent.destroy()
  return counts.reduce((sum, count) => sum + count, 0)
}

function get (agent: Agent, port: number, path: string, cookie: string): Promise<{ status: number | undefined, text: string }> {
  return new Promise((resolve, reject) => {
    request({ agent, host: '127.0.0.1', port, path, headers: { cookie }, timeout: 10_000 }, (response) => {
      let text = ''
      response.setEncoding('utf8').on('data', (part: string) => { text += part }).on('end', () => resolve({ status: response.statusCode, text })).on('error', reject)
    }).on('error', reject).end()
  })
}
