import { withStore, type Command } from './command.js'
import { idIn } from './show.js'
import { JSON_OPTION, SESSIONS, YES, type Arguments } from '../arguments.js'
import { chooseDatabase } from '../databases/choose.js'
import { readingOf, Sessions, type ShownSession } from '../sessions.js'
import { harmless, plural, Progress, type Terminal } from '../terminal.js'
import { DONE, NOT_SO, UsageError } from '../usage.js'
import type { SessionStore } from '../../stores/store.js'

/** How many sessions are ended at once: they share statements. */
const BATCH = 100
/** How often all sessions are read again, for those that were renewed meanwhile. */
const MOST_PASSES = 10

/** Ends sessions. */
export const destroy: Command = {
  name: 'destroy',
  usage: 'ID | --owner X | --all',
  help: 'sign out: end one session, those of an owner, or all',
  options: {
    ...SESSIONS,
    owner: { type: 'string', value: 'X', help: 'the sessions of this owner; needs --owner-key' },
    all: { type: 'boolean', help: 'every session in the table' },
    ...YES,
    ...JSON_OPTION
  },
  takes: 1,
  async run (args, terminal, env) {
    const chosen = choice(args)
    const reading = readingOf(args)
    if (terminal.ask === undefined && !args.flag('yes')) throw new UsageError('destroy cannot be undone, and there is no terminal to ask: write --yes')
    const database = chooseDatabase(args, env)
    return await withStore(database, async store => {
      const sessions = new Sessions(store, reading)
      let count = 0
      for await (const { id } of sessionsOf(sessions, chosen)) if (id !== '') count++
      if (count === 0) {
        await report(0, args, terminal)
        return chosen.all === true || chosen.owner !== undefined ? DONE : NOT_SO
      }
      if (!args.flag('yes') && !await isWanted(count, chosen, `${database.table} in ${database.place}`, terminal)) {
        terminal.tell('Nothing was ended.\n')
        return NOT_SO
      }
      await report(await endAll(store, sessions, chosen, count, terminal), args, terminal)
      return DONE
    })
  }
}

interface Choice {
  readonly id?: string
  readonly owner?: string
  readonly all?: true
}

function choice (args: Arguments): Choice {
  const owner = args.text('owner')
  const all = args.flag('all')
  const given = args.positionals.length + Number(owner !== undefined) + Number(all)
  if (given !== 1) throw new UsageError(`destroy needs one of ID, --owner X and --all${given === 0 ? '' : `, not ${given} of them`}`)
  if (all) return { all }
  return owner === undefined ? { id: idIn(args.positionals, 'destroy') } : { owner }
}

async function * sessionsOf (sessions: Sessions, { id, owner }: Choice): AsyncIterable<ShownSession> {
  if (owner !== undefined) yield * sessions.of(owner)
  else if (id === undefined) yield * sessions.all()
  else yield * [await sessions.find(id) ?? []].flat()
}

async function isWanted (count: number, { owner, all }: Choice, place: string, terminal: Terminal): Promise<boolean> {
  const whose = all === true ? 'all ' : ''
  const answer = await terminal.ask?.(`End ${whose}${plural(count, 'session')}${owner === undefined ? '' : ` of ${harmless(owner)}`} (${place})? This cannot be undone. Type yes: `)
  return answer?.trim().toLowerCase() === 'yes'
}

/** Reads again until there is none, so that a session that was renewed meanwhile is ended, too. */
async function endAll (store: SessionStore, sessions: Sessions, chosen: Choice, count: number, terminal: Terminal): Promise<number> {
  const progress = new Progress(terminal, 'destroy', count)
  const end = async (batch: readonly ShownSession[]) => {
    await Promise.all(batch.map(async ({ key }) => { await store.delete(key) }))
    progress.add(batch.length)
  }
  for (let pass = 0, before = -1; pass < MOST_PASSES && progress.done !== before; pass++) {
    before = progress.done
    let batch: ShownSession[] = []
    for await (const session of sessionsOf(sessions, chosen)) {
      if (batch.push(session) < BATCH) continue
      await end(batch)
      batch = []
    }
    if (batch.length > 0) await end(batch)
    // An id belongs to one session, and a renewed session has another.
    if (chosen.id !== undefined) break
  }
  progress.end()
  return progress.done
}

async function report (count: number, args: Arguments, terminal: Terminal): Promise<void> {
  await terminal.write(args.flag('json') ? `${JSON.stringify({ ended: count })}\n` : count === 0 ? 'There is no such session.\n' : `${plural(count, 'session')} ended.\n`)
}
