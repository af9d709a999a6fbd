import { execFile } from 'node:child_process'
import { readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import { promisify } from 'node:util'
import t from 'tap'
import { findGo, withoutGo } from './go.js'

const run = promisify(execFile)
const at = (path: string): string => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
/** The mssqlstore has the same names as the mysqlstore, but for its type. Not every module proxy has it. */
const PACKAGES = ['v2', 'v2/memstore', 'mysqlstore']

t.test('the page on SCS has every function, method, type and field that SCS exports', { skip: await withoutGo('service') }, async t => {
  const page = await readFile(at('docs/scs.md'), 'utf8')
  let count = 0
  for (const name of PACKAGES) {
    const { stdout } = await run(findGo() as string, ['doc', '-all', `github.com/alexedwards/scs/${name}`], { cwd: at('test/scs') })
    for (const exported of exportedIn(stdout)) {
      count++
      t.match(page, new RegExp(`\\b${exported}\\b`), `${name}: ${exported}`)
    }
  }
  t.ok(count > 70, `${count} names`)
})

/** The names in what `go doc -all` writes: of functions and methods, of types, of the fields and methods inside of types, of constants. */
function exportedIn (doc: string): Set<string> {
  const declared = [...doc.matchAll(/^(?:func (?:\([^)]*\) )?|type |\t)([A-Z]\w*)(?=[ (\n])/gm)].map(([, name = '']) => name)
  return new Set(declared)
}
