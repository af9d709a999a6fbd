import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { readFile, rm, writeFile } from 'node:fs/promises'
import { createInterface } from 'node:readline'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { makeDatabase } from '../support/database.js'
import { until } from '../support/until.js'

const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))

/** The program of a page, running. */
interface Running {
  readonly origin: string
  /** What it has printed. */
  readonly printed: readonly string[]
}

/** Runs the program of a page as it stands there, until the test is over. */
async function run (t: Test, page: string): Promise<Running> {
  const [, program = ''] = /```js\n(.*?)```/s.exec(await readFile(at(`docs/${page}.md`), 'utf8')) ?? []
  // In the package, so that it finds the packages that it imports, this one among them.
  const file = at(`dist/${page}-${process.pid}.mjs`)
  await writeFile(file, program)
  t.teardown(async () => { await rm(file) })
  const { url } = await makeDatabase(t)
  const child = spawn(process.execPath, [file], { env: { ...process.env, MYSQL_URL: url, PORT: '0' }, stdio: ['ignore', 'pipe', 'inherit'] })
  t.teardown(async () => {
    if (child.exitCode !== null) return
    const exited = once(child, 'exit')
    child.kill()
    await exited
  })
  const lines = createInterface(child.stdout)
  const printed: string[] = []
  const [origin] = await Promise.race([once(lines, 'line'), once(child, 'exit').then(([code]) => { throw new Error(`The program has ended with the code ${code}.`) })]) as [string]
  lines.on('line', line => { printed.push(line) })
  return { origin: origin.replace('[::1]', 'localhost'), printed }
}

async function signIn (origin: string): Promise<{ cookie: string }> {
  const response = await fetch(`${origin}/login`, { method: 'POST' })
  return { cookie: response.headers.getSetCookie()[0]?.split(';')[0] ?? '' }
}

t.test('the page on Prometheus runs, and shows what it says', async t => {
  const { origin } = await run(t, 'prometheus')
  const headers = await signIn(origin)
  const answers = await Promise.all(Array.from({ length: 20 }, async () => await (await fetch(`${origin}/me`, { headers })).json()))
  t.strictSame(answers, Array.from({ length: 20 }, () => ({ userId: 42 })))
  const metrics = await (await fetch(`${origin}/metrics`)).text()
  const page = await readFile(at('docs/prometheus.md'), 'utf8')
  const shown = [...page.matchAll(/^sessions_\w+(\{.*\})? \d+$/gm)].map(([line]) => line)
  t.equal(shown.length, 6)
  for (const line of shown) t.ok(metrics.split('\n').includes(line), line)
  const queried = new Set([...page.matchAll(/\bsessions_\w+/g)].map(([name]) => name.replace(/_(bucket|sum|count)$/, '')))
  for (const name of queried) t.match(metrics, new RegExp(`^# TYPE ${name} `, 'm'), name)
})

t.test('the page on OpenTelemetry runs: a statement has a link to each request that has waited for it', async t => {
  const { origin, printed } = await run(t, 'opentelemetry')
  const headers = await signIn(origin)
  await Promise.all([1, 2, 3].map(async () => await (await fetch(`${origin}/me`, { headers })).json()))
  const spans = () => printed.join('\n').split(/^\}$/m)
  const of = (name: string) => spans().filter(span => span.includes(`name: '${name}'`))
  await until(async () => of('GET /me').length === 3)
  const traceOf = (span: string) => /^ {2}traceId: '(\w+)'/m.exec(span)?.[1] ?? ''
  const linked = of('sessions find').flatMap(span => [...span.slice(span.indexOf('links:')).matchAll(/traceId: '(\w+)'/g)].map(([, trace]) => trace))
  t.strictSame(linked.sort(), of('GET /me').map(traceOf).sort())
  t.match(of('sessions insert')[0]?.slice(of('sessions insert')[0]?.indexOf('links:')), traceOf(of('POST /login')[0] ?? ''))
  t.match(of('POST /login')[0], /name: 'session\.begin'[\s\S]*name: 'session\.commit'/)
})
