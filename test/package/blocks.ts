import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'

export const ROOT = fileURLToPath(new URL('../../../', import.meta.url))

/** A piece of code that a page shows. */
export interface Block {
  /** The page and its line, for an editor to jump to: `docs/errors.md:31`. */
  readonly place: string
  /** What the page says it is: `js`, `ts`, `sh`, `sql`, … */
  readonly language: string
  readonly code: string
}

/** All code blocks of the README and of the pages in docs/, in their order. */
export function blocks (): Block[] {
  const pages = ['README.md', ...readdirSync(join(ROOT, 'docs')).filter(file => file.endsWith('.md')).sort().map(file => `docs/${file}`)]
  return pages.flatMap(blocksOf)
}

export function blocksOf (page: string): Block[] {
  const text = readFileSync(join(ROOT, page), 'utf8')
  return [...text.matchAll(/^```(\w*)\n(.*?)^```$/gms)].map(({ index, 1: language = '', 2: code = '' }) => ({
    place: `${page}:${text.slice(0, index).split('\n').length}`,
    language,
    code
  }))
}
