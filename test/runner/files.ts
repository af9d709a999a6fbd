import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'

/** The tests that `npm test` leaves to `npm run test:all`: they take long, or many processes, or only vary another test. */
const LONG = /\.long\.test\.js$/

/** The quick tests of the plugin share processes: they leave nothing behind in theirs. */
const SHARES = /^dist[\\/]test[\\/]plugin[\\/](\w+[\\/])?/
/** More files in a process do not save much more, and one that dies fails all of its files. */
const MOST_IN_A_PROCESS = 15

/**
 * The compiled test files, as paths from the project's root: each list is what one process runs. Those that use a database
 * come first: they take longest.
 */
export function testFiles (): { readonly quick: string[][], readonly long: string[][] } {
  const files = below(join('dist', 'test')).sort((a, b) => Number(b.includes('stores')) - Number(a.includes('stores')) || a.localeCompare(b))
  return { quick: grouped(files.filter(file => !LONG.test(file))), long: eachAlone(files.filter(file => LONG.test(file))) }
}

/**
 * The compiled test files of paths that somebody has typed: sources (`test/plugin/token.test.ts`), compiled files, or
 * folders. Throws an error that names a path without a test.
 */
export function testFilesOf (paths: readonly string[]): string[][] {
  return eachAlone(paths.flatMap(path => {
    const fromRoot = relative('.', resolve(path))
    const compiled = join(fromRoot.startsWith(`dist${sep}`) ? '' : 'dist', fromRoot.replace(/\.ts$/, '.js'))
    if (!existsSync(compiled)) throw new Error(`There is no test ${path}. Name a file or a folder of test/, from the folder of package.json.`)
    const files = statSync(compiled).isDirectory() ? below(compiled) : [compiled]
    if (files.length === 0) throw new Error(`There is no test in ${path}: test files end in .test.ts.`)
    return files
  }))
}

/** The name of the test that imports a test file where several share a process. */
export function importOf (compiled: string): string {
  return `import ${compiled}`
}

/** The source of a compiled file. */
export function sourceOf (compiled: string): string {
  return compiled.replace(/^dist[\\/]/, '').replace(/\.js$/, '.ts')
}

function below (folder: string): string[] {
  return readdirSync(folder, { recursive: true, encoding: 'utf8' })
    .map(file => join(folder, file))
    // A compiled test may outlive its source.
    .filter(file => file.endsWith('.test.js') && existsSync(sourceOf(file)))
}

function eachAlone (files: readonly string[]): string[][] {
  return files.map(file => [file])
}

/** Those that share a process with others come with the first of them. */
function grouped (files: readonly string[]): string[][] {
  const groupOf = (file: string) => SHARES.exec(file)?.[0] ?? file
  return [...new Set(files.map(groupOf))].flatMap(group => {
    const own = files.filter(file => groupOf(file) === group)
    const processes = Math.ceil(own.length / MOST_IN_A_PROCESS)
    return Array.from({ length: processes }, (_, i) => own.filter((_, j) => j % processes === i))
  })
}
