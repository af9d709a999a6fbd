import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { basename, dirname, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import t from 'tap'

const root = fileURLToPath(new URL('../../../', import.meta.url))
const pages = readdirSync(join(root, 'docs')).filter(page => page.endsWith('.md')).map(page => join(root, 'docs', page))

t.test('the pages of docs link to files that there are, and name tests that there are', async t => {
  t.ok(pages.length > 0)
  for (const page of pages) {
    const text = readFileSync(page, 'utf8')
    for (const [, path = ''] of text.matchAll(/\]\((?!https?:|#)([^)#]+)/g)) t.ok(existsSync(join(dirname(page), path)), `${page}: ${path}`)
    for (const [, path = ''] of text.matchAll(/`(test\/[\w./-]+)`/g)) t.ok(existsSync(join(root, path)), `${page}: ${path}`)
  }
})

t.test('the sidebar of the site has every page of docs', t => {
  const sidebar = readFileSync(join(root, 'site/.vitepress/config.js'), 'utf8')
  for (const page of pages) t.ok(sidebar.includes(`'/docs/${basename(page, '.md')}'`), page)
  t.end()
})

t.test('the newest section of the changelog is about the version of the package', t => {
  const [, newest] = /^## (\S+)/m.exec(readFileSync(join(root, 'CHANGELOG.md'), 'utf8')) ?? []
  const { version } = JSON.parse(readFileSync(join(root, 'package.json'), 'utf8')) as { version: string }
  t.equal(newest, version)
  t.end()
})
