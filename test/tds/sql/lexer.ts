import { SqlError } from '../sql-error.js'

export type TokenKind = 'word' | 'quoted' | 'variable' | 'string' | 'nstring' | 'number' | 'binary' | 'symbol' | 'end'

export interface Token {
  readonly kind: TokenKind
  /** As written, without quotes. */
  readonly text: string
  /** The text of a word or a symbol in upper case, for the parser to compare. '' for any other token. */
  readonly word: string
  readonly line: number
}

const SYMBOLS = ['<>', '<=', '>=', '!=', '!<', '!>', '+=', '-=']
const SINGLE = '()+-*/%,;.=<>&|^~'

/** Cuts T-SQL into tokens. */
export function tokenize (sql: string): Token[] {
  const tokens: Token[] = []
  let line = 1
  let i = 0
  const push = (kind: TokenKind, text: string) => {
    tokens.push({ kind, text, word: kind === 'word' || kind === 'symbol' ? text.toUpperCase() : '', line })
  }
  while (i < sql.length) {
    const c = sql.charAt(i)
    if (c === '\n') line++
    if (/\s/.test(c) || c === '\ufeff') {
      i++
    } else if (sql.startsWith('--', i)) {
      const end = sql.indexOf('\n', i)
      i = end < 0 ? sql.length : end
    } else if (sql.startsWith('/*', i)) {
      const end = commentEnd(sql, i, line)
      line += newlines(sql, i, end)
      i = end
    } else if (c === "'" || c === '"' || c === '[' || (/n/i.test(c) && sql.charAt(i + 1) === "'")) {
      const start = c === "'" || c === '"' || c === '[' ? i : i + 1
      const quote = sql.charAt(start)
      const { text, end } = quoted(sql, start, line)
      push(quote !== "'" ? 'quoted' : start === i ? 'string' : 'nstring', text)
      line += newlines(sql, i, end)
      i = end
    } else {
      const rest = sql.slice(i, i + 256)
      const binary = /^0x[0-9a-f]*/i.exec(rest)
      const number = /^(\d+(\.\d*)?|\.\d+)(e[+-]?\d+)?/i.exec(rest)
      const variable = /^@@?[\p{L}_#$@0-9]+/u.exec(rest)
      const word = /^[\p{L}_#][\p{L}_#$@0-9]*/u.exec(rest)
      if (binary !== null) {
        // A binary literal may be longer than the 256 characters above.
        const whole = /^[0-9a-f]*/i.exec(sql.slice(i + 2))?.[0] ?? ''
        push('binary', whole)
        i += 2 + whole.length
      } else if (number !== null) {
        push('number', number[0])
        i += number[0].length
      } else if (variable !== null) {
        push('variable', variable[0].toLowerCase())
        i += variable[0].length
      } else if (word !== null) {
        push('word', word[0])
        i += word[0].length
      } else {
        const symbol = SYMBOLS.find((s) => sql.startsWith(s, i)) ?? (SINGLE.includes(c) ? c : undefined)
        if (symbol === undefined) throw new SqlError(102, `Incorrect syntax near '${c}'.`, 15, 1, line)
        push('symbol', symbol)
        i += symbol.length
      }
    }
  }
  push('end', tokens.at(-1)?.text ?? '')
  return tokens
}

function quoted (sql: string, start: number, line: number): { text: string, end: number } {
  const close = sql.charAt(start) === '[' ? ']' : sql.charAt(start)
  let text = ''
  let i = start + 1
  for (;;) {
    const end = sql.indexOf(close, i)
    if (end < 0) {
      throw new SqlError(105, `Unclosed quotation mark after the character string '${text + sql.slice(i)}'.`, 15, 1, line)
    }
    text += sql.slice(i, end)
    if (sql.charAt(end + 1) !== close) return { text, end: end + 1 }
    text += close
    i = end + 2
  }
}

/** Comments nest in T-SQL. */
function commentEnd (sql: string, start: number, line: number): number {
  let depth = 1
  let i = start + 2
  while (depth > 0) {
    const open = sql.indexOf('/*', i)
    const close = sql.indexOf('*/', i)
    if (close < 0) throw new SqlError(113, "Missing end comment mark '*/'.", 15, 1, line)
    const opens = open >= 0 && open < close
    depth += opens ? 1 : -1
    i = (opens ? open : close) + 2
  }
  return i
}

function newlines (sql: string, start: number, end: number): number {
  return sql.slice(start, end).split('\n').length - 1
}
