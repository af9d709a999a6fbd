import type { Access } from './access.js'
import { CommitLostError, LostError, UnreachedError } from './database.js'
import { renewedAmong } from './rows.js'
import { successorNote } from '../successor.js'
import { timerUntil } from '../deadline.js'
import { StoreUnavailableError } from '../errors.js'
import type { Found, NewSession, StoredSession, Write } from '../store.js'

/** One transaction: {@link SessionStore.rewrite} once. */
export interface Rewrite {
  readonly tokens: readonly string[]
  readonly decide: (found: Found) => readonly Write[]
  /** Checks that a session fits into its row, and makes it fit where that may be done. */
  readonly fit: (session: NewSession) => NewSession
}

/** What a transaction replaced, and by what. */
interface Change {
  readonly before: readonly StoredSession[]
  readonly written: readonly NewSession[]
}

/** Locks rows, decides what to write, and writes it, in one transaction. */
export class Transactions<Connection> {
  readonly #access: Access<Connection>

  constructor (access: Access<Connection>) {
    this.#access = access
  }

  /**
   * @param deadline when the caller stops waiting, in milliseconds of `performance.now()`
   * @param lockTimeoutMs how long to wait for a row that somebody else has locked
   */
  async run (rewrite: Rewrite, deadline: number, lockTimeoutMs: number): Promise<void> {
    const { attempts, database, reader } = this.#access
    await attempts.repeat(deadline, false, async limit => {
      let change: Change = { before: [], written: [] }
      try {
        await database.transact(limit, async connection => {
          const { live, renewed, now } = await reader.findAndLock(connection, rewrite.tokens, lockTimeoutMs)
          if (performance.now() > deadline) throw new StoreUnavailableError('the session was locked for too long')
          const writes = rewrite.decide({ now, sessions: rewrite.tokens.flatMap(token => live.get(token) ?? []), ...renewedAmong(rewrite.tokens, renewed) })
          change = changeOf(writes, live)
          for (const write of writes) await this.#carryOut(connection, write, rewrite, lockTimeoutMs)
        })
      } catch (error) {
        if (!(error instanceof CommitLostError)) throw error
        await this.#lookUp(change, error, deadline)
      }
    })
  }

  async #carryOut (connection: Connection, write: Write, { fit }: Rewrite, lockTimeoutMs: number): Promise<void> {
    const { database } = this.#access
    switch (write.kind) {
      case 'insert': await database.insert(connection, [fit(write.session)]); break
      case 'update': await database.overwrite(connection, fit(write.session)); break
      case 'move': await database.overwrite(connection, { token: write.token, data: successorNote(write), ttl: 0 }); break
      case 'delete': if (database.isPossible(write.token)) await database.remove(connection, [write.token], lockTimeoutMs); break
    }
  }

  /**
   * Finds out what became of a transaction whose COMMIT was not answered. Resolves if it was committed, and rejects with
   * {@link UnreachedError} if it was undone. If neither is certain, it may have been committed and overwritten since, and
   * must not be repeated: rejects with {@link LostError}.
   */
  async #lookUp ({ before, written }: Change, { message, cause }: CommitLostError, deadline: number): Promise<void> {
    const { attempts, database } = this.#access
    const outcome = await attempts.repeat(deadline, true, async limit => await database.transact(limit, async connection => {
      // The server may still be busy with the lost connection, and holds the locks as long as it is.
      const hold = async (sessions: readonly NewSession[]) =>
        sessions.length === 0 || await database.holds(connection, sessions, timerUntil(limit))
      if (await hold(written)) return 'committed'
      return await hold(before) ? 'undone' : 'unknown'
    })).catch(() => 'unknown')
    if (outcome === 'undone') throw new UnreachedError(message, { cause })
    if (outcome === 'unknown') throw new LostError(message, { cause })
  }
}

function changeOf (writes: readonly Write[], live: ReadonlyMap<string, StoredSession>): Change {
  const before: StoredSession[] = []
  const written: NewSession[] = []
  for (const write of writes) {
    if (write.kind === 'insert' || write.kind === 'update') written.push(write.session)
    const replaced = write.kind === 'insert' ? undefined : live.get(write.kind === 'update' ? write.session.token : write.token)
    if (replaced !== undefined) before.push(replaced)
  }
  return { before, written }
}
