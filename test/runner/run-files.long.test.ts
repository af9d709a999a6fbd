import { mkdtemp, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t, { type Test } from 'tap'
import type { Result } from './result.js'
import { runFiles } from './run-files.js'

const NO_ABORT = new AbortController().signal

/** Runs a test file with this text. */
async function run (t: Test, text: string, abort = NO_ABORT): Promise<Result> {
  const [result] = await runAll(t, [text], abort)
  return result as Result
}

/** Runs test files with these texts in one process: a.test.mjs, b.test.mjs and so on. */
async function runAll (t: Test, texts: readonly string[], abort = NO_ABORT): Promise<readonly Result[]> {
  const folder = await mkdtemp(join(tmpdir(), 'fastify-sql-sessions-runner-'))
  t.teardown(async () => { await rm(folder, { recursive: true }) })
  const files = texts.map((_, i) => join(folder, `${'abcd'.charAt(i)}.test.mjs`))
  await Promise.all(files.map(async (file, i) => { await writeFile(file, `import t from '${import.meta.resolve('tap')}'\n${texts[i]}`) }))
  return await runFiles(files, abort)
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

t.test('a file without a test fails', async t => {
  t.ok((await run(t, '')).failures.length > 0)
  const results = await runAll(t, ['t.test(\'good\', async () => {})', '', 't.test(\'good\', async () => {})'])
  t.match(results, [{ failures: [] }, { passed: 0, failures: [{ path: [], reason: /None of its tests/ }] }, { failures: [] }])
  t.strictSame(results.map(({ failures }) => failures.length), [0, 1, 0])
})

t.test('of files that share a process each has its own counts, failures and output', async t => {
  const results = await runAll(t, [
    't.test(\'one\', async () => { console.log(\'of a\') }); t.test(\'two\', async t => { await t.test(\'inner\', async t => { t.equal(1, 2) }) })',
    'console.log(\'of b\'); t.test(\'left out\', { skip: \'a reason\' }, async () => {}); t.test(\'one\', async () => {})',
    't.test(\'one\', async t => { t.ok(true); await t.test(\'inner\', async () => {}) }); t.test(\'last\', async t => { t.ok(true) }); t.ok(true)'
  ])
  t.match(results, [
    { name: /a\.test\.mjs$/, passed: 1, skipped: 0, failures: [{ path: ['two', 'inner', 'should be equal'] }], output: /^of a\n$/ },
    { name: /b\.test\.mjs$/, passed: 1, skipped: 1, failures: [], output: /^of b\n$/ },
    { name: /c\.test\.mjs$/, passed: 3, skipped: 0, failures: [], output: '' }
  ])
  t.strictSame(results.map(({ failures }) => failures.length), [1, 0, 0])
})

for (const [how, end] of [['is killed', 'setImmediate(() => process.stdout.write(\'\', () => process.kill(process.pid, \'SIGKILL\'))); await new Promise(() => {})'], ['exits', 'process.exit(0)']]) {
  const dies = `t.test('before', async () => {})\nt.test('dies', async t => { t.ok(true); ${end} })`
  t.test(`a process that ${how} fails the file that ran, and those that it did not come to`, async t => {
    const results = await runAll(t, ['t.test(\'bad\', async t => { t.fail() })', dies, 't.test(\'not run\', async () => {})', 't.test(\'nor this\', async () => {})'])
    t.match(results.slice(2), Array(2).fill({ passed: 0, failures: [{ path: [], reason: /None of its tests has run\. Its process/ }] }))
    t.strictSame(results.map(({ failures }) => failures.length > 0), [true, true, true, true])
    t.equal(results[0]?.failures.length, 1)
    t.equal(results[1]?.passed, 1)
  })
}

t.test('a file that throws while it is imported fails alone', async t => {
  const results = await runAll(t, ['t.test(\'good\', async () => {})', 't.test(\'before\', async () => {})\nthrow new Error(\'at once\')', 't.test(\'good\', async () => {})'])
  t.match(results, [{ passed: 1, failures: [] }, { passed: 1, failures: [{ path: [/^import .*b\.test\.mjs$/, 'at once'], reason: /b\.test\.mjs:3:/ }] }, { passed: 1, failures: [] }])
  t.strictSame(results.map(({ failures }) => failures.length), [0, 1, 0])
})

t.test('an abort fails the file that runs and those that have not run', async t => {
  const abort = new AbortController()
  const running = runAll(t, ['t.test(\'hangs\', async () => { setInterval(() => {}, 1000); await new Promise(() => {}) })', 't.test(\'not run\', async () => {})'], abort.signal)
  abort.abort()
  t.match(await running, [{ failures: [{ reason: /SIGKILL/ }] }, { failures: [{ reason: /SIGKILL/ }] }])
})

t.test('the places of failures are those of the sources', async t => {
  const { inSources } = await import('./sources.js')
  const compiled = fileURLToPath(import.meta.url)
  t.match(inSources(`at (${compiled}:1:1)`), /^at \(test\/runner\/run-files\.long\.test\.ts:1:1\)$/)
})
