/** A cookie as a browser keeps it. `expires` is in milliseconds since 1970; without it the cookie ends with the browser. */
interface Cookie {
  readonly value: string
  readonly expires: number | undefined
}

/** A browser with one jar of cookies, whose clock a test can put forward. */
export class Browser {
  readonly #origin: string
  readonly #jar = new Map<string, Cookie>()
  #ahead = 0

  constructor (origin: string) {
    this.#origin = origin
  }

  /** The session's cookie; undefined if there is none. */
  get token (): string | undefined {
    return this.#cookies().get('session')?.value
  }

  /** When the session's cookie expires. */
  get expires (): number | undefined {
    return this.#cookies().get('session')?.expires
  }

  /** Sends a request with the cookies there are, and keeps those that come back. */
  async post (path: string, body: unknown): Promise<Response> {
    const cookie = [...this.#cookies()].map(([name, { value }]) => `${name}=${value}`).join('; ')
    const headers = { 'content-type': 'application/json', ...cookie !== '' && { cookie } }
    const response = await fetch(this.#origin + path, { method: 'POST', headers, body: JSON.stringify(body) })
    for (const header of response.headers.getSetCookie()) this.#keep(header)
    return response
  }

  /** Another browser that has stolen the cookies. */
  copy (): Browser {
    const copy = new Browser(this.#origin)
    for (const [name, cookie] of this.#jar) copy.#jar.set(name, cookie)
    return copy
  }

  /** Ends the browser, and its cookies without an expiry, and starts it again. */
  restart (): void {
    for (const [name, { expires }] of this.#jar) if (expires === undefined) this.#jar.delete(name)
  }

  /** Lets time pass for the cookies, in milliseconds. */
  wait (time: number): void {
    this.#ahead += time
  }

  #cookies (): ReadonlyMap<string, Cookie> {
    for (const [name, { expires = Infinity }] of this.#jar) if (expires <= Date.now() + this.#ahead) this.#jar.delete(name)
    return this.#jar
  }

  /** RFC 6265, section 5.3: Max-Age has precedence over Expires. */
  #keep (header: string): void {
    const [pair = '', ...attributes] = header.split(/; */)
    const attribute = (name: string) => attributes.map(text => text.split('=')).find(([key]) => key?.toLowerCase() === name)?.[1]
    const name = pair.slice(0, pair.indexOf('='))
    const [maxAge, date] = [attribute('max-age'), attribute('expires')]
    const expires = maxAge !== undefined ? Date.now() + this.#ahead + Number(maxAge) * 1000 : date !== undefined ? Date.parse(date) : undefined
    this.#jar.set(name, { value: pair.slice(name.length + 1), expires })
  }
}
