/** The request that a fault is for: the n-th from now on whose text matches. Without a pattern every text matches. */
interface Aim {
  left: number
  readonly match: RegExp | undefined
}

/**
 * The faults that a test can cause. The text of a request is the T-SQL that was sent. For the driver's own transaction
 * requests it is BEGIN TRANSACTION, COMMIT TRANSACTION or ROLLBACK TRANSACTION.
 */
export class Faults {
  #delay: { ms: number, match: RegExp | undefined } | undefined
  #dropAnswer: Aim | undefined
  #dropRequest: Aim | undefined
  #fail: Array<Aim & { number: number }> = []
  #login: number | null = null
  #clock: number | null = null
  #packetSize: number | null = null
  #deaf: Array<() => void> | undefined

  /** Delays every matching request before it runs. It can be cancelled during the delay. 0 ends the fault. */
  delay (ms: number, match?: RegExp): void {
    this.#delay = ms > 0 ? { ms, match } : undefined
  }

  /** Runs the n-th matching request, then cuts the connection in the middle of the answer. */
  dropMidPacket (n = 1, match?: RegExp): void {
    this.#dropAnswer = { left: n, match }
  }

  /** Cuts the connection when the n-th matching request arrives. The request does not run. */
  dropBefore (n = 1, match?: RegExp): void {
    this.#dropRequest = { left: n, match }
  }

  /** Answers the n-th matching request with this error. The request does not run. 1205 ends the transaction. Calls add up. */
  failStatement (n: number, errorNumber: number, match?: RegExp): void {
    this.#fail.push({ left: n, number: errorNumber, match })
  }

  /** Answers every login with this error, such as 18456, 4060 or 40613 (which tedious retries). null ends the fault. */
  refuseLogins (errorNumber: number | null): void {
    this.#login = errorNumber
  }

  /** Stops the server's clock at this time, in milliseconds since 1970. null lets it run again. */
  clock (epochMs: number | null): void {
    this.#clock = epochMs
  }

  /** Sends responses in packets of this many bytes of content. null restores the size that the client asked for. */
  splitPackets (bytes: number | null): void {
    this.#packetSize = bytes
  }

  /** Ignores attentions (the client's cancellations) until `hear()`. */
  deafen (): void {
    this.#deaf ??= []
  }

  hear (): void {
    const attentions = this.#deaf ?? []
    this.#deaf = undefined
    for (const heed of attentions) heed()
  }

  /** Ends all faults. */
  reset (): void {
    this.hear()
    this.#delay = this.#dropAnswer = this.#dropRequest = undefined
    this.#fail = []
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

  /** Returns the faults of this request. @internal */
  meet (text: string): { delay: number, dropBefore: boolean, dropAnswer: boolean, error: number | null } {
    const delay = this.#delay !== undefined && matches(this.#delay.match, text) ? this.#delay.ms : 0
    const dropBefore = strikes(this.#dropRequest, text)
    if (dropBefore) this.#dropRequest = undefined
    const dropAnswer = strikes(this.#dropAnswer, text)
    if (dropAnswer) this.#dropAnswer = undefined
    const struck = this.#fail.filter((aim) => strikes(aim, text))
    this.#fail = this.#fail.filter((aim) => !struck.includes(aim))
    return { delay, dropBefore, dropAnswer, error: struck[0]?.number ?? null }
  }
}

function matches (pattern: RegExp | undefined, text: string): boolean {
  // A pattern with the flag g would continue where its last match ended.
  return pattern === undefined || new RegExp(pattern.source, pattern.flags.replace('g', '')).test(text)
}

function strikes (aim: Aim | undefined, text: string): boolean {
  return aim !== undefined && matches(aim.match, text) && --aim.left <= 0
}
