import { reach, type Command } from './command.js'
import { DATABASE, JSON_OPTION } from '../arguments.js'
import { chooseDatabase } from '../databases/choose.js'
import type { Database, Finding } from '../databases/database.js'
import { colored, type Terminal } from '../terminal.js'
import { DONE, NOT_SO, UsageError } from '../usage.js'
import { DriverMissingError, isOwnError, TableMissingError, withoutTokens } from '../../stores/errors.js'

/** Looks at the database and the table, and says what to change. */
export const check: Command = {
  name: 'check',
  usage: '',
  help: 'look at the database and the table, and say what to change',
  options: { ...DATABASE, ...JSON_OPTION },
  takes: 0,
  async run (args, terminal, env) {
    const database = chooseDatabase(args, env)
    const findings = await lookAt(database)
    const changes = findings.filter(({ state }) => state === 'change').length
    const { place, table } = database
    await terminal.write(args.flag('json')
      ? `${JSON.stringify({ place, table, good: changes === 0, findings })}\n`
      : `${place}, table ${table}\n\n${lines(findings, terminal)}\n${changes === 0 ? 'Nothing to change.' : `${changes} to change.`}\n`)
    return changes === 0 ? DONE : NOT_SO
  }
}

async function lookAt (database: Database): Promise<readonly Finding[]> {
  const store = database.store()
  try {
    const demanded = await whatStoreDemands(async () => { await reach(store, database) }, database)
    if (demanded.state === 'good') return [...await database.inspect(), demanded]
    // What else is so can still be told, if it can be seen. The rights were not tried.
    const seen = await database.inspect().catch(() => [])
    return [...seen.filter(({ what }) => what !== 'rights'), demanded]
  } catch (error) {
    if (isOwnError(error) || error instanceof UsageError) throw error
    throw new UsageError(`${database.place} cannot be looked at: ${withoutTokens(error).message}`)
  } finally {
    await store.close()
    await database.close()
  }
}

/** What the store itself demands. */
async function whatStoreDemands (open: () => Promise<void>, { table }: Database): Promise<Finding> {
  try {
    await open()
    return { what: 'table', state: 'good', says: 'the plugin can use it' }
  } catch (error) {
    if (error instanceof UsageError || error instanceof DriverMissingError || !isOwnError(error)) throw error
    if (error instanceof TableMissingError) return { what: 'table', state: 'change', says: 'it is missing', todo: `npx fastify-sql-sessions init${table === 'sessions' ? '' : ` --table ${table}`}` }
    const denied = deniedIn(error)
    if (denied !== undefined) return { what: 'rights', state: 'change', says: denied, todo: `GRANT SELECT, INSERT, UPDATE, DELETE ON ${table} TO this user` }
    const [, says = error.message, todo] = /^(.*?)\.? Run: (.*)$/s.exec(error.message) ?? []
    return { what: 'table', state: 'change', says, ...todo !== undefined && { todo } }
  }
}

/** What the server says of a right that is missing: MySQL and MariaDB, and SQL Server's error 229. */
function deniedIn ({ cause }: Error): string | undefined {
  const isDenied = cause instanceof Error && 'code' in cause && ['ER_TABLEACCESS_DENIED_ERROR', 'ER_COLUMNACCESS_DENIED_ERROR', '229', '230'].includes(String(cause.code))
  return isDenied ? cause.message : undefined
}

const MARKS = { good: ['ok  ', 'green'], note: ['note', 'yellow'], change: ['FIX ', 'red'] } as const

function lines (findings: readonly Finding[], terminal: Terminal): string {
  const width = Math.max(...findings.map(({ what }) => what.length))
  const indent = ' '.repeat(width + 8)
  return findings.map(({ what, state, says, todo }) => {
    const [mark, color] = MARKS[state]
    const line = `${colored(terminal, color, mark)}  ${what.padEnd(width)}  ${says}\n`
    return todo === undefined ? line : `${line}${indent}${colored(terminal, 'bold', todo)}\n`
  }).join('')
}
