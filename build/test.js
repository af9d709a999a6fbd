/*
 * `npm test` and `npm run test:all`: compiles the project, and then runs its tests, with lint beside them. TypeScript 7
 * compiles in a sixth of the time that 6 takes, but has no API, which ESLint's parser needs: so both are installed.
 */
import { spawn } from 'node:child_process'
import { join } from 'node:path'

/** ESLint skips files that have not changed since it found them clean. It compares their content: a checkout changes their times. */
const CACHED = ['--cache', '--cache-strategy', 'content', '--cache-location', join('dist', '.eslintcache')]

const isWhole = process.argv.slice(2).every(argument => argument === '--all')
const lint = isWhole ? check('lint', join('eslint', 'bin', 'eslint.js'), '.', ...CACHED) : undefined
const types = await check('types', join('typescript7', 'bin', 'tsc'), '-p', '.')
if (types.failures.length > 0) {
  console.log(types.failures[0].reason)
  process.exit(1)
}
const { runTests } = await import('../dist/test/run.js')
await runTests(lint === undefined ? [] : [lint], [types])

/** Runs a program of node_modules that checks something. Resolves to a result as a test file has one: test/runner/result.ts. */
async function check (name, program, ...args) {
  const startedAt = performance.now()
  // Lint makes many objects at once: with more room for new ones it collects garbage less often.
  const child = spawn(process.execPath, ['--max-semi-space-size=128', join('node_modules', program), ...args], { stdio: ['ignore', 'pipe', 'pipe'] })
  process.once('exit', () => { child.kill() })
  let output = ''
  for (const stream of [child.stdout, child.stderr]) stream.on('data', chunk => { output += chunk })
  const code = await new Promise(resolve => child.once('close', resolve))
  const failures = code === 0 ? [] : [{ path: [], reason: output.trim() || `${program} ended with ${code ?? 'a signal'}` }]
  return { name, passed: code === 0 ? 1 : 0, skipped: 0, failures, output: '', seconds: (performance.now() - startedAt) / 1000 }
}
