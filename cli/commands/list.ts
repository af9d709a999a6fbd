import { withStore, type Command } from './command.js'
import { JSON_OPTION, SESSIONS } from '../arguments.js'
import { chooseDatabase } from '../databases/choose.js'
import { readingOf, Sessions, type ShownSession } from '../sessions.js'
import { colored, harmless, plural, sized, timed } from '../terminal.js'
import { DONE } from '../usage.js'

const ID_WIDTH = 16
const TIME_WIDTH = 20
const SIZE_WIDTH = 8

/** Lists the live sessions. */
export const list: Command = {
  name: 'list',
  usage: '',
  help: 'list the live sessions; with --json one object a line',
  options: {
    ...SESSIONS,
    owner: { type: 'string', value: 'X', help: 'only the sessions of this owner' },
    limit: { type: 'string', value: 'N', help: 'at most so many' },
    ...JSON_OPTION
  },
  takes: 0,
  async run (args, terminal, env) {
    const limit = args.number('limit', Infinity, Number.MAX_SAFE_INTEGER)
    const reading = readingOf(args)
    const isJson = args.flag('json')
    const owner = args.text('owner')
    return await withStore(chooseDatabase(args, env), async store => {
      const sessions = new Sessions(store, reading)
      let count = 0
      for await (const session of owner === undefined ? sessions.all() : sessions.of(owner)) {
        if (count === limit) break
        if (count++ === 0 && !isJson) await terminal.write(`${colored(terminal, 'dim', line('id', 'expires (UTC)', 'size', 'owner'))}\n`)
        await terminal.write(`${isJson ? JSON.stringify(asJson(session)) : asLine(session)}\n`)
      }
      if (!isJson) terminal.tell(`${plural(count, 'session')}\n`)
      return DONE
    })
  }
}

function asLine ({ id, expires, size, owner, content }: ShownSession): string {
  return line(id, timed(expires), sized(size), content === undefined ? '(not readable with this codec)' : harmless(owner ?? ''))
}

function line (id: string, expires: string, size: string, owner: string): string {
  return `${id.padEnd(ID_WIDTH)}  ${expires.padEnd(TIME_WIDTH)}  ${size.padStart(SIZE_WIDTH)}  ${owner}`.trimEnd()
}

function asJson ({ id, expires, size, owner, content }: ShownSession): object {
  return { id, owner: owner ?? null, expires: new Date(expires), size, readable: content !== undefined }
}
