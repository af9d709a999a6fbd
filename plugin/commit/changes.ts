import { InvalidValueError } from '../errors.js'
import type { Taken } from './taken.js'
import { Undoable, type Values } from './undoable.js'
import type { SessionContent } from '../codecs/codec.js'
import { untyped } from '../codecs/typed.js'
import { checkValue } from '../codecs/value.js'
import type { Origin } from '../origin.js'
import { asBuffer } from '../../stores/bytes.js'

/** Computes the new value of a key from the newest one. */
export type UpdateFunction = (value: unknown) => unknown

type Change =
  | { readonly kind: 'put', readonly key: string, readonly value: unknown }
  | { readonly kind: 'remove', readonly key: string }
  | { readonly kind: 'update', readonly key: string, readonly fn: UpdateFunction }
  /** {@link Changes.take} */
  | { readonly kind: 'take', readonly key: string, readonly taken: Taken }
  | { readonly kind: 'clear', readonly keep: readonly string[] }
  /** `row` is the key of the other session's row, `content` what the row held when the request asked. */
  | { readonly kind: 'merge', readonly row: string, readonly content: SessionContent }
  | { readonly kind: 'deadline', readonly deadline: number }
  | { readonly kind: 'rememberMe', readonly rememberMe: boolean }
  /** How long requests with the old token still find the session, in milliseconds. */
  | { readonly kind: 'renew', readonly keepOldFor: number }
  | { readonly kind: 'use' }

/** A write that holds these changes and may have been carried out. */
interface Attempt {
  /** The first bytes of what was written, new with every write. */
  readonly version: Uint8Array
  readonly changes: readonly Change[]
}

/**
 * The log of what a request does to its session, in order. A commit takes the log and applies it to the newest content,
 * which another request may have changed meanwhile. If the commit fails, the log is put back.
 */
export class Changes {
  #list: Change[] = []
  /** The changes among them whose commit has failed. */
  #failed: ReadonlySet<Change> = NO_CHANGES
  #attempts: readonly Attempt[] = NO_ATTEMPTS
  #next: Changes | undefined
  /** Where the request that saves them comes from, if that is tracked. */
  origin: Origin | undefined

  get isEmpty (): boolean {
    return this.#list.length === 0
  }

  /** Whether a change is here whose commit has failed. */
  get hasFailed (): boolean {
    return this.#list.some(change => this.#failed.has(change))
  }

  /** Whether nothing is here but that the session was used. */
  get isOnlyUse (): boolean {
    return this.#list.every(({ kind }) => kind === 'use')
  }

  /** Whether a change is here that no commit has tried to save. */
  get hasUntried (): boolean {
    return this.#list.some(change => !this.#failed.has(change))
  }

  /** Whether a change is here that is worth a row even without values. */
  get outlivesValues (): boolean {
    return this.#list.some(({ kind }) => kind === 'merge' || kind === 'deadline' || kind === 'rememberMe')
  }

  /** Whether something is taken out. */
  get takes (): boolean {
    return this.#list.some(({ kind }) => kind === 'take')
  }

  /** Whether the session gets a new token. */
  get renews (): boolean {
    return this.#list.some(({ kind }) => kind === 'renew')
  }

  /** How long a renewal keeps the old token, in milliseconds. Of several renewals the strictest counts. */
  get keepsOldFor (): number {
    const times = this.#list.flatMap(change => change.kind === 'renew' ? [change.keepOldFor] : [])
    return times.length === 0 ? 0 : Math.min(...times)
  }

  /** The deadline that was set last. */
  get deadline (): number | undefined {
    const last = this.#list.findLast(({ kind }) => kind === 'deadline')
    return last?.kind === 'deadline' ? last.deadline : undefined
  }

  /** Whether another session is merged in. */
  get merges (): boolean {
    return this.#list.some(({ kind }) => kind === 'merge')
  }

  /** The keys of the rows that are merged in. */
  get merged (): string[] {
    return this.#list.flatMap(change => change.kind === 'merge' ? [change.row] : [])
  }

  put (key: string, value: unknown): void {
    this.#forget(key)
    this.#list.push({ kind: 'put', key, value })
  }

  remove (key: string): void {
    this.#forget(key)
    this.#list.push({ kind: 'remove', key })
  }

  update (key: string, fn: UpdateFunction): void {
    this.#list.push({ kind: 'update', key, fn })
  }

  /** Removes a key. When the change is saved, `taken` has what the newest session had under it. A commit that fails drops the change. */
  take (key: string, taken: Taken): void {
    this.#list.push({ kind: 'take', key, taken })
  }

  /** Removes all keys but these. */
  clear (keep: readonly string[] = []): void {
    if (keep.length === 0) this.#list = this.#list.filter(change => !('key' in change) && change.kind !== 'clear')
    this.#list.push({ kind: 'clear', keep })
  }

  merge (row: string, content: SessionContent): void {
    this.#list.push({ kind: 'merge', row, content })
  }

  setDeadline (deadline: number): void {
    this.#list.push({ kind: 'deadline', deadline })
  }

  rememberMe (rememberMe: boolean): void {
    this.#list.push({ kind: 'rememberMe', rememberMe })
  }

  renew (keepOldFor = 0): void {
    this.#list.push({ kind: 'renew', keepOldFor })
  }

  use (): void {
    this.#list.push({ kind: 'use' })
  }

  /** Whether a change concerns the key. */
  concerns (key: string): boolean {
    return this.#list.some(change => concernsAll(change) || ('key' in change && change.key === key))
  }

