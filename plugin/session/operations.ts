import type { FastifyBaseLogger } from 'fastify'
import type { Keeper } from './keeper.js'
import type { OutgoingCookie } from './outgoing-cookie.js'
import type { Patience } from './patience.js'
import { Queue, type Failure } from './queue.js'
import type { SessionValues } from './session-values.js'
import type { NewTokens, SessionStorage } from './storage.js'
import type { UnknownProperties } from './unknown-properties.js'
import type { Changes } from '../commit/changes.js'
import type { Cookie } from '../cookie.js'
import { SessionGoneError } from '../errors.js'
import type { Origin } from '../origin.js'
import { withoutTokens } from '../../stores/errors.js'

/** What all sessions of a registration share. */
export interface Registration {
  readonly storage: SessionStorage
  readonly cookie: Cookie
  /** False: the token comes from elsewhere, and the application passes a new one on. */
  readonly sendsCookies: boolean
  /** Undefined if sessions have no idle timeout. */
  readonly keeper: Keeper | undefined
  readonly unknown: UnknownProperties
}

/** What the operations must know of the request, or of the program outside of one. */
export interface Surroundings extends NewTokens {
  readonly log: FastifyBaseLogger
  readonly reply: { readonly statusCode: number }
  /** The cookie that follows from the operations; undefined if none does. */
  readonly outgoing: OutgoingCookie | undefined
  /** The session as it is now. */
  readonly current: SessionValues
  /** Where the request comes from; undefined if that is not tracked. */
  readonly origin: Origin | undefined
  /** The request's own touch, while one is on its way. Writes wait for it: a store that cannot compare could overwrite them with what the touch has read. */
  readonly touching: Promise<void> | undefined
  readonly patience: Patience
  /** An operation has failed. */
  operationFailed (): void
}

/**
 * The commits and destroys of a request, and the cookie that follows from them. They run one after another, and each works on
 * the state of the session at the moment of the call.
 */
export class Operations {
  readonly #storage: SessionStorage
  readonly #of: Surroundings
  readonly #queue = new Queue()
  /** Destroyed sessions that are not deleted yet. */
  #doomed: readonly SessionValues[] = []
  /** Whether a session was deleted. */
  #hasEnded = false

  constructor (storage: SessionStorage, of: Surroundings) {
    this.#storage = storage
    this.#of = of
  }

  /** Whether an operation is running. */
  get isBusy (): boolean {
    return this.#queue.isBusy
  }

  /** Whether an operation is running, or the last one has failed. */
  get isPending (): boolean {
    return this.#queue.isBusy || this.#queue.failure !== undefined
  }

