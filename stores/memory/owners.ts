/** The tokens of each owner. */
export class Owners {
  readonly #tokens = new Map<string, Set<string>>()

  /** The row of `token` has another owner now. Undefined, and '', are not kept. */
  move (token: string, from: string | undefined, to: string | undefined): void {
    if (from === to) return
    if (from) this.#delete(token, from)
    if (!to) return
    const tokens = this.#tokens.get(to)
    if (tokens === undefined) this.#tokens.set(to, new Set([token]))
    else tokens.add(token)
  }

  /** The tokens of an owner. */
  of (owner: string): Iterable<string> {
    return this.#tokens.get(owner) ?? []
  }

  #delete (token: string, owner: string): void {
    const tokens = this.#tokens.get(owner)
    tokens?.delete(token)
    if (tokens?.size === 0) this.#tokens.delete(owner)
  }
}