  /** Whether the last change of the key was a put. */
  hasPut (key: string): boolean {
    return this.#list.findLast(change => concernsAll(change) || ('key' in change && change.key === key))?.kind === 'put'
  }

  /** The puts that no later change concerns. */
  lastPuts (): Array<readonly [key: string, value: unknown]> {
    const puts: Array<readonly [string, unknown]> = []
    const changed = new Set<string>()
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const change = this.#list[i] as Change
      if (concernsAll(change)) break
      if (change.kind === 'update' || change.kind === 'take') changed.add(change.key)
      if (change.kind === 'put' && !changed.has(change.key)) puts.push([change.key, change.value])
    }
    return puts
  }

  /** The log that follows this one. What it gets is put back into that. */
  followedBy (): Changes {
    this.#next = new Changes()
    return this.#next
  }

  get next (): Changes | undefined {
    return this.#next
  }

  /** After a failed commit: puts the changes back, before those that came later. */
  putBack (): void {
    const next = this.#next as Changes
    // What a later commit takes nobody would be given.
    next.#list = [...this.#list.filter(({ kind }) => kind !== 'take'), ...next.#list]
    next.#failed = new Set(this.#list)
    next.#attempts = this.#attempts
  }

  /** Drops the changes whose commit has failed. Returns whether there were any. */
  dropFailed (): boolean {
    const { length } = this.#list
    this.#list = this.#list.filter(change => !this.#failed.has(change))
    this.#failed = NO_CHANGES
    this.#attempts = NO_ATTEMPTS
    return this.#list.length < length
  }

  /** Notes a write of all these changes before it is sent: its answer may be lost. */
  noteAttempt (version: Uint8Array | undefined): void {
    if (version !== undefined) this.#attempts = [...this.#attempts, { version, changes: this.#list }]
  }

  get wereAttempted (): boolean {
    return this.#attempts.length > 0
  }

  /** The changes that are not in a row of this version: all of them, unless an attempt of theirs wrote the row. */
  missingIn (version: Uint8Array | undefined): Changes {
    const attempt = version === undefined ? undefined : this.#attempts.find(attempt => asBuffer(attempt.version).equals(version))
    if (attempt === undefined) return this
    const done = new Set(attempt.changes)
    const missing = new Changes()
    missing.#list = this.#list.filter(change => !done.has(change))
    for (const change of missing.#list) if (change.kind === 'take') recover(change, attempt.changes)
    return missing
  }

  /**
   * Applies the changes, all or none: if the function of an update throws, `content` is as before, and the error is thrown.
   *
   * @param merged the newest content of the sessions that are merged in, by the keys of their rows
   */
  apply (content: SessionContent, merged: ReadonlyMap<string, SessionContent> = NO_CONTENTS): void {
    if (!this.#list.some(({ kind }) => kind === 'update')) {
      for (const change of this.#list) applyTo(content, content.values, change, merged)
      return
    }
    const before = { ...content }
    const values = new Undoable(content.values)
    try {
      for (const change of this.#list) applyTo(content, values, change, merged)
    } catch (error) {
      values.undo()
      delete content.notes
      Object.assign(content, before)
      throw error
    }
  }

  /** A put or a remove replaces the changes of its key before it, back to the last change of all keys. */
  #forget (key: string): void {
    for (let i = this.#list.length - 1; i >= 0; i--) {
      const change = this.#list[i] as Change
      if (concernsAll(change)) return
      if ('key' in change && change.key === key) this.#list.splice(i, 1)
    }
  }
}

const NO_CHANGES: ReadonlySet<Change> = new Set()
const NO_ATTEMPTS: readonly Attempt[] = []
const NO_CONTENTS: ReadonlyMap<string, SessionContent> = new Map()

function concernsAll ({ kind }: Change): boolean {
  return kind === 'clear' || kind === 'merge'
}

function applyTo (content: SessionContent, values: Values, change: Change, merged: ReadonlyMap<string, SessionContent>): void {
  switch (change.kind) {
    case 'put': values.set(change.key, change.value); break
    case 'remove': values.delete(change.key); break
    case 'update': values.set(change.key, computed(change.key, change.fn, values.get(change.key))); break
    case 'take': change.taken.takeFrom(values, change.key); break
    case 'clear': for (const key of [...values.keys()]) if (!change.keep.includes(key)) values.delete(key); break
    case 'merge': {
      const other = merged.get(change.row) ?? change.content
      for (const [key, value] of other.values) values.set(key, value)
      if (other.notes !== undefined) content.notes = new Map([...content.notes ?? [], ...other.notes])
      content.deadline = Math.max(content.deadline, other.deadline)
      break
    }
    case 'deadline': content.deadline = change.deadline; break
    case 'rememberMe': content.rememberMe = change.rememberMe; break
    // The renewed session's deadline is decided before the changes are applied, and a use is noted after that.
    case 'renew':
    case 'use': break
  }
}

/** Gives a call of take what an attempt has taken. */
function recover ({ key, taken }: Change & { readonly kind: 'take' }, attempted: readonly Change[]): void {
  const earlier = attempted.find(change => change.kind === 'take' && change.key === key)
  if (earlier?.kind === 'take' && earlier.taken.value !== undefined) taken.recover(earlier.taken)
}

/** What an update's function makes of a value. Throws `FST_SESSION_INVALID_VALUE` for a result that a session cannot keep. */
export function computed (key: string, fn: UpdateFunction, value: unknown): unknown {
  const result = fn(value)
  if (result === undefined) throw new InvalidValueError(key, 'the function given to update returned undefined')
  checkValue(untyped(result), key)
  return result
}
