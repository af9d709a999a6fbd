import { checkedDeadline, checkedKey } from './arguments.js'
import { InPlace } from './in-place.js'
import { Whereabouts, type Predecessor, type Stored } from './stored.js'
import { Unsaved } from './unsaved.js'
import type { SessionContent } from '../codecs/codec.js'
import { untyped } from '../codecs/typed.js'
import { copy, isObject } from '../codecs/value.js'
import { computed, type Changes, type UpdateFunction } from '../commit/changes.js'
import type { Row, Rows } from '../commit/rows.js'
import { Taken } from '../commit/taken.js'
import { InvalidArgumentError } from '../errors.js'
import { inspected } from '../../stores/validate.js'

/**
 * One session as a request sees it: what is in its row, with the request's changes. No method does I/O.
 *
 * The content is decoded when somebody looks. After a commit that took other requests' changes in, it is decoded again.
 */
export class SessionValues {
  readonly #rows: Rows
  readonly where: Whereabouts
  #content: SessionContent | undefined
  /** The content lacks a log that cannot be applied to what is in the row. The commit of that log will fail. */
  #isPartial = false
  readonly #unsaved = new Unsaved()
  readonly #inPlace: InPlace

  private constructor (rows: Rows, stored: Stored | undefined, content: SessionContent | undefined, predecessor: Predecessor | undefined) {
    this.#rows = rows
    this.#inPlace = new InPlace(rows)
    this.where = new Whereabouts(stored, predecessor)
    this.#content = content
  }

  /** A session that was loaded. */
  static of (rows: Rows, stored: Stored, content: SessionContent): SessionValues {
    return new SessionValues(rows, stored, content, undefined)
  }

  /** A session that is not stored. */
  static empty (rows: Rows, predecessor?: Predecessor): SessionValues {
    return new SessionValues(rows, undefined, undefined, predecessor)
  }

  /** Where the session is stored, if it is. */
  get stored (): Stored | undefined {
    return this.where.stored
  }

