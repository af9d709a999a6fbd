import { existsSync, readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, relative, resolve } from 'node:path'
import { fileURLToPath } from 'node:url'

/** An error's stack with the lines of the sources in place of the compiled ones, and without what runs the tests. */
export function inSources (stack: string): string {
  return stack.split('\n').filter(line => !/^ +at .*(\bnode:|test\/support\/test\.js)/.test(line)).map(line => line.replace(/file:\/\/[^\s)]+\.js:\d+:\d+/, place => sourcePlace(place))).join('\n')
}

/** `file:///…/dist/test/a.test.js:12:3` becomes `test/a.test.ts:11:5`. */
function sourcePlace (place: string): string {
  const [, url = '', line, column] = /^(.*):(\d+):(\d+)$/.exec(place) ?? []
  const file = fileURLToPath(url)
  const map = `${file}.map`
  if (!existsSync(map)) return `${relative('.', file)}:${line}:${column}`
  const entry = new SourceMap(JSON.parse(readFileSync(map, 'utf8')) as SourceMapPayload).findEntry(Number(line) - 1, Number(column) - 1)
  if (!('originalSource' in entry)) return place
  return `${relative('.', resolve(dirname(file), entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
}
