import type { Arguments } from './arguments.js'
import { UsageError } from './usage.js'
import type { Codec, SessionContent } from '../plugin/codecs/codec.js'
import { gobCodec } from '../plugin/codecs/gob/codec.js'
import { textCodec } from '../plugin/codecs/text.js'
import { untyped } from '../plugin/codecs/typed.js'
import { asBuffer } from '../stores/bytes.js'
import { idOfHash, sessionId } from '../stores/session-id.js'
import type { SessionStore, StoredSession } from '../stores/store.js'
import { inspected } from '../stores/validate.js'

/** A session as the commands show it. */
export interface ShownSession {
  /** `session.id` of the plugin. */
  readonly id: string
  /** The key of its row: a secret where tokens are not hashed. */
  readonly key: string
  /** The value of the key that --owner-key names; undefined if there is none. */
  readonly owner: string | undefined
  /** When the row expires, in milliseconds since 1970 UTC. */
  readonly expires: number
  /** In bytes. */
  readonly size: number
  /** Undefined if the codec cannot read it. */
  readonly content: SessionContent | undefined
}

const CODECS: ReadonlyMap<string, Codec> = new Map([['text', textCodec], ['gob', gobCodec]])
const PAGE = 1000
/** Rows read at once to find one. */
const FEW = 4

/** How sessions are read: what the options of the command line say. */
export interface Reading {
  readonly codec: Codec
  readonly ownerKey: string | undefined
  readonly isHashed: boolean
}

/** The options --codec, --owner-key and --unhashed, and --owner beside them. Throws a {@link UsageError}. */
export function readingOf (args: Arguments): Reading {
  const name = args.text('codec') ?? 'text'
  const codec = CODECS.get(name)
  if (codec === undefined) throw new UsageError(`--codec must be text or gob, not ${inspected(name)}. Sessions of another codec are listed with --codec text, without their values`)
  const ownerKey = args.text('owner-key')
  if (args.text('owner') !== undefined && ownerKey === undefined) throw new UsageError('--owner needs --owner-key: the key of the value that says whose session it is, for example --owner-key userId')
  return { codec, ownerKey, isHashed: !args.flag('unhashed') && codec.isShared !== true }
}

/** The live sessions of a store. */
export class Sessions {
  readonly #store: SessionStore
  readonly #reading: Reading

  constructor (store: SessionStore, reading: Reading) {
    this.#store = store
    this.#reading = reading
  }

  /** All live sessions, in constant memory. */
  async * all (): AsyncIterable<ShownSession> {
    yield * this.#read(PAGE)
  }

  /** Those of an owner. */
  async * of (owner: string): AsyncIterable<ShownSession> {
    for await (const session of this.all()) if (session.owner === owner) yield session
  }

  async find (id: string): Promise<ShownSession | undefined> {
    // An id of a hash is how the key begins, so the index of the key finds it.
    if (this.#reading.isHashed) {
      for await (const session of this.#read(FEW, id)) {
        if (session.id === id) return session
        // In a table that ignores case, keys that differ in case alone stand side by side.
        if (session.id.toLowerCase() !== id.toLowerCase()) break
      }
    }
    for await (const session of this.all()) if (session.id === id) return session
    return undefined
  }

  async * #read (page: number, after?: string): AsyncIterable<ShownSession> {
    const { now } = await this.#store.find([])
    const started = performance.now()
    for await (const row of this.#store.scan(page, after === undefined ? {} : { after })) {
      const shown = this.#shown(row, now + performance.now() - started)
      if (shown !== undefined) yield shown
    }
  }

  /** Undefined for a row that is no session, because its deadline has passed. */
  #shown ({ token, data, ttl }: StoredSession, now: number): ShownSession | undefined {
    const content = this.#decode(token, data)
    if (content !== undefined && content.deadline <= now) return undefined
    const owner = this.#reading.ownerKey === undefined ? undefined : untyped(content?.values.get(this.#reading.ownerKey))
    return { id: this.#idOf(token, data), key: token, owner: ownerText(owner), expires: now + ttl, size: data.length, content }
  }

  /** If neither codec text nor encrypted() wrote the row, its key may be the token itself, whatever the options say. */
  #idOf (key: string, data: Uint8Array): string {
    const isOurs = /^FS[SE]1 /.test(asBuffer(data).toString('latin1', 0, 5))
    return this.#reading.isHashed && isOurs ? idOfHash(key) : sessionId(key)
  }

  #decode (token: string, data: Uint8Array): SessionContent | undefined {
    try {
      return this.#reading.codec.decode(data, { rowKey: token })
    } catch {
      return undefined
    }
  }
}

function ownerText (owner: unknown): string | undefined {
  return typeof owner === 'string' || typeof owner === 'number' || typeof owner === 'bigint' ? String(owner) : undefined
}