  get (key: string): unknown {
    const value = untyped(this.#look().values.get(checkedKey(key)))
    if (isObject(value)) this.#hold(key, value)
    return value
  }

  put (key: string, value: unknown): void {
    const { values } = this.#look()
    this.#rows.checkValue(value, checkedKey(key))
    const isLoaded = this.#isLoaded(key, value, values)
    values.set(key, value)
    this.#inPlace.forget(key)
    if (!isLoaded) this.#unsaved.newest.put(key, value)
    else if (isObject(value)) this.#hold(key, value)
  }

  pop (key: string): unknown {
    const value = untyped(this.#look().values.get(checkedKey(key)))
    this.remove(key)
    return value
  }

  /** Takes a key out with the commit that follows at once. Returns undefined if there is no such key. */
  takeOut (key: string): Taken | undefined {
    const { values } = this.#look()
    // Here rather than in the commit: if it throws, nothing is taken out.
    this.#notice()
    if (!values.has(checkedKey(key))) return undefined
    const taken = new Taken(values.get(key))
    values.delete(key)
    this.#unsaved.newest.take(key, taken)
    this.#inPlace.forget(key)
    return taken
  }

  remove (key: string): void {
    if (!this.#look().values.delete(checkedKey(key))) return
    this.#unsaved.newest.remove(key)
    this.#inPlace.forget(key)
  }

  clear (keep: readonly string[] = []): void {
    const { values } = this.#look()
    // Another request may have filled a stored session meanwhile.
    if (values.size === 0 && this.stored === undefined) return
    for (const key of [...values.keys()]) {
      if (keep.includes(key)) continue
      values.delete(key)
      this.#inPlace.forget(key)
    }
    this.#unsaved.newest.clear(keep)
  }

  exists (key: string): boolean {
    return this.#look().values.has(checkedKey(key))
  }

  keys (): string[] {
    return [...this.#look().values.keys()].sort()
  }

  update (key: string, fn: unknown): unknown {
    const { values } = this.#look()
    if (typeof fn !== 'function') throw new InvalidArgumentError(`update needs a function, not ${inspected(fn)}`)
    // The type of a key's value is the application's promise. What is in the row is unknown.
    const compute = fn as UpdateFunction
    // The function gets a copy: what it changes in its argument must not count as a change in place.
    const apply = (value: unknown) => compute(copy(untyped(value), key))
    const computedValue = computed(checkedKey(key), apply, values.get(key))
    this.#rows.checkValue(computedValue, key)
    values.set(key, computedValue)
    this.#unsaved.newest.update(key, apply)
    this.#inPlace.forget(key)
    const value = untyped(computedValue)
    if (isObject(value)) this.#hold(key, value)
    return value
  }

  /** A copy of all values. */
  data (): Record<string, unknown> {
    const data: Record<string, unknown> = {}
    for (const [key, value] of this.#look().values) {
      Object.defineProperty(data, key, { value: copy(untyped(value), key), enumerable: true, configurable: true, writable: true })
    }
    return data
  }

  renew (keepOldFor: number): void {
    this.#unsaved.newest.renew(keepOldFor)
  }

  /** Takes the content of another session in. `row` is the key of its row. */
  merge (row: string, other: SessionContent): void {
    const content = this.#look()
    // What was changed in place until now came first.
    this.#notice()
    for (const [name, value] of other.values) content.values.set(name, value)
    content.deadline = Math.max(content.deadline, other.deadline)
    this.#unsaved.newest.merge(row, other)
  }

  get deadline (): Date {
    return new Date(this.#look().deadline - this.#rows.clockSkew())
  }

  /** What rememberMe was last called with, if it was. */
  get isRemembered (): boolean {
    return this.#look().rememberMe === true
  }

  setDeadline (deadline: unknown): void {
    const content = this.#look()
    const time = Math.round(checkedDeadline(deadline) + this.#rows.clockSkew())
    if (time <= this.#rows.now()) throw new InvalidArgumentError('setDeadline needs a Date in the future; use destroy to end the session now')
    content.deadline = time
    this.#unsaved.newest.setDeadline(time)
  }

  rememberMe (remember: unknown): void {
    const content = this.#look()
    if (typeof remember !== 'boolean') throw new InvalidArgumentError(`rememberMe needs true or false, not ${inspected(remember)}`)
    content.rememberMe = remember
    this.#unsaved.newest.rememberMe(remember)
  }

  /** Whether there are changes that are not saved or being saved. Throws `FST_SESSION_INVALID_VALUE` as {@link take} does. */
  get isChanged (): boolean {
    this.#notice()
    return !this.#unsaved.newest.isEmpty
  }

  /** Whether there are changes that no commit has tried to save. Throws as {@link take} does. */
  get hasUntried (): boolean {
    this.#notice()
    return this.#unsaved.newest.hasUntried
  }

  /** Whether a commit has something to save, or to tell: that an object cannot be kept. */
  get mustCommit (): boolean {
    try {
      return this.isChanged
    } catch {
      return true
    }
  }

  /**
   * Takes the log of changes, for a commit. Throws `FST_SESSION_INVALID_VALUE` if an object was changed in place into
   * something that a session cannot keep.
   *
   * @param options.goesOn the application may go on to change the objects that it has put
   */
  take ({ goesOn }: { readonly goesOn: boolean }): Changes {
    this.#notice()
    if (goesOn) for (const [key, value] of this.#unsaved.newest.lastPuts()) if (isObject(untyped(value))) this.#inPlace.note(key, value as object, undefined)
    return this.#unsaved.take()
  }

  /** What the row is to hold once the changes are saved that were taken. Undefined if that is not known without decoding. */
  contentWith (taken: Changes): SessionContent | undefined {
    return this.#unsaved.isAll(taken) && !this.#isPartial ? this.#content : undefined
  }

  /** A commit has saved the changes that it took. */
  saved (taken: Changes, stored: Stored | undefined): void {
    this.#unsaved.saved(taken)
    if (stored === undefined) return
    this.where.is(stored)
    const { values, deadline } = stored.row
    if (values === undefined || values !== this.#content?.values) this.#content = undefined
    else if (!this.#unsaved.logs.some(log => log.deadline !== undefined)) this.#content.deadline = deadline
  }

  /** The expiry of the row has moved. If the row was written for that, other requests' changes may be in it. */
  touched (row: Row, written: boolean): void {
    const { stored } = this
    if (stored?.row.key !== row.key) return
    if (written) this.refresh({ token: stored.token, row })
    else this.where.touched(row.expiry)
  }

  /** A commit has failed: the changes that it took come before those that were made since. */
  failed (taken: Changes): void {
    this.#unsaved.failed(taken)
    // What it would have taken is there again.
    if (taken.takes) this.#content = undefined
  }

  /** A commit has found that another request has ended the session. What is left are the request's own changes. */
  end (): void {
    this.where.end()
    this.#content = undefined
    this.#inPlace.drop()
  }

  /** Drops the changes whose commit has failed. */
  dropFailed (): void {
    if (this.#unsaved.newest.dropFailed()) this.#content = undefined
    this.where.renewal = undefined
  }

  /** Drops all changes, and takes what the row holds now. */
  reload (stored: Stored, content: SessionContent): void {
    this.rollBack()
    this.where.is(stored)
    this.#content = content
  }

  /** Takes what the row holds now, and keeps the changes. */
  refresh (stored: Stored): void {
    this.#notice()
    this.where.is(stored)
    this.#content = undefined
  }

  /** Drops all changes: the session is again what was saved last. */
  rollBack (): void {
    this.#unsaved.drop()
    this.#content = undefined
    this.#inPlace.drop()
    this.where.renewal = undefined
  }

  /** The content, decoded at first use. */
  #look (): SessionContent {
    this.#content ??= this.#open()
    return this.#content
  }

  /** What is in the row, with this request's own objects and its changes that are not saved yet. */
  #open (): SessionContent {
    const row = this.stored?.row
    const content = row === undefined ? this.#rows.emptyContent() : this.#rows.decode(row.key, row.data)
    this.#notice()
    if (row !== undefined) this.#inPlace.putInto(content.values, row)
    this.#isPartial = false
    for (const log of this.#unsaved.logs) {
      try {
        log.apply(content)
      } catch {
        // The function of an update has thrown. The commit of this log tells the error.
        this.#isPartial = true
      }
    }
    return content
  }

  /** Whether the row holds this value already and the request has not changed the key. A put of it then changes nothing. */
  #isLoaded (key: string, value: unknown, values: ReadonlyMap<string, unknown>): boolean {
    const row = this.stored?.row
    return row !== undefined && values.has(key) && !this.#unsaved.concerns(key) && this.#inPlace.isIn(row, key, value, values.get(key))
  }

  /** Notes an object that is handed out. What the application has put is saved as it is at the commit anyway. */
  #hold (key: string, value: object): void {
    if (this.#inPlace.isNoted(key, value) || this.#unsaved.newest.hasPut(key)) return
    this.#inPlace.note(key, value, this.#unsaved.concerns(key) ? undefined : this.stored?.row)
  }

  /** Turns changes in place of what was handed out into puts. */
  #notice (): void {
    for (const [key, value] of this.#inPlace.takeChanged()) {
      this.#unsaved.newest.put(key, value)
      this.#content?.values.set(key, value)
    }
  }
}
