import type { FastifyBaseLogger } from 'fastify'
import { checkedCallback } from './arguments.js'
import type { SessionHost } from './host.js'
import type { Loader } from './loader.js'
import { warnOfUnsaved } from './loss.js'
import { Operations, type Registration, type Surroundings } from './operations.js'
import { calledBack } from './outcome.js'
import type { Patience } from './patience.js'
import { withProperties } from './properties.js'
import { RequestSession } from './request-session.js'
import type { Session } from './session.js'
import { SessionValues } from './session-values.js'
import { tokensIn } from '../cookie.js'
import { InvalidArgumentError } from '../errors.js'
import type { Settings } from '../options.js'
import { isToken } from '../token.js'
import { described } from '../../stores/validate.js'

/** What a session outside of a request is made with. */
export interface Outside {
  readonly registration: Registration
  readonly loader: Loader
  readonly settings: Pick<Settings, 'cookie' | 'token' | 'properties'>
  readonly log: FastifyBaseLogger
}

/**
 * Loads a session outside of a request.
 *
 * @param source a Cookie header, or a token
 * @returns undefined if it leads to no live session
 */
export async function loadSession (source: unknown, { registration, loader, settings, log }: Outside): Promise<Session | undefined> {
  const tokens = tokensOf(source, settings)
  if (tokens.length === 0) return undefined
  const loaded = await loader.load(tokens)
  const values = registration.storage.open(loaded, performance.now(), log)
  if (values.stored === undefined) return undefined
  const host = new DetachedLife(registration, values, log)
  const session = new RequestSession(host)
  FORGOTTEN.register(session, host)
  return settings.properties ? withProperties(session, () => {}) : session
}

function tokensOf (source: unknown, { cookie, token }: Outside['settings']): readonly string[] {
  if (source === undefined) return []
  if (typeof source !== 'string') throw new InvalidArgumentError(`load needs a Cookie header, like request.headers.cookie, or a token, not ${described(source)}`)
  if (isToken(source)) return [source]
  return token === undefined ? tokensIn(source, cookie.name) : []
}

/**
 * When a session is collected as garbage, warns if a change of it was lost. The life must not refer to the session, or the
 * session is never collected.
 */
const FORGOTTEN = new FinalizationRegistry<DetachedLife>(life => { life.reportLoss() })

const NO_REPLY = { statusCode: 200 }

/** The life of a session outside of a request. It may not begin another session: nobody would learn its token. */
class DetachedLife implements SessionHost, Surroundings {
  readonly of: Registration
  readonly log: FastifyBaseLogger
  readonly patience: Patience
  readonly reply = NO_REPLY
  readonly outgoing = undefined
  readonly mayBegin = false
  readonly origin = undefined
  readonly touching = undefined
  readonly #operations: Operations
  #values: SessionValues
  #isDestroyed = false

  constructor (of: Registration, values: SessionValues, log: FastifyBaseLogger) {
    this.of = of
    this.log = log
    this.#values = values
    this.patience = of.storage.patience()
    this.#operations = new Operations(of.storage, this)
  }

  get current (): SessionValues {
    return this.#values
  }

  get isDestroyed (): boolean {
    return this.#isDestroyed
  }

  look (): SessionValues {
    return this.#values
  }

  edit (): SessionValues {
    return this.#values
  }

  /** Nothing to do: lost changes are found when the session is collected as garbage. */
  watch (): void {}

  run<R> (method: string, callback: unknown, operation: (operations: Operations) => Promise<R>): Promise<R> {
    const checked = checkedCallback(method, callback)
    return calledBack(operation(this.#operations), checked, error => { this.log.error({ err: error }, 'A function that the session has called back has failed') })
  }

  commit<R = void> (operations: Operations, result?: () => R): Promise<R> {
    return operations.commit(() => result?.() as R)
  }

  destroy (operations: Operations): Promise<void> {
    const begin = () => {
      this.#values = SessionValues.empty(this.of.storage.rows)
      this.#isDestroyed = true
    }
    return operations.destroy(begin, () => {})
  }

  async prolong (): Promise<void> {
    const { storage } = this.of
    await storage.patience().spend(deadline => storage.prolong(this.#values, deadline, this.log))
  }

  lastUntilClose (): void {
    throw new InvalidArgumentError('keepAlive needs a request with a connection, and this session was loaded without one. Call await session.touch() from time to time')
  }

  warnOfUnknown (name: string): void {
    this.of.unknown.warn(this.log, name, 'session')
  }

  canReach (): boolean {
    return true
  }

  operationFailed (): void {
    // A turn later: by then the application may have begun to await the operation.
    setImmediate(() => { this.#operations.reportFailure() })
  }

  /** Warns of changes that no commit has tried to save. */
  reportLoss (): void {
    warnOfUnsaved(this.log, this.#values, 'A session that was loaded outside of a request was changed, and the change was not saved: call await session.commit()')
  }
}
