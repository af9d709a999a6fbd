import { SqlError } from '../sql-error.js'
import type { Value } from '../types.js'
import type { Session } from './session.js'

/** The arguments of a procedure, by name in lower case with the @, or by position. */
export class Arguments {
  readonly #named = new Map<string, Value>()
  readonly #positions: readonly Value[]

  constructor (args: readonly { readonly name: string, readonly value: Value }[]) {
    for (const { name, value } of args) if (name !== '') this.#named.set(name.toLowerCase(), value)
    this.#positions = args.filter(({ name }) => name === '').map(({ value }) => value)
  }

  get (name: string, position: number): Value | undefined {
    return this.#named.get(name) ?? this.#positions[position]
  }

  text (name: string, position: number, fallback: string): string {
    const value = this.get(name, position)
    return value === undefined || value === null ? fallback : String(value)
  }
}

/** Runs a system procedure and returns its status; undefined if there is none of that name. */
export async function runProcedure (name: string, args: Arguments, session: Session): Promise<number | undefined> {
  switch (name.toLowerCase()) {
    case 'sp_getapplock': return await getAppLock(args, session)
    case 'sp_releaseapplock': return await releaseAppLock(args, session)
    default: return undefined
  }
}

async function getAppLock (args: Arguments, session: Session): Promise<number> {
  const resource = args.text('@resource', 0, '')
  const mode = args.text('@lockmode', 1, '')
  const owner = args.text('@lockowner', 2, 'Transaction').toLowerCase()
  const timeout = Number(args.get('@locktimeout', 3) ?? session.settings.lockTimeout)
  if (!/^(shared|update|exclusive|intentshared|intentexclusive)$/i.test(mode) || (owner !== 'session' && owner !== 'transaction')) {
    throw new SqlError(15600, "An invalid parameter or option was specified for procedure 'sys.sp_getapplock'.", 15)
  }
  if (owner === 'transaction' && session.transactions === 0) {
    throw new SqlError(15600, "An invalid parameter or option was specified for procedure 'sys.sp_getapplock'.", 15)
  }
  try {
    return await session.locks.get(resource, owner, timeout)
  } catch (error) {
    if (error instanceof SqlError && error.number === 1205) return -3
    throw error
  }
}

async function releaseAppLock (args: Arguments, session: Session): Promise<number> {
  const resource = args.text('@resource', 0, '')
  const owner = args.text('@lockowner', 1, 'Transaction').toLowerCase() === 'session' ? 'session' : 'transaction'
  if (await session.locks.release(resource, owner)) return 0
  throw new SqlError(1223, `Cannot release the application lock (Database Principal: 'public', Resource: '${resource}') because it is not currently held.`)
}
