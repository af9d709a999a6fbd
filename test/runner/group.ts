/*
 * Runs the compiled test files that are its arguments in one process, one after the other. To start Node, tap and Fastify takes
 * longer than most of these tests.
 */
import { resolve } from 'node:path'
import { pathToFileURL } from 'node:url'
import t from 'tap'
import { importOf } from './files.js'

for (const file of process.argv.slice(2)) {
  // tap runs the tests of the file when this test has ended, and before those of the next file. So a file must not wait for its own
  // tests while it is imported.
  await t.test(importOf(file), async t => {
    // tap tells of a test with the first line that it writes: what the import prints must come after it.
    t.comment('begins')
    await import(pathToFileURL(resolve(file)).href)
  })
}
