import { existsSync, readFileSync } from 'node:fs'
import { SourceMap, type SourceMapPayload } from 'node:module'
import { dirname, relative, resolve } from 'node:path'

/** A text with the places of the sources in it, in place of those of the compiled files. */
export function inSources (text: string): string {
  return text.replace(/(?:file:\/\/)?([\w/.-]+\.js):(\d+):(\d+)/g, (place: string, file: string, line: string, column: string) => sourcePlace(file, Number(line), Number(column)) ?? place)
}

/** `dist/test/a.test.js`, 12, 3 becomes `test/a.test.ts:11:5`. */
function sourcePlace (file: string, line: number, column: number): string | undefined {
  const map = `${file}.map`
  if (!existsSync(map)) return undefined
  const entry = new SourceMap(JSON.parse(readFileSync(map, 'utf8')) as SourceMapPayload).findEntry(line - 1, column - 1)
  if (!('originalSource' in entry)) return undefined
  return `${relative('.', resolve(dirname(file), entry.originalSource))}:${entry.originalLine + 1}:${entry.originalColumn + 1}`
}
