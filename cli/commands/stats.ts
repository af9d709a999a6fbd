import { withStore, type Command } from './command.js'
import { DATABASE, JSON_OPTION } from '../arguments.js'
import { chooseDatabase } from '../databases/choose.js'
import { aligned, counted, sized, timed } from '../terminal.js'
import { DONE } from '../usage.js'

/** Counts what is in the table. */
export const stats: Command = {
  name: 'stats',
  usage: '',
  help: 'count the sessions and their sizes; this reads the whole table',
  options: { ...DATABASE, ...JSON_OPTION },
  takes: 0,
  async run (args, terminal, env) {
    const database = chooseDatabase(args, env)
    const figures = await withStore(database, async () => await database.figures())
    const { live, expired, averageSize, largestSize, totalSize, firstExpiry, lastExpiry } = figures
    if (args.flag('json')) {
      const date = (time: number | null) => time === null ? null : new Date(time)
      await terminal.write(`${JSON.stringify({ ...figures, firstExpiry: date(firstExpiry), lastExpiry: date(lastExpiry) })}\n`)
      return DONE
    }
    await terminal.write(aligned([
      ['live sessions', counted(live)],
      ['expired rows', counted(expired)],
      ['average size', sized(averageSize)],
      ['largest', sized(largestSize)],
      ['data in all', sized(totalSize)],
      ...firstExpiry === null || lastExpiry === null ? [] : [['next to expire', timed(firstExpiry)], ['last to expire', timed(lastExpiry)]] as const
    ]))
    return DONE
  }
}
