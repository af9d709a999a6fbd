/**
 * A schema for a table of another name.
 *
 * @param standardName the name in the schema, quoted
 * @param quoted the other name, quoted
 * @param inText the other name, quoted, as it stands in a string
 */
export function forTable (schema: string, standardName: string, quoted: string, inText = quoted): string {
  return schema.replaceAll(standardName, (_name, offset: number) => schema[offset - 1] === '\'' ? inText : quoted)
}
