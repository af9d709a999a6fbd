import { readArguments } from './arguments.js'
import { check } from './commands/check.js'
import { cleanup } from './commands/cleanup.js'
import type { Command } from './commands/command.js'
import { destroy } from './commands/destroy.js'
import { init } from './commands/init.js'
import { list } from './commands/list.js'
import { schema } from './commands/schema.js'
import { show } from './commands/show.js'
import { stats } from './commands/stats.js'
import type { Environment } from './databases/choose.js'
import type { Terminal } from './terminal.js'
import { DONE, FAILED, UsageError, type ExitCode } from './usage.js'
import { closest } from '../stores/closest.js'
import { isOwnError, withoutTokens } from '../stores/errors.js'
import { inspected } from '../stores/validate.js'

const PROGRAM = 'npx fastify-sql-sessions'
const COMMANDS: readonly Command[] = [schema, init, check, list, show, destroy, cleanup, stats]
const HELP = new Set(['help', '--help', '-h'])

/** Runs a command line, and resolves to the exit code. It writes no token and no password. */
export async function main (args: readonly string[], terminal: Terminal, env: Environment): Promise<ExitCode> {
  try {
    const [name, ...rest] = args
    if (name === undefined || HELP.has(name)) {
      const command = rest[0] === undefined ? undefined : commandOf(rest[0])
      await terminal.write(command === undefined ? help() : helpOf(command))
      return name === undefined ? FAILED : DONE
    }
    const command = commandOf(name)
    if (rest.some(argument => argument === '--help' || argument === '-h')) {
      await terminal.write(helpOf(command))
      return DONE
    }
    return await command.run(readArguments(name, rest, command.options, command.takes), terminal, env)
  } catch (error) {
    terminal.tell(`${messageOf(error)}\n`)
    return FAILED
  }
}

function commandOf (name: string): Command {
  const command = COMMANDS.find(command => command.name === name)
  if (command !== undefined) return command
  const names = COMMANDS.map(({ name }) => name)
  const nearest = closest(name, names)
  throw new UsageError(`There is no command ${inspected(name)}. ${nearest === undefined ? `There are: ${names.join(', ')}` : `Did you mean ${nearest}?`}`)
}

function messageOf (error: unknown): string {
  if (error instanceof UsageError) return error.message
  // The option of the plugin is the URL here.
  if (isOwnError(error)) return error.message.replace(/^(mysql|mssql) must be/, 'The URL must be')
  return withoutTokens(error).message
}

function help (): string {
  const width = Math.max(...COMMANDS.map(({ name, usage }) => name.length + usage.length))
  return `usage: ${PROGRAM} COMMAND [options]\n\n` +
    COMMANDS.map(({ name, usage, help }) => `  ${`${name} ${usage}`.padEnd(width + 2)} ${help}\n`).join('') +
    `\nThe database is --url, or MYSQL_URL or MSSQL_URL of the environment. "${PROGRAM} COMMAND --help" shows the options.\n`
}

function helpOf ({ name, usage, help, options }: Command): string {
  const names = Object.entries(options).map(([option, { short, value, help }]) => [`${short === undefined ? '' : `-${short}, `}--${option}${value === undefined ? '' : ` ${value}`}`, help] as const)
  const width = Math.max(...names.map(([option]) => option.length))
  return `usage: ${PROGRAM} ${`${name} ${usage}`.trim()} [options]\n\n${help}\n\n${names.map(([option, help]) => `  ${option.padEnd(width)}  ${help}\n`).join('')}`
}
