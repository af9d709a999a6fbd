/* Next's custom server: its pages get the raw request, which has the session. */
import assert from 'node:assert/strict'
import { mkdir, mkdtemp, rm, writeFile } from 'node:fs/promises'
import { join } from 'node:path'
import next from 'next'
import sessions from 'fastify-sql-sessions'
import { Browser, check, end, listen, makeApplication, onEnd } from './site.mjs'

process.env.NEXT_TELEMETRY_DISABLED = '1'
// Next looks for its packages from the folder of the pages upwards.
const dir = await mkdtemp(join(import.meta.dirname, 'next-'))
onEnd(() => rm(dir, { recursive: true, force: true }))
await mkdir(join(dir, 'pages'))
await writeFile(join(dir, 'package.json'), '{ "private": true }')
await writeFile(join(dir, 'pages', 'index.js'), `
  export async function getServerSideProps ({ req }) { return { props: { user: req.session.user ?? null } } }
  export default function Page ({ user }) { return <p id="user">{String(user)}</p> }`)

const site = next({ dev: true, dir, webpack: false, turbopack: true })
const handle = site.getRequestHandler()
await site.prepare()
onEnd(() => site.close())
const { app } = makeApplication()
await app.register(sessions, { properties: true })
app.post('/login', async request => { request.session.renewToken(); request.session.user = 'ada'; return {} })
app.post('/logout', async request => { await request.session.destroy(); return {} })
app.all('/*', async (request, reply) => {
  reply.hijack()
  await handle(request.raw, reply.raw)
})
const base = await listen(app)

await check('a page of Next reads the session of its request, signed in and signed out', async () => {
  const browser = new Browser(base)
  const user = async () => /<p id="user">(.*?)<\/p>/.exec((await browser.get('/')).text)?.[1]
  assert.equal(await user(), 'null')
  await browser.post('/login')
  assert.equal(await user(), 'ada')
  await browser.post('/logout')
  assert.equal(await user(), 'null')
})
await end()
process.exit()
