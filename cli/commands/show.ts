import { withStore, type Command } from './command.js'
import { JSON_OPTION, SESSIONS } from '../arguments.js'
import { chooseDatabase } from '../databases/choose.js'
import { readingOf, Sessions, type ShownSession } from '../sessions.js'
import { aligned, colored, harmless, sized, timed, type Terminal } from '../terminal.js'
import { DONE, NOT_SO, UsageError } from '../usage.js'
import { ID_LENGTH } from '../../stores/session-id.js'
import type { SessionContent } from '../../plugin/codecs/codec.js'
import { trackedText } from '../../plugin/codecs/tracked.js'
import { untyped } from '../../plugin/codecs/typed.js'
import { stringifyAll } from '../../plugin/codecs/value.js'

/** Shows one session, with its values. */
export const show: Command = {
  name: 'show',
  usage: 'ID',
  help: 'show a session with its values; ID is session.id, as in logs',
  options: { ...SESSIONS, ...JSON_OPTION },
  takes: 1,
  async run (args, terminal, env) {
    const id = idIn(args.positionals, 'show')
    const reading = readingOf(args)
    return await withStore(chooseDatabase(args, env), async store => {
      const session = await new Sessions(store, reading).find(id)
      if (session === undefined) {
        terminal.tell(`There is no live session with the id ${id}\n`)
        return NOT_SO
      }
      await terminal.write(args.flag('json') ? `${JSON.stringify(asJson(session))}\n` : asText(session, terminal))
      return DONE
    })
  }
}

/** Throws a {@link UsageError} that does not repeat what may be a token. */
export function idIn ([id]: readonly string[], command: string): string {
  if (id === undefined) throw new UsageError(`${command} needs the id of a session, as session.id has it, or a log or list`)
  if (/^[\w-]{43}$/.test(id)) throw new UsageError(`${command} needs the id of a session. What was typed has the form of a token: whoever reads a token can use the session`)
  if (id.length !== ID_LENGTH || !/^[\w-]+$/.test(id)) throw new UsageError(`${command} needs the id of a session: ${ID_LENGTH} letters, digits, - and _`)
  return id
}

function asText ({ id, owner, expires, size, content }: ShownSession, terminal: Terminal): string {
  const head = aligned([
    ['id', id],
    ...owner === undefined ? [] : [['owner', harmless(owner)] as const],
    ['expires', timed(expires)],
    ...content === undefined ? [] : [['deadline', timed(content.deadline)] as const, ['remember me', content.rememberMe === undefined ? 'not said' : content.rememberMe ? 'yes' : 'no'] as const],
    ...trackedLines(content),
    ['size', sized(size)]
  ])
  if (content === undefined) return `${head}\nIts values cannot be read with this codec.\n`
  const values = Object.entries(valuesIn(content.values)).map(([key, value]) => [harmless(key), harmless(JSON.stringify(value))] as const)
  return `${head}\n${values.length === 0 ? colored(terminal, 'dim', 'no values\n') : aligned(values)}`
}

/** What the plugin's option `track` keeps. */
function trackedLines (content: SessionContent | undefined): Array<readonly [string, string]> {
  const { began, lastUsed, userAgent, address } = content?.tracked ?? {}
  return [
    ...began === undefined ? [] : [['began', timed(began)] as const],
    ...lastUsed === undefined ? [] : [['last used', timed(lastUsed)] as const],
    ...userAgent === undefined ? [] : [['user agent', harmless(userAgent)] as const],
    ...address === undefined ? [] : [['address', harmless(address)] as const]
  ]
}

function asJson ({ id, owner, expires, size, content }: ShownSession): object {
  return {
    id,
    owner: owner ?? null,
    expires: new Date(expires),
    deadline: content === undefined ? null : new Date(content.deadline),
    rememberMe: content?.rememberMe ?? null,
    tracked: content?.tracked === undefined ? null : JSON.parse(trackedText(content.tracked)) as object,
    size,
    values: content === undefined ? null : valuesIn(content.values)
  }
}

/** The values as the default codec writes them: a Date is `{ "$date": … }`. */
function valuesIn (values: ReadonlyMap<string, unknown>): object {
  return JSON.parse(stringifyAll(new Map([...values].map(([key, value]) => [key, untyped(value)])))) as object
}
