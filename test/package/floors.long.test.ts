import { fileURLToPath } from 'node:url'
import { ESLint } from 'eslint'
import t from 'tap'

const eslint = new ESLint({
  cwd: fileURLToPath(new URL('../../..', import.meta.url)),
  // Only the rules that keep the floors apart.
  ruleFilter: ({ ruleId }) => ruleId.startsWith('no-restricted-')
})

/** A file, and what the floors of eslint.config.js forbid it to import. */
const FORBIDDEN: ReadonlyArray<readonly [string, string]> = [
  ['plugin/hooks.ts', 'mysql2'],
  ['plugin/hooks.ts', 'mysql2/promise'],
  ['plugin/options.ts', 'mssql'],
  ['plugin/options.ts', 'tedious'],
  ['plugin/session/session.ts', '../hooks.js'],
  ['plugin/session/session.ts', '../index.js'],
  ['plugin/session/session.ts', '../../stores/mysql/mysql.js'],
  ['plugin/commit/commit.ts', '../session/session.js'],
  ['plugin/commit/commit.ts', '../hooks.js'],
  ['plugin/commit/commit.ts', 'fastify'],
  ['plugin/codecs/text.ts', '../commit/changes.js'],
  ['plugin/codecs/text.ts', '../session/session.js'],
  ['stores/store.ts', 'fastify'],
  ['stores/store.ts', '../plugin/session/session.js'],
  ['stores/guard.ts', './mysql/mysql.js'],
  ['stores/memory/memory.ts', '../../plugin/errors.js'],
  ['stores/memory/memory.ts', '../sql/batch.js'],
  ['stores/sql/batch.ts', '../mysql/pool.js'],
  ['stores/sql/batch.ts', 'mysql2'],
  ['stores/mysql/mysql.ts', '../mssql/pool.js'],
  ['stores/mysql/pool.ts', 'mssql'],
  ['stores/mysql/table.ts', 'fastify'],
  ['stores/mssql/mssql.ts', '../mysql/pool.js'],
  ['stores/mssql/pool.ts', 'mysql2'],
  ['stores/testing/index.ts', '../sql/batch.js'],
  ['stores/testing/index.ts', 'tap'],
  ['plugin/index.ts', '../cli/main.js'],
  ['stores/express/mysql.ts', 'mysql2'],
  ['stores/express/store.ts', '../../plugin/errors.js'],
  ['cli/main.ts', 'fastify'],
  ['cli/sessions.ts', '../plugin/index.js'],
  ['cli/databases/mysql.ts', 'mysql2'],
  ['plugin/hooks.ts', '../test/support/log.js'],
  ['stores/store.ts', '../test/support/log.js']
]

for (const [file, source] of FORBIDDEN) {
  t.test(`${file} may not import ${source}`, async t => {
    for (const code of [
      `import { a } from '${source}'; a()`,
      `import type { A } from '${source}'; export const a: A = 1`,
      `export * from '${source}'`,
      `export const a = () => import('${source}')`,
      `export type A = import('${source}').A`,
      `export type A = typeof import('${source}')`
    ]) {
      t.match(await messages(file, code), [/may not import this/], code)
    }
  })
}

t.test('a file may import what stands below it', async t => {
  t.same(await messages('plugin/index.ts', 'import \'fastify\'; import \'./session/session.js\'; import \'../stores/mysql/mysql.js\''), [])
  t.same(await messages('plugin/session/session.ts', 'import \'node:util\'; import \'../commit/commit.js\'; import \'../../stores/store.js\''), [])
  t.same(await messages('stores/mysql/pool.ts', 'export const load = () => import(\'mysql2\')'), [])
})

async function messages (filePath: string, code: string): Promise<string[]> {
  const [result] = await eslint.lintText(code, { filePath })
  return result?.messages.map(({ message }) => message) ?? []
}
