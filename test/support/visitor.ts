import type { FastifyInstance, LightMyRequestResponse } from 'fastify'

/** A browser, as far as sessions need one: it keeps cookies and follows no redirect. */
export class Visitor {
  readonly cookies = new Map<string, string>()
  readonly #app: FastifyInstance

  readonly #headers: Readonly<Record<string, string>>

  /** @param headers what each request has besides */
  constructor (app: FastifyInstance, headers: Readonly<Record<string, string>> = {}) {
    this.#app = app
    this.#headers = headers
  }

  async get (url: string): Promise<LightMyRequestResponse> {
    return await this.#send({ method: 'GET', url })
  }

  /** Sends a form, as a page does. */
  async post (url: string, form: Record<string, string> = {}): Promise<LightMyRequestResponse> {
    return await this.#send({
      method: 'POST',
      url,
      headers: { 'content-type': 'application/x-www-form-urlencoded' },
      payload: new URLSearchParams(form).toString()
    })
  }

  /** The value of the `Cookie` header that the next request has. */
  get cookieHeader (): string {
    return Array.from(this.cookies, ([name, value]) => `${name}=${value}`).join('; ')
  }

  async #send (request: { method: 'GET' | 'POST', url: string, headers?: Record<string, string>, payload?: string }): Promise<LightMyRequestResponse> {
    const cookie = this.cookieHeader
    const response = await this.#app.inject({ ...request, headers: { ...this.#headers, ...request.headers, ...(cookie !== '' && { cookie }) } })
    for (const { name, value, maxAge } of response.cookies) {
      if (maxAge === 0) this.cookies.delete(name)
      else this.cookies.set(name, value)
    }
    return response
  }
}
