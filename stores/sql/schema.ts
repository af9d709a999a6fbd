import { readFile } from 'node:fs/promises'

/** What the file of the folder schema/ says, for a table of another name. `quoted` is the name as the database takes it, `inText` as it stands in a string. */
export async function schemaFor (file: 'mysql.sql' | 'mssql.sql', standardName: string, quoted: string, inText = quoted): Promise<string> {
  const text = await readFile(new URL(`../../../schema/${file}`, import.meta.url), 'utf8')
  return text.replaceAll(standardName, (_name, offset: number) => text[offset - 1] === '\'' ? inText : quoted)
}
