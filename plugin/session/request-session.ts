import { inspect } from 'node:util'
import { checkCookieOptions, checkedKeys, checkedRenewal } from './arguments.js'
import { exclusive } from './exclusive.js'
import type { SessionHost } from './host.js'
import type { SessionCallback } from './outcome.js'
import type { ExclusiveOptions, RenewalOptions, Session, SessionStatus } from './session.js'
import { sessionCookie, type SessionCookie } from './session-cookie.js'
import { guardProperties } from './unknown-properties.js'
import { untyped } from '../codecs/typed.js'
import { isObject } from '../codecs/value.js'
import { InvalidArgumentError } from '../errors.js'
import { isToken } from '../token.js'
import { inspected } from '../../stores/validate.js'

/** A session as the application has it. Everything that it does not inherit from {@link Session} is private. */
export class RequestSession implements Session {
  static {
    guardProperties(RequestSession.prototype, (session, name) => {
      // The prototype itself may be read, too.
      if (#life in session) session.#life.warnOfUnknown(name)
    })
  }

  readonly #life: SessionHost

  constructor (life: SessionHost) {
    this.#life = life
  }

  get<K extends string> (key: K): never {
    const value = this.#life.look().get(key)
    // The application may change an object in place.
    if (isObject(value)) this.#life.watch()
    return value as never
  }

  put (key: string, value: unknown): void {
    this.#life.edit().put(key, value)
  }

  pop<K extends string> (key: K): never {
    return this.#life.edit().pop(key) as never
  }

  remove (key: string): void {
    this.#life.edit().remove(key)
  }

  clear (): void {
    this.#life.edit().clear()
  }

  exists (key: string): boolean {
    return this.#life.look().exists(key)
  }

  keys (): string[] {
    return this.#life.look().keys()
  }

  update<K extends string> (key: K, fn: (value: never) => unknown): never {
    return this.#life.edit().update(key, fn) as never
  }

  destroy (callback?: SessionCallback): Promise<void> {
    return this.#life.run('destroy', callback, operations => this.#life.destroy(operations))
  }

  take<K extends string> (key: K): Promise<never> {
    return this.#life.run('take', undefined, operations => {
      try {
        const taken = this.#life.edit().takeOut(key)
        return this.#life.commit(operations, () => untyped(taken?.value) as never)
      } catch (error) {
        return operations.read(async () => { throw error })
      }
    })
  }

  exclusive<T> (fn: (lost: AbortSignal) => T | Promise<T>, options?: ExclusiveOptions): Promise<T> {
    return exclusive(this.#life, fn, options)
  }

  renewToken (options?: RenewalOptions): void {
    const keepOldFor = checkedRenewal(options)
    if (keepOldFor > 0 && this.#life.of.storage.rows.areShared) {
      throw new InvalidArgumentError('renewToken({ keepOldFor }) keeps a note in the old row, which other programs on the table cannot read. It does not work with a codec that is shared with them, such as \'gob\'')
    }
    this.#life.edit().renew(keepOldFor)
  }

  mergeSession (token: string): Promise<void> {
    const { of: { storage }, log } = this.#life
    return this.#life.run('mergeSession', undefined, operations => operations.read(async deadline => {
      if (typeof token !== 'string') throw new InvalidArgumentError(`mergeSession needs the token of a session, not ${inspected(token)}`)
      if (!isToken(token) || token === this.token) return
      const other = await storage.read(token, deadline, log)
      if (other !== undefined && other.stored.token !== this.token) this.#life.edit().merge(other.stored.row.key, other.content)
    }))
  }

  get status (): SessionStatus {
    const { isChanged, stored } = this.#life.look()
    if (isChanged) return 'modified'
    return this.#life.isDestroyed && stored === undefined ? 'destroyed' : 'unmodified'
  }

  get token (): string {
    return this.#life.look().where.tellToken()
  }

  get id (): string {
    const { stored } = this.#life.look()
    return stored === undefined ? '' : this.#life.of.storage.idOf(stored.row.key)
  }

  get sessionID (): string {
    return this.id
  }

  get cookie (): SessionCookie {
    const { of: { cookie, storage } } = this.#life
    const { deadline, isRemembered } = this.#life.look()
    return sessionCookie(cookie.settings, deadline, storage.lifetime, cookie.settings.persist || isRemembered)
  }

  get deadline (): Date {
    return this.#life.look().deadline
  }

  setDeadline (deadline: Date): void {
    this.#life.edit().setDeadline(deadline)
  }

  rememberMe (remember: boolean): void {
    this.#life.edit().rememberMe(remember)
    const { of: { cookie, sendsCookies } } = this.#life
    if (!remember && sendsCookies) cookie.warnOfForgetting()
  }

  commit (callback?: SessionCallback): Promise<void> {
    return this.#life.run('commit', callback, operations => this.#life.commit(operations))
  }

  save (callback?: SessionCallback): Promise<void> {
    return this.#life.run('save', callback, operations => this.#life.commit(operations))
  }

  reload (callback?: SessionCallback): Promise<void> {
    return this.#life.run('reload', callback, operations => operations.reload())
  }

  isEnded (): Promise<boolean> {
    return this.#life.run('isEnded', undefined, operations => operations.isEnded(this.#life.isDestroyed))
  }

  touch (callback?: SessionCallback): Promise<void> {
    return this.#life.run('touch', callback, operations => operations.read(() => this.#life.prolong()))
  }

  keepAlive (): void {
    this.#life.lastUntilClose()
  }

  set (key: string, value: unknown): void {
    if (value === undefined) this.remove(key)
    else this.put(key, value)
  }

  regenerate (keep?: readonly string[] | SessionCallback, callback?: SessionCallback): Promise<void> {
    const isKept = typeof keep !== 'function'
    return this.#life.run('regenerate', isKept ? callback : keep, operations => {
      try {
        const kept = checkedKeys(isKept && keep !== undefined ? keep : [])
        this.renewToken()
        this.#life.edit().clear(kept)
        return Promise.resolve()
      } catch (error) {
        return operations.read(async () => { throw error })
      }
    })
  }

  data (): Record<string, unknown> {
    return this.#life.look().data()
  }

  options (options: object): void {
    checkCookieOptions(options)
  }

  /** For console.log: the keys, and no value, which may be a secret. */
  [inspect.custom] (): string {
    return `Session (${this.status}) { ${this.keys().map(key => inspect(key)).join(', ')} }`
  }
}
