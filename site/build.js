/*
 * `npm run docs`: builds the README, docs/, the pages on performance and contributing, and an API reference from the docstrings
 * into one static site, site/dist. A dead link fails the build.
 */
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { dirname, join, relative } from 'node:path'
import { fileURLToPath } from 'node:url'
import { Application } from 'typedoc'
import { build } from 'vitepress'

const SITE = fileURLToPath(new URL('.', import.meta.url))
const ROOT = join(SITE, '..')
const PAGES = join(SITE, 'pages')
const DIST = join(SITE, 'dist')
/** What users import, by its source. */
const ENTRIES = {
  'plugin/index.ts': 'fastify-sql-sessions',
  'plugin/codecs/gob/index.ts': 'fastify-sql-sessions/codecs/gob',
  'stores/testing/index.ts': 'fastify-sql-sessions/testing'
}

await writePages()
await build(SITE)
copyLinkedFiles()
console.log(`The site is in ${relative(process.cwd(), DIST)}. To look at it: npx --prefix site vitepress preview site`)

/** Puts all pages where VitePress looks for them, under the paths that their links have. */
async function writePages () {
  rmSync(PAGES, { recursive: true, force: true })
  for (const file of ['README.md', 'CHANGELOG.md', 'CONTRIBUTING.md', 'SECURITY.md', 'docs', 'bench/README.md', 'bench/plots', 'test/tds/README.md', 'example']) {
    const isPage = path => !/\.(ts|go|mod|sum)$/.test(path)
    if (existsSync(join(ROOT, file))) cpSync(join(ROOT, file), join(PAGES, file), { recursive: true, filter: isPage })
  }
  // A folder's first page.
  for (const folder of ['.', 'bench', 'test/tds', 'example/with-scs']) {
    const readme = join(PAGES, folder, 'README.md')
    if (existsSync(readme)) cpSync(readme, join(PAGES, folder, 'index.md'))
  }
  const typedoc = await Application.bootstrapWithPlugins({
    plugin: ['typedoc-plugin-markdown'],
    entryPoints: Object.keys(ENTRIES).map(file => join(ROOT, file)),
    tsconfig: join(ROOT, 'build', 'tsconfig.json'),
    out: join(PAGES, 'api'),
    readme: 'none',
    name: 'API',
    entryFileName: 'index',
    hideBreadcrumbs: true,
    disableSources: true,
    excludePrivate: true,
    excludeInternal: true,
    validation: { invalidLink: true, notExported: false },
    treatValidationWarningsAsErrors: true
  })
  const project = await typedoc.convert()
  if (project === undefined) throw new Error('TypeDoc could not read the sources')
  for (const module of project.children ?? []) module.name = ENTRIES[`${module.name}/index.ts`] ?? module.name
  typedoc.validate(project)
  await typedoc.generateOutputs(project)
  if (typedoc.logger.hasErrors()) throw new Error('TypeDoc found errors: see above')
}

/** Pages link to sources, schemas and plots too. These go into the site as they are. */
function copyLinkedFiles () {
  for (const page of readdirSync(DIST, { recursive: true }).filter(file => file.endsWith('.html'))) {
    const html = readFileSync(join(DIST, page), 'utf8')
    for (const [, link = ''] of html.matchAll(/ (?:href|src)="([^"#?]+)[^"]*"/g)) {
      if (/^[a-z]+:|^\/\//.test(link)) continue
      const file = link.startsWith('/') ? link.slice(1) : join(dirname(page), link)
      const isThere = ['', '.html', 'index.html'].some(end => existsSync(join(DIST, file + end)))
      if (isThere) continue
      if (!existsSync(join(ROOT, file))) throw new Error(`${page} links to ${link}, which is not there`)
      mkdirSync(dirname(join(DIST, file)), { recursive: true })
      writeFileSync(join(DIST, file), readFileSync(join(ROOT, file)))
    }
  }
}
