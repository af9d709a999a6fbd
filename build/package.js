/*
 * Makes dist/ as it is published (npm runs it before `npm pack` and `npm publish`): types, and for each entry point of
 * package.json one file with all of its own. Loading some hundred small files takes several times as long.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { rollup } from 'rollup'

const DIST = 'dist'

rmSync(DIST, { recursive: true, force: true })
execFileSync(process.execPath, [join('node_modules', 'typescript7', 'bin', 'tsc'), '-p', 'build'], { stdio: 'inherit' })

const { exports } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries = Object.values(exports).flatMap(entry => entry.default ?? [])
const bundle = await rollup({
  input: Object.fromEntries(entries.map(file => [file.replace('./dist/', '').replace(/\.js$/, ''), file])),
  external: source => !/^[./]/.test(source)
})
for (const file of readdirSync(DIST, { recursive: true })) if (file.endsWith('.js')) rmSync(join(DIST, file))
await bundle.write({ dir: DIST, entryFileNames: '[name].js', chunkFileNames: 'shared/common.js' })
await bundle.close()
