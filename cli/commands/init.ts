import { reach, type Command } from './command.js'
import { DATABASE, JSON_OPTION } from '../arguments.js'
import { chooseDatabase, type Database } from '../databases/choose.js'
import { DONE } from '../usage.js'
import { TableMissingError } from '../../stores/errors.js'

/** Creates the table if it is missing. */
export const init: Command = {
  name: 'init',
  usage: '',
  help: 'create the table if it is missing, and try it',
  options: { ...DATABASE, ...JSON_OPTION },
  takes: 0,
  async run (args, terminal, env) {
    const database = chooseDatabase(args, env)
    const isCreated = !await isThere(database)
    if (isCreated) await open(database, true)
    const { table, place } = database
    await terminal.write(args.flag('json')
      ? `${JSON.stringify({ table, place, created: isCreated })}\n`
      : `The table ${table} in ${place} ${isCreated ? 'was created' : 'is there already'}, and works.\n`)
    return DONE
  }
}

async function isThere (database: Database): Promise<boolean> {
  try {
    await open(database, false)
    return true
  } catch (error) {
    if (error instanceof TableMissingError) return false
    throw error
  }
}

async function open (database: Database, createTable: boolean): Promise<void> {
  const store = database.store({ createTable })
  try {
    await reach(store, database)
  } finally {
    await store.close()
  }
}
