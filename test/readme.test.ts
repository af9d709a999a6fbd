import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import t from 'tap'
import sessions from '../plugin/index.js'

const at = (path: string) => fileURLToPath(new URL(`../../${path}`, import.meta.url))
/** Nearest to no option. */
const NONSENSE = 'qqqqqqqq'
const readme = await readFile(at('README.md'), 'utf8')

t.test('the README has every option, and no other', async t => {
  const table = readme.slice(readme.indexOf('## Options'), readme.indexOf('An option that has no effect'))
  const listed = [...table.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name = '']) => name)
  const known = [...await knownOptions({ [NONSENSE]: 1 }), ...(await knownOptions({ cookie: { [NONSENSE]: 1 } })).map(name => `cookie.${name}`)]
  t.same(listed.sort(), known.sort())
})

t.test('the README has every error that the source has, and no other', async t => {
  const codes = new Set<string>()
  for (const folder of ['plugin', 'stores']) {
    for (const file of await readdir(at(folder))) {
      for (const [code] of (await readFile(at(`${folder}/${file}`), 'utf8')).matchAll(/FST_SESSION_[A-Z_]*[A-Z]/g)) codes.add(code)
    }
  }
  const listed = [...readme.matchAll(/^\| `(FST_SESSION_\w+)` \|/gm)].map(([, code = '']) => code)
  t.same(listed.sort(), [...codes].sort())
})

t.test('the README has every member of the session', async t => {
  const source = await readFile(at('plugin/session.ts'), 'utf8')
  const members = [...source.slice(source.indexOf('export interface Session {')).matchAll(/^ {2}(?:readonly )?(\w+)(?:<.*>)?(?: \(|:)/gm)].map(([, name = '']) => name)
  t.ok(members.length > 20)
  const table = readme.slice(readme.indexOf('## The session'), readme.indexOf('**Values.**'))
  for (const name of members) t.match(table, new RegExp(`\`(await )?${name}[(\`]`), name)
})

t.test('the README shows the schema as it is, and links to files that there are', async t => {
  const schema = (await readFile(at('schema/mysql.sql'), 'utf8')).replace(/^--.*\n/gm, '')
  t.match(readme, schema)
  for (const [, path = ''] of readme.matchAll(/\]\((?!https?:|#)([^)]+)\)/g)) t.ok(existsSync(at(path)), path)
  for (const [, anchor = ''] of readme.matchAll(/\]\(#([^)]+)\)/g)) {
    t.ok([...readme.matchAll(/^#+ (.*)$/gm)].some(([, title = '']) => title.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-') === anchor), anchor)
  }
})

/** The names that the error for an unknown option lists. */
async function knownOptions (options: object): Promise<string[]> {
  const app = Fastify()
  try {
    await app.register(sessions, options)
    return []
  } catch (error) {
    const names = String(error).split('There are: ')[1]?.split(', ') ?? []
    return names.filter(name => !['prefix', 'logLevel', 'logSerializers'].includes(name))
  } finally {
    await app.close()
  }
}
