/*
 * Makes dist/ as it is published (npm runs it before `npm pack` and `npm publish`): types, and for each entry point of
 * package.json one file with all of its own. Loading some hundred small files takes several times as long. The command line is
 * a file by itself, which no application loads.
 */
import { execFileSync } from 'node:child_process'
import { readdirSync, readFileSync, rmSync } from 'node:fs'
import { join } from 'node:path'
import { bundle, write } from './bundle.js'

const DIST = 'dist'

rmSync(DIST, { recursive: true, force: true })
execFileSync(process.execPath, [join('node_modules', 'typescript7', 'bin', 'tsc'), '-p', 'build'], { stdio: 'inherit' })

const { exports, bin } = JSON.parse(readFileSync('package.json', 'utf8'))
const entries = Object.values(exports).flatMap(entry => entry.default ?? [])
const library = await bundle(namesOf(entries))
const programs = await Promise.all(Object.values(bin).map(async file => await bundle(namesOf([file]))))
for (const file of readdirSync(DIST, { recursive: true })) if (file.endsWith('.js')) rmSync(join(DIST, file))
rmSync(join(DIST, 'cli'), { recursive: true })
for (const one of [library, ...programs]) await write(one, DIST)

function namesOf (files) {
  return Object.fromEntries(files.map(file => [file.replace('./dist/', '').replace(/\.js$/, ''), file]))
}
