/** Which request a fault is for: those whose text matches (all of them without a pattern), and of these the n-th from now on. */
interface Aim {
  left: number
  readonly match: RegExp | undefined
}

/**
 * What a test can make go wrong. The text of a request is the T-SQL that was sent, or BEGIN TRANSACTION, COMMIT
 * TRANSACTION, ROLLBACK TRANSACTION for the driver's transaction requests.
 */
export class Faults {
  #delay: { ms: number, match: RegExp | undefined } | undefined
  #dropAnswer: Aim | undefined
  #dropRequest: Aim | undefined
  #fail: (Aim & { number: number }) | undefined
  #login: number | null = null
  #clock: number | null = null
  #packetSize: number | null = null
  #deaf: Array<() => void> | undefined

  /** Every matching request waits so long before it is run. It can be cancelled while it waits. 0 ends that. */
  delay (ms: number, match?: RegExp): void {
    this.#delay = ms > 0 ? { ms, match } : undefined
  }

  /** The n-th matching request is carried out, then the connection is cut in the middle of the answer. */
  dropMidPacket (n = 1, match?: RegExp): void {
    this.#dropAnswer = { left: n, match }
  }

  /** The connection is cut when the n-th matching request has arrived, which is not carried out. */
  dropBefore (n = 1, match?: RegExp): void {
    this.#dropRequest = { left: n, match }
  }

  /** The n-th matching request is not carried out but answered with this error; 1205 ends the transaction. */
  failStatement (n: number, errorNumber: number, match?: RegExp): void {
    this.#fail = { left: n, number: errorNumber, match }
  }

  /** Every login is answered with this error: 18456, 4060, 40613 (which tedious tries again), ... null ends that. */
  refuseLogins (errorNumber: number | null): void {
    this.#login = errorNumber
  }

  /** The server's clock stands still at this time, in milliseconds since 1970. null lets it go on. */
  clock (epochMs: number | null): void {
    this.#clock = epochMs
  }

  /** Responses come in packets of so many bytes of content. null is what the client asked for. */
  splitPackets (bytes: number | null): void {
    this.#packetSize = bytes
  }

  /** Attentions are not heeded until `hear()`. */
  deafen (): void {
    this.#deaf ??= []
  }

  hear (): void {
    const attentions = this.#deaf ?? []
    this.#deaf = undefined
    for (const heed of attentions) heed()
  }

  /** Ends all of them. */
  reset (): void {
    this.hear()
    this.#delay = this.#dropAnswer = this.#dropRequest = this.#fail = undefined
    this.#login = this.#clock = this.#packetSize = null
  }

  /** @internal */
  get login (): number | null { return this.#login }

  /** @internal */
  get time (): number | null { return this.#clock }

  /** @internal */
  get packetSize (): number | null { return this.#packetSize }

  /** @internal */
  attend (heed: () => void): void {
    if (this.#deaf === undefined) heed()
    else this.#deaf.push(heed)
  }

  /** What befalls this request. @internal */
  meet (text: string): { delay: number, dropBefore: boolean, dropAnswer: boolean, error: number | null } {
    const delay = this.#delay !== undefined && matches(this.#delay.match, text) ? this.#delay.ms : 0
    const dropBefore = strikes(this.#dropRequest, text)
    if (dropBefore) this.#dropRequest = undefined
    const dropAnswer = strikes(this.#dropAnswer, text)
    if (dropAnswer) this.#dropAnswer = undefined
    const failing = this.#fail
    const error = failing !== undefined && strikes(failing, text) ? failing.number : null
    if (error !== null) this.#fail = undefined
    return { delay, dropBefore, dropAnswer, error }
  }
}

function matches (pattern: RegExp | undefined, text: string): boolean {
  // A global pattern would remember where it stopped.
  return pattern === undefined || new RegExp(pattern.source, pattern.flags.replace('g', '')).test(text)
}

function strikes (aim: Aim | undefined, text: string): boolean {
  return aim !== undefined && matches(aim.match, text) && --aim.left <= 0
}
