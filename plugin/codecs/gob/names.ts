/** How many names are kept, and how long they are at most. */
const MOST = 256
const LONGEST = 32

/**
 * Names of ASCII that were read lately, by their bytes. Each has a place, which depends on its length, its first byte and its
 * last two; another name for the same place drives it out.
 */
class Names {
  readonly #names: string[] = new Array<string>(MOST).fill('')

  /** The name in these bytes, if it is known. */
  at (bytes: Uint8Array, start: number, length: number): string | undefined {
    if (length > LONGEST || length === 0) return undefined
    const name = this.#names[place(bytes, start, length)] as string
    if (name.length !== length) return undefined
    for (let i = 0; i < length; i++) if (name.charCodeAt(i) !== bytes[start + i]) return undefined
    return name
  }

  /** Keeps a name. It is of ASCII if it has as many characters as bytes. */
  add (bytes: Uint8Array, start: number, length: number, name: string): void {
    if (length > LONGEST || length === 0 || name.length !== length) return
    // A string that is the key of an object already is found faster as the key of the next one.
    this.#names[place(bytes, start, length)] = Object.keys({ [name]: 0 })[0] as string
  }
}

function place (bytes: Uint8Array, start: number, length: number): number {
  const last = start + length - 1
  return (length * 31 + (bytes[start] as number) * 7 + (bytes[last] as number) * 3 + (bytes[last - 1] as number)) % MOST
}

export const names = new Names()
