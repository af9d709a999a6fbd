import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import { runFile } from './run-file.js'

/** Runs a test file with this text. */
async function run (t: Test, text: string, abort = new AbortController().signal) {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-sql-sessions-runner-'))
  t.teardown(async () => { await rm(folder, { recursive: true }) })
  const file = join(folder, 'a.test.mjs')
  await writeFile(file, `import t from '${import.meta.resolve('tap')}'\n${text}`)
  return await runFile(file, abort)
}

t.test('tests that have no tests inside are counted, and a failure is told once, with its place', async t => {
  const { passed, skipped, failures, output } = await run(t, `
    t.test('all', async t => {
      await t.test('good', async t => { t.ok(true); t.ok(true) })
      await t.test('bad', async t => { console.log('printed'); t.equal(1, 2, 'one is two'); t.ok(true) })
    })
    t.test('empty', async () => {})
    t.test('left out', { skip: 'a reason' }, async () => {})
    t.test('throws', async () => { throw new Error('thrown') })
    t.test('in the end', async t => { t.teardown(() => { throw new Error('in teardown') }) })`)
  t.match({ skipped, output }, { skipped: 1, output: 'printed' })
  t.ok(passed >= 2)
  t.match(failures, [
    { path: ['all', 'bad', 'one is two'], reason: /expected.*\n.*actual[\s\S]*-2\n\+1\n[\s\S]*at .*a\.test\.mjs:5:/ },
    { path: ['throws', 'thrown'] },
    { path: [/in teardown/] }
  ])
  t.equal(failures.length, 3)
})

t.test('a process that dies fails its file, whatever has passed before', async t => {
  const { failures } = await run(t, `
    t.test('first', async () => {})
    t.test('second', async () => { setTimeout(() => process.kill(process.pid, 'SIGKILL'), 20); await new Promise(() => {}) })`)
  t.match(failures, [{ path: [], reason: /SIGKILL\.\nThe last test/ }])
})

t.test('a process that ends before its tests do fails its file', async t => {
  const { failures, output } = await run(t, 'throw new Error(\'at once\')')
  t.match([failures, output], [[{ path: [] }], /at once/])
})

t.test('an abort ends a test that hangs', async t => {
  const abort = new AbortController()
  const running = run(t, 't.test(\'hangs\', async () => { setInterval(() => {}, 1000); await new Promise(() => {}) })', abort.signal)
  abort.abort()
  t.match((await running).failures, [{ reason: /SIGKILL/ }])
})

t.test('the places of failures are those of the sources', async t => {
  const { inSources } = await import('./sources.js')
  const compiled = fileURLToPath(import.meta.url)
  t.match(inSources(`at (${compiled}:1:1)`), /^at \(test\/runner\/run-file\.long\.test\.ts:1:1\)$/)
})
