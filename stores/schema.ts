import { readFile } from 'node:fs/promises'

/** What the file of the folder schema/ says, for a table of another name. `quoted` is the name as the database takes it. */
export async function schemaFor (file: 'mysql.sql' | 'mssql.sql', standardName: string, quoted: string): Promise<string> {
  const text = await readFile(new URL(`../../schema/${file}`, import.meta.url), 'utf8')
  return text.replaceAll(standardName, () => quoted)
}
