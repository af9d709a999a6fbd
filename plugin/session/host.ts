import type { FastifyBaseLogger } from 'fastify'
import type { Operations, Registration } from './operations.js'
import type { Patience } from './patience.js'
import type { SessionValues } from './session-values.js'

/** What a session needs of whoever has loaded it: a request, or a program outside of one. */
export interface SessionHost {
  readonly of: Registration
  readonly log: FastifyBaseLogger
  /** Whether `destroy` was called. */
  readonly isDestroyed: boolean
  /** How long it still waits for the store. */
  readonly patience: Patience
  /** The session, to be read. */
  look (): SessionValues
  /** The session, to be changed. */
  edit (): SessionValues
  /** Something may be changed from now on without a call of {@link edit}. */
  watch (): void
  /** Runs an operation of the application's, and calls back if the application wants that. */
  run<R> (method: string, callback: unknown, operation: (operations: Operations) => Promise<R>): Promise<R>
  /** Resolves to `result`, called after the commit. */
  commit<R = void> (operations: Operations, result?: () => R): Promise<R>
  destroy (operations: Operations): Promise<void>
  /** Moves the expiry now, if that is due. */
  prolong (): Promise<void>
  /** Keeps the session alive until the connection is closed. */
  lastUntilClose (): void
  /** Warns once for each name of a property that the session does not have. */
  warnOfUnknown (name: string): void
}
