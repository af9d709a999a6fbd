import { rollup } from 'rollup'
import ts from 'typescript'

/**
 * Bundles compiled files, each with the project's files that it imports. Packages are not bundled. Code that several files share
 * goes into a separate file.
 *
 * @param entries the compiled files by their names in the bundle, without `.js`
 */
export async function bundle (entries) {
  return await rollup({ input: entries, external: source => !/^[./]/.test(source), plugins: [WITHOUT_COMMENTS] })
}

/** The comments are in the types, for editors, and in the sources. A program that starts reads all that is in a bundle. */
const WITHOUT_COMMENTS = {
  name: 'without-comments',
  renderChunk: code => ts.transpileModule(code, { compilerOptions: { removeComments: true, target: 'esnext', module: 'esnext' } }).outputText
}

/** Writes a bundle into a folder. */
export async function write (bundle, dir) {
  await bundle.write({ dir, entryFileNames: '[name].js', chunkFileNames: 'shared/common.js' })
  await bundle.close()
}
