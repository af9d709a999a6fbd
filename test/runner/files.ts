import { existsSync, readdirSync, statSync } from 'node:fs'
import { join, relative, resolve, sep } from 'node:path'

/** The tests that `npm test` leaves to `npm run test:all`: they take long, or many processes, or only vary another test. */
const LONG = /\.long\.test\.js$/

/** The compiled test files, as paths from the project's root. Those that use a database come first: they take longest. */
export function testFiles (): { readonly quick: string[], readonly long: string[] } {
  const files = below(join('dist', 'test')).sort((a, b) => Number(b.includes('stores')) - Number(a.includes('stores')) || a.localeCompare(b))
  return { quick: files.filter(file => !LONG.test(file)), long: files.filter(file => LONG.test(file)) }
}

/**
 * The compiled test files of paths that somebody has typed: sources (`test/plugin/token.test.ts`), compiled files, or
 * folders. Throws an error that names a path without a test.
 */
export function testFilesOf (paths: readonly string[]): string[] {
  return paths.flatMap(path => {
    const fromRoot = relative('.', resolve(path))
    const compiled = join(fromRoot.startsWith(`dist${sep}`) ? '' : 'dist', fromRoot.replace(/\.ts$/, '.js'))
    if (!existsSync(compiled)) throw new Error(`There is no test ${path}. Name a file or a folder of test/, from the folder of package.json.`)
    const files = statSync(compiled).isDirectory() ? below(compiled) : [compiled]
    if (files.length === 0) throw new Error(`There is no test in ${path}: test files end in .test.ts.`)
    return files
  })
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
