import { parseArgs } from 'node:util'
import { UsageError } from './usage.js'
import { closest } from '../stores/closest.js'
import { inspected } from '../stores/validate.js'

/** An option of a command line. */
export interface Option {
  readonly type: 'string' | 'boolean'
  readonly short?: string
  /** What stands for the value in the help. */
  readonly value?: string
  readonly help: string
}

export type Options = Readonly<Record<string, Option>>

/** The options of commands that use a database. */
export const DATABASE: Options = {
  url: { type: 'string', value: 'URL', help: 'mysql://user:password@host/database or Server=host;Database=…; by default MYSQL_URL or MSSQL_URL of the environment, which no list of processes shows' },
  table: { type: 'string', value: 'NAME', help: 'the table, default sessions; auth.sessions names a database (SQL Server: a schema) too' },
  timeout: { type: 'string', value: 'MS', help: 'how long to wait for the database at most, default 10000' }
}

/** The options of commands that read sessions. */
export const SESSIONS: Options = {
  ...DATABASE,
  codec: { type: 'string', value: 'NAME', help: 'text (default) or gob: the codec that the application uses' },
  'owner-key': { type: 'string', value: 'KEY', help: 'the key of the value that says whose session it is, for example userId' },
  unhashed: { type: 'boolean', help: 'the table has tokens, not their hashes (hashTokenInStore: false, which gob has by default)' }
}

export const JSON_OPTION: Options = { json: { type: 'boolean', help: 'write JSON' } }
export const YES: Options = { yes: { type: 'boolean', short: 'y', help: 'do not ask' } }

/** An id (16 characters) or a token (43) that begins with a dash. The commands refuse tokens themselves, with a better message. */
const DASHED_ID = /^-(?:[\w-]{15}|[\w-]{42})$/

/** What was typed, checked against what the command knows. */
export class Arguments {
  readonly positionals: readonly string[]
  readonly #values: ReadonlyMap<string, string | true>

  constructor (positionals: readonly string[], values: ReadonlyMap<string, string | true>) {
    this.positionals = positionals
    this.#values = values
  }

  flag (name: string): boolean {
    return this.#values.get(name) === true
  }

  text (name: string): string | undefined {
    const value = this.#values.get(name)
    return typeof value === 'string' ? value : undefined
  }

  /** Throws a {@link UsageError} for what is no whole number of 1 or more. */
  number (name: string, otherwise: number, most: number): number {
    const text = this.text(name)
    if (text === undefined) return otherwise
    const number = Number(text)
    if (/^\d+$/.test(text) && number >= 1 && number <= most) return number
    throw new UsageError(`--${name} must be a whole number from 1 to ${most}, not ${inspected(text)}`)
  }
}

/**
 * Reads a command line. Throws a {@link UsageError} that names what is wrong, and quotes nothing that may hold a password.
 *
 * @param takes the most positional arguments that the command takes
 */
export function readArguments (command: string, args: readonly string[], options: Options, takes: number): Arguments {
  const { tokens } = parseArgs({ args: [...args], options: { ...options }, strict: false, tokens: true })
  const positionals: string[] = []
  const values = new Map<string, string | true>()
  let last = -1
  for (const token of tokens) {
    const typed = args[token.index]
    if (takes > 0 && typed !== undefined && isDashedId(typed, options)) {
      // parseArgs reads it as a group of short options, and reports each letter separately.
      if (token.index !== last) positionals.push(typed)
      last = token.index
      continue
    }
    if (token.kind === 'positional') positionals.push(token.value)
    if (token.kind !== 'option') continue
    const { name, value, inlineValue } = token
    const option = options[name]
    if (option === undefined) throw new UsageError(`There is no option ${shown(token.rawName)} for ${command}. ${suggestion(name, Object.keys(options))}`)
    if (values.has(name)) throw new UsageError(`--${name} stands there twice`)
    if (option.type === 'boolean' && value !== undefined) throw new UsageError(`--${name} takes no value`)
    if (option.type === 'string' && (value === undefined || value === '' || (inlineValue === false && value.startsWith('--')))) throw new UsageError(`--${name} needs a value: --${name} ${option.value ?? 'TEXT'}`)
    values.set(name, value ?? true)
  }
  if (positionals.length > takes) throw new UsageError(`${command} does not take ${inspected(positionals[takes])}. ${takes === 0 ? 'It takes options alone' : `It takes ${takes === 1 ? 'one argument' : `${takes} arguments`} and options`}`)
  return new Arguments(positionals, values)
}

/** Whether it is an id or a token that begins with a dash, as one in 64 does, and no long option. */
function isDashedId (typed: string, options: Options): boolean {
  return DASHED_ID.test(typed) && options[typed.slice(2)] === undefined
}

/** A person may have typed a password in the wrong place. */
function shown (rawName: string): string {
  const text = inspected(rawName)
  return text.startsWith('\'') ? rawName : 'of that name'
}

function suggestion (name: string, known: readonly string[]): string {
  const nearest = closest(name, known)
  return nearest === undefined ? `There are: ${known.map(one => `--${one}`).join(', ')}` : `Did you mean --${nearest}?`
}
