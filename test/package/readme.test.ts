import { existsSync } from 'node:fs'
import { readdir, readFile } from 'node:fs/promises'
import { posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import Fastify from 'fastify'
import t from 'tap'
import sessions from '../../plugin/index.js'

const at = (path: string) => fileURLToPath(new URL(`../../../${path}`, import.meta.url))
/** Nearest to no option. */
const NONSENSE = 'qqqqqqqq'
const readme = await readFile(at('README.md'), 'utf8')

t.test('the README has every option, and no other; the page of cookies has those of the cookie', async t => {
  const listed = (text: string) => [...text.matchAll(/^\| `([\w.]+)` \|/gm)].map(([, name = '']) => name)
  const table = readme.slice(readme.indexOf('## Options'), readme.indexOf('## The session'))
  t.same(listed(table).sort(), (await knownOptions({ [NONSENSE]: 1 })).sort())
  const known = (await knownOptions({ cookie: { [NONSENSE]: 1 } })).map(name => `cookie.${name}`)
  t.same(listed(await readFile(at('docs/cookies.md'), 'utf8')).sort(), known.sort())
})

t.test('the page of errors has every error that the source has, and no other', async t => {
  const codes = new Set<string>()
  for (const folder of ['plugin', 'stores']) {
    for (const file of await readdir(at(folder), { recursive: true })) {
      if (!file.endsWith('.ts')) continue
      for (const [code] of (await readFile(at(`${folder}/${file}`), 'utf8')).matchAll(/FST_SESSION_[A-Z_]*[A-Z]/g)) codes.add(code)
    }
  }
  const errors = await readFile(at('docs/errors.md'), 'utf8')
  const listed = [...errors.matchAll(/^\| `(FST_SESSION_\w+)` \|/gm)].map(([, code = '']) => code)
  t.same(listed.sort(), [...codes].sort())
})

t.test('the README has every member of the session', async t => {
  const source = await readFile(at('plugin/session/session.ts'), 'utf8')
  const members = [...source.slice(source.indexOf('export interface Session {')).matchAll(/^ {2}(?:readonly )?(\w+)(?:<.*>)?(?: \(|:)/gm)].map(([, name = '']) => name)
  t.ok(members.length > 20)
  const table = readme.slice(readme.indexOf('## The session'), readme.indexOf('## Values and types'))
  for (const name of members) t.match(table, new RegExp(`\`(await )?${name}[(\`]`), name)
})

t.test('the page of stores shows the schema as it is', async t => {
  const schema = (await readFile(at('schema/mysql.sql'), 'utf8')).replace(/^--.*\n/gm, '')
  t.match(await readFile(at('docs/stores.md'), 'utf8'), schema)
})

t.test('the links of the README and of the pages lead to files and headings that there are', async t => {
  const pages = ['README.md', ...(await readdir(at('docs'))).filter(file => file.endsWith('.md')).map(file => `docs/${file}`)]
  const texts = new Map(await Promise.all(pages.map(async page => [page, await readFile(at(page), 'utf8')] as const)))
  for (const [page, text] of texts) {
    for (const [, path = '', anchor] of text.matchAll(/\]\((?!https?:)([^)#]*)(?:#([^)]+))?\)/g)) {
      const target = path === '' ? page : posix.join(posix.dirname(page), path)
      t.ok(existsSync(at(target)), `${page}: ${target}`)
      if (anchor !== undefined) t.ok(anchors(texts.get(target) ?? '').includes(anchor), `${page}: ${target}#${anchor}`)
    }
  }
})

/** The names by which GitHub and npm link to the headings of a page. */
function anchors (page: string): string[] {
  return [...page.matchAll(/^#+ (.*)$/gm)].map(([, title = '']) => title.toLowerCase().replace(/[^\w -]/g, '').replaceAll(' ', '-'))
}

t.test('what the README says of testing an application is so', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(sessions, { store: 'memory' })
  app.post('/login', async request => { request.session.renewToken(); request.session.put('userId', 42); return { ok: true } })
  app.get('/me', async request => ({ userId: request.session.get('userId') ?? null }))
  const { cookies: [cookie] } = await app.inject({ method: 'POST', url: '/login' })
  const me = await app.inject({ url: '/me', cookies: { [cookie?.name ?? '']: cookie?.value ?? '' } })
  t.strictSame(me.json(), { userId: 42 })
})

t.test('what the page of users says of signing out everywhere, and of devices, is so', async t => {
  const app = Fastify()
  t.teardown(async () => { await app.close() })
  await app.register(sessions, { owner: 'userId' })
  app.get<{ Params: { id: string } }>('/login/:id', async ({ session, params: { id } }) => { session.put('userId', Number(id)); return session.exists('userId') })
  app.get('/me', async request => request.session.data())
  app.post('/sign-out-elsewhere', async ({ session }) => {
    const owner = session.get('userId')
    if (typeof owner === 'number') await app.sessions.destroyAll({ owner, except: session.id })
  })
  app.get('/devices', async ({ session }) => {
    const owner = session.get('userId')
    if (typeof owner !== 'number') return []
    const devices = []
    for await (const { id, expires } of app.sessions.list({ owner })) devices.push({ id, expires, isThisOne: id === session.id })
    return devices
  })
  const signIn = async (id: number) => ({ session: (await app.inject(`/login/${id}`)).cookies[0]?.value ?? '' })
  const [here, there, other] = [await signIn(42), await signIn(42), await signIn(7)]
  const devices = (await app.inject({ url: '/devices', cookies: here })).json<Array<{ isThisOne: boolean }>>()
  t.strictSame(devices.map(({ isThisOne }) => isThisOne).sort(), [false, true])
  t.equal((await app.inject({ method: 'POST', url: '/sign-out-elsewhere', cookies: here })).statusCode, 200)
  t.strictSame(await Promise.all([here, there, other].map(async cookies => (await app.inject({ url: '/me', cookies })).json())), [{ userId: 42 }, {}, { userId: 7 }])
  t.strictSame((await app.inject({ url: '/devices' })).json(), [])
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
