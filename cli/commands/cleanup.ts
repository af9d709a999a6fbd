import { withStore, type Command } from './command.js'
import { DATABASE, JSON_OPTION } from '../arguments.js'
import { chooseDatabase } from '../databases/choose.js'
import { plural, Progress } from '../terminal.js'
import { DONE } from '../usage.js'

/** How many rows are deleted before the bar moves. */
const BATCH = 512

/** Deletes expired rows. */
export const cleanup: Command = {
  name: 'cleanup',
  usage: '',
  help: 'delete the rows of expired sessions, as the plugin does every five minutes',
  options: { ...DATABASE, ...JSON_OPTION },
  takes: 0,
  async run (args, terminal, env) {
    const database = chooseDatabase(args, env)
    return await withStore(database, async store => {
      const progress = new Progress(terminal, 'cleanup', await database.countExpired())
      for (let deleted = BATCH; deleted === BATCH; progress.add(deleted)) deleted = await store.deleteExpired(BATCH)
      progress.end()
      await terminal.write(args.flag('json') ? `${JSON.stringify({ deleted: progress.done })}\n` : `${plural(progress.done, 'expired row')} deleted.\n`)
      return DONE
    })
  }
}
