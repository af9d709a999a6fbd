// Code page 1252: SQL_Latin1_General_CP1_CI_AS stores it, and MariaDB calls it latin1. Node's 'latin1' is ISO 8859-1, which
// differs from 0x80 to 0x9F.
const decoder = new TextDecoder('windows-1252')
const codes = new Map<string, number>()
for (let code = 0; code < 256; code++) codes.set(decoder.decode(Uint8Array.of(code)), code)

export function decode1252 (bytes: Uint8Array): string {
  return decoder.decode(bytes)
}

/** A character that the code page lacks becomes a question mark, as in SQL Server. */
export function encode1252 (text: string): Buffer {
  if (/^\p{ASCII}*$/u.test(text)) return Buffer.from(text, 'latin1')
  const bytes = Buffer.allocUnsafe([...text].length)
  let i = 0
  for (const character of text) bytes[i++] = codes.get(character) ?? 0x3f
  return bytes
}