  /** Saves the changes that were made until now. The application goes on. Calls `afterwards` once they are saved, and resolves to its result. */
  commit<R> (afterwards: () => R): Promise<R> {
    const values = this.#of.current
    return this.#run(() => values.take({ goesOn: true }), async (taken, deadline) => {
      await this.#save(values, taken, deadline)
      return afterwards()
    })
  }

  /** Ends the session. `begin` is called at once: what follows belongs to another session. Calls `afterwards` once it has ended. */
  destroy (begin: () => void, afterwards: () => void): Promise<void> {
    const ended = this.#of.current
    return this.#run(begin, async (_begun, deadline) => {
      this.#doomed = [...this.#doomed, ended]
      await this.#endDoomed(deadline)
      afterwards()
    })
  }

  /** Runs what reads from the store for the application. The reply reports its failure if nobody awaits it. */
  read<R> (work: (deadline: number) => Promise<R>): Promise<R> {
    return this.#queue.read(async () => await this.#of.patience.spend(work), this.#onFailure)
  }

  /** Loads the session anew, without the changes that are not saved. Rejects with `FST_SESSION_GONE` if it has ended. */
  reload (): Promise<void> {
    return this.read(async deadline => {
      const values = this.#of.current
      const reloaded = values.stored === undefined ? undefined : await this.#storage.reload(values.stored, deadline, this.#of.log)
      if (reloaded !== undefined) return values.reload(reloaded.stored, reloaded.content)
      values.rollBack()
      if (values.stored === undefined) return
      values.end()
      throw new SessionGoneError()
    })
  }

  /** Loads the newest values, and keeps the changes that are not saved. Rejects with `FST_SESSION_GONE` if the session has ended. */
  refresh (): Promise<void> {
    return this.read(async deadline => {
      const values = this.#of.current
      const { stored } = values
      if (stored === undefined) throw new SessionGoneError()
      const reloaded = await this.#storage.reload(stored, deadline, this.#of.log)
      if (reloaded !== undefined) return values.refresh(reloaded.stored)
      values.end()
      throw new SessionGoneError()
    })
  }

  /** Whether the session has ended. */
  isEnded (isDestroyed: boolean): Promise<boolean> {
    return this.read(async deadline => {
      const values = this.#of.current
      return (isDestroyed && values.stored === undefined) || await this.#storage.renewals.isEnded(values, deadline)
    })
  }

  /**
   * Before the reply: waits for what is running, and saves what no operation has taken. Rejects if the reply must not be
   * sent, because it would hide a failure. Whoever answers the error finds the session as it was saved last.
   *
   * @returns whether all writes have succeeded
   */
  async finish (): Promise<boolean> {
    if (this.#queue.isBusy) await this.#queue.settled()
    const { failure } = this.#queue
    if (failure !== undefined) this.#answer(failure)
    const lost = failure?.isOfRead === true ? undefined : failure
    if (this.#of.current.mustCommit) await this.#commitRest(lost)
    return lost === undefined
  }

  /** Sends the cookie that is due, if one is. `send` gets a Set-Cookie header, if one is due, and the one that it replaces. */
  sendCookie (send: (header: string | undefined, replaced: string | undefined) => void): void {
    this.#of.outgoing?.sendDue(this.#of.current.stored, this.#hasEnded, send)
  }

  /** Whether the browser still lacks the stored session's current cookie. */
  get isCookieDue (): boolean {
    return this.#of.outgoing?.isDue(this.#of.current.stored) === true
  }

  /** Logs a failure that nobody else has learned of. */
  reportFailure (): void {
    const { failure } = this.#queue
    if (failure === undefined || failure.isReported || failure.isAwaited) return
    failure.isReported = true
    this.#warn(failure.error, `A ${failure.isOfRead ? 'mergeSession(), reload(), isEnded() or regenerate()' : 'destroy() or commit()'} of the session failed, and the application did not await it`)
  }

  /** Refuses a reply that looks like success after a failure. */
  #answer (failure: Failure): void {
    // An application that awaits the operation may answer its failure with a redirect. From one that does not, a redirect
    // looks like success.
    const least = failure.isReported || (failure.isOfRead && failure.isAwaited) ? 0 : failure.isAwaited ? 300 : 400
    if (this.#of.reply.statusCode < least) this.#refuse(failure.error)
    this.reportFailure()
    // The application goes on without the changes that have failed.
    this.#of.current.dropFailed()
  }

  async #commitRest (earlier: Failure | undefined): Promise<void> {
    const values = this.#of.current
    try {
      await this.#queue.runOwn(() => values.take({ goesOn: false }), taken => this.#spend(deadline => this.#save(values, taken, deadline)), this.#onFailure)
    } catch (error) {
      if (earlier?.isLike(error) !== true) this.#refuse(error)
      // The reply already reports the same failure.
      this.#setReported()
      this.#warn(error, 'The session was changed after a commit had failed, and the change could not be saved either')
    }
  }

  #run<T, R> (snapshot: () => T, work: (taken: T, deadline: number) => Promise<R>): Promise<R> {
    return this.#queue.run(snapshot, taken => this.#spend(deadline => work(taken, deadline)), this.#onFailure)
  }

  /** Runs a write in the time that the request has left, after the request's own touch. */
  #spend<R> (work: (deadline: number) => Promise<R>): Promise<R> {
    return this.#of.patience.spend(deadline => {
      const { touching } = this.#of
      return touching === undefined ? work(deadline) : touching.then(() => work(deadline))
    })
  }

  readonly #onFailure = (): void => { this.#of.operationFailed() }

  #refuse (error: unknown): never {
    this.#setReported()
    this.#of.current.rollBack()
    throw error
  }

  #setReported (): void {
    const { failure } = this.#queue
    if (failure !== undefined) failure.isReported = true
  }

  #save (values: SessionValues, taken: Changes, deadline: number): Promise<void> {
    const save = (): Promise<void> => {
      taken.origin = this.#of.origin
      return this.#storage.save(values, taken, deadline, this.#of)
    }
    if (this.#doomed.length === 0) return save()
    // A new session must not begin before the old one has ended.
    return this.#endDoomed(deadline).then(save, (error: unknown) => {
      values.failed(taken)
      throw error
    })
  }

  /** Deletes the destroyed sessions. Tries those again whose delete has failed before. */
  async #endDoomed (deadline: number): Promise<void> {
    for (const session of this.#doomed) {
      if (await this.#storage.end(session, deadline)) this.#hasEnded = true
      this.#doomed = this.#doomed.filter(other => other !== session)
    }
  }

  #warn (error: unknown, message: string): void {
    this.#of.log.warn({ err: withoutTokens(error) }, message)
  }
}
