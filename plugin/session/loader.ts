import type { Candidate, SessionStorage } from './storage.js'
import type { Settings } from '../options.js'
import type { StoredSession, Successor } from '../../stores/store.js'

/** What the store has for the tokens of a request. */
export interface Loaded {
  /** The rows that were found, in the order of the tokens. */
  readonly candidates: readonly Candidate[]
  /** When the store was asked, by `performance.now()`. */
  readonly askedAt: number
  /** If no row was found: the key of a session that another request has lately renewed. */
  readonly renewed: string | undefined
  /** The request has an old token of the session, which still holds. */
  readonly isFollowed?: boolean
  /** If the session was taken over from another plugin: the Set-Cookie header that takes that plugin's cookie away. */
  readonly replacing?: string
}

/** Loads the rows of sessions by their tokens. */
export class Loader {
  readonly #settings: Settings
  readonly #storage: SessionStorage

  constructor (settings: Settings, storage: SessionStorage) {
    this.#settings = settings
    this.#storage = storage
  }

  load (tokens: readonly string[]): Promise<Loaded> {
    const keys = tokens.map(token => this.#storage.keyOf(token))
    const askedAt = performance.now()
    const failed = (error: unknown): never => {
      this.#settings.report.failed('load', undefined, error)
      throw error
    }
    return this.#settings.store.find(keys).then(({ sessions, renewed = NONE, successors = NONE }) => {
      const candidates = candidatesOf(tokens, keys, sessions)
      const finish = (followed?: Candidate): Loaded => {
        if (followed !== undefined) candidates.push(followed)
        this.#settings.report.load(tokens.length, candidates, askedAt)
        return { candidates, askedAt, renewed: candidates.length === 0 ? renewed[0] : undefined, isFollowed: followed !== undefined }
      }
      if (candidates.length > 0 || successors.length === 0) return finish()
      return this.#follow(tokens, keys, successors, askedAt).then(finish, failed)
    }, failed)
  }

  /** The first session that has lately been renewed and whose old token still holds. */
  async #follow (tokens: readonly string[], keys: readonly string[], successors: readonly Successor[], askedAt: number): Promise<Candidate | undefined> {
    const deadline = askedAt + this.#settings.storeTimeout
    for (const [i, token] of tokens.entries()) {
      const followed = await this.#storage.renewals.follow(token, successors.find(successor => successor.token === keys[i]), deadline)
      if (followed !== undefined) return followed
    }
    return undefined
  }
}

const NONE: readonly never[] = []

/** The keys are compared exactly, whatever the collation. */
function candidatesOf (tokens: readonly string[], keys: readonly string[], sessions: readonly StoredSession[]): Candidate[] {
  const found: Candidate[] = []
  for (let i = 0; i < keys.length && sessions.length > 0; i++) {
    for (const row of sessions) if (row.token === keys[i]) found.push({ token: tokens[i] as string, row })
  }
  return found
}
