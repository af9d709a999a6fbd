/** What a commit takes out of a session. Each time that the change is applied to a newer content, what is in that one counts. */
export class Taken {
  #value: unknown
  /** An earlier attempt has taken the value, and its answer was lost. */
  #isRecovered = false

  /** @param value what the request has found */
  constructor (value: unknown) {
    this.#value = value
  }

  get value (): unknown {
    return this.#value
  }

  /** Takes what is under the key of a newer content. */
  takeFrom (values: Pick<Map<string, unknown>, 'get' | 'delete'>, key: string): void {
    // Nobody else was given what was taken then, and what has been put since is another value.
    if (this.#isRecovered) return
    this.#value = values.get(key)
    values.delete(key)
  }

  /** A write whose answer was lost turns out to have been carried out: what it took is given to this call. */
  recover ({ value }: Taken): void {
    this.#value = value
    this.#isRecovered = true
  }
}
