import { NOT_SUPPORTED } from '../babelfish.js'
import { SqlError } from '../sql-error.js'
import { RESERVED } from './keywords.js'
import { tokenize } from './lexer.js'
import type { Token } from './lexer.js'

/** Reads the tokens one by one. The parsers of expressions, queries and statements share it. */
export class Cursor {
  readonly #tokens: readonly Token[]
  #at = 0

  readonly isBabelfish: boolean

  constructor (sql: string, isBabelfish = false) {
    this.#tokens = tokenize(sql)
    this.isBabelfish = isBabelfish
    const refused = isBabelfish ? this.#tokens.find(({ kind, text }) => kind === 'quoted' && text.includes(']')) : undefined
    if (refused !== undefined) throw new SqlError(NOT_SUPPORTED, `syntax error near '${refused.text}'`)
  }

  get token (): Token { return this.peek(0) }

  peek (ahead: number): Token {
    const token = this.#tokens[Math.min(this.#at + ahead, this.#tokens.length - 1)]
    if (token === undefined) throw new Error('a token list ends with an end token')
    return token
  }

  next (): Token {
    const token = this.token
    this.#at++
    return token
  }

  /** Whether the words and symbols come next, in this order. */
  is (...words: readonly string[]): boolean {
    return words.every((word, i) => this.peek(i).word === word)
  }

  /** Consumes these words and symbols if they come next. Returns whether it did. */
  accept (...words: readonly string[]): boolean {
    if (!this.is(...words)) return false
    this.#at += words.length
    return true
  }

  expect (...words: readonly string[]): void {
    for (const word of words) if (!this.accept(word)) throw this.error()
  }

  get done (): boolean { return this.token.kind === 'end' }

  /** Whether a name may start here. */
  get atName (): boolean {
    return this.token.kind === 'quoted' || (this.token.kind === 'word' && !RESERVED.has(this.token.word))
  }

  name (): string {
    if (!this.atName) throw this.error()
    return this.next().text
  }

  /** A name in parts. The middle part of `a..b` is empty. */
  path (): string[] {
    const parts = [this.name()]
    while (this.accept('.')) {
      if (this.is('.')) parts.push('')
      else parts.push(this.name())
    }
    if (parts.length > 4) throw this.error()
    return parts
  }

  names (): string[] {
    this.expect('(')
    const names = [this.name()]
    while (this.accept(',')) names.push(this.name())
    this.expect(')')
    return names
  }

  variable (): string {
    if (this.token.kind !== 'variable') throw this.error()
    return this.next().text
  }

  integer (): number {
    if (this.token.kind !== 'number' || !/^\d+$/.test(this.token.text)) throw this.error()
    return Number(this.next().text)
  }

  error (token = this.token): SqlError {
    const near = token.kind === 'end' ? this.peek(-1) : token
    if (near.kind === 'word' && RESERVED.has(near.word)) {
      return new SqlError(156, `Incorrect syntax near the keyword '${near.text.toUpperCase()}'.`, 15, 1, near.line)
    }
    return new SqlError(102, `Incorrect syntax near '${near.text}'.`, 15, 1, near.line)
  }
}
