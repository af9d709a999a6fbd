import type { OutgoingHttpHeader, OutgoingHttpHeaders, ServerResponse } from 'node:http'
import type { FastifyReply } from 'fastify'
import { isForSharedCaches, withoutSharing } from './shared-caches.js'

/**
 * The head of a response with a session's cookies. It corrects the headers when they are sent: by then a hijacked reply, an
 * event stream or a payload that is a Response may have replaced headers, or set a Cache-Control.
 */
export class Head {
  readonly #reply: FastifyReply
  readonly #onShared: (cacheControl: string) => void
  readonly #watched = new Set<string>()
  readonly #promised = new Set<string>()

  /** @param onShared is called with a Cache-Control header that would have let shared caches keep the response */
  constructor (reply: FastifyReply, onShared: (cacheControl: string) => void) {
    this.#reply = reply
    this.#onShared = onShared
    const response = reply.raw
    // Node calls writeHead for every response, even if the application does not.
    const writeHead = response.writeHead.bind(response) as (...args: unknown[]) => ServerResponse
    response.writeHead = (...args: unknown[]) => writeHead(...response.headersSent ? args : this.#corrected(args))
  }

  /**
   * Sends a cookie with Fastify's reply.
   *
   * @param header the Set-Cookie header; undefined: `replaced` is only removed
   * @param replaced the header of an earlier call, which this one replaces
   */
  send (header: string | undefined, replaced: string | undefined): void {
    const reply = this.#reply
    // What is on the raw response, Express's cookies for example, would be overwritten by the reply's headers.
    if (replaced !== undefined || reply.raw.hasHeader('set-cookie')) {
      const others = cookiesOf(reply, replaced)
      reply.removeHeader('set-cookie')
      if (others.length > 0) reply.header('set-cookie', others)
    }
    this.#replace(replaced, header)
    if (header === undefined) return
    reply.header('set-cookie', header)
    if (!reply.hasHeader('cache-control')) reply.header('cache-control', 'no-store')
  }

  /** Puts the cookie on the raw response, so that it leaves even without Fastify's reply. */
  sendAtOnce (header: string | undefined, replaced: string | undefined): void {
    const reply = this.#reply
    const { raw } = reply
    const others = listOf(raw.getHeader('set-cookie')).filter(cookie => cookie !== replaced)
    if (replaced !== undefined) {
      const left = cookiesOf(reply, replaced)
      reply.removeHeader('set-cookie')
      if (left.length > 0) reply.header('set-cookie', left)
    }
    this.#replace(replaced, header, { isPromised: true })
    if (header === undefined) return
    raw.setHeader('set-cookie', [...others, header])
    if (!reply.hasHeader('cache-control')) raw.setHeader('cache-control', 'no-store')
  }

  /**
   * Watches for this cookie in place of `replaced`. If it is sent, shared caches must not keep the response.
   *
   * @param options.isPromised the cookie is sent exactly once, even if the headers are replaced before
   */
  #replace (replaced: string | undefined, cookie: string | undefined, { isPromised = false } = {}): void {
    if (replaced !== undefined) {
      this.#watched.delete(replaced)
      this.#promised.delete(replaced)
    }
    if (cookie === undefined) return
    this.#watched.add(cookie)
    if (isPromised) this.#promised.add(cookie)
  }

  #corrected (args: unknown[]): unknown[] {
    const last = args.at(-1)
    const given = typeof last === 'object' && last !== null ? last as Headers : {}
    const headers = new Leaving(this.#reply.raw, given)
    const cookies = listOf(headers.get('set-cookie'))
    const kept = [...cookies.filter(cookie => !this.#promised.has(cookie)), ...this.#promised]
    if (kept.length !== cookies.length || kept.some(cookie => !cookies.includes(cookie))) headers.set('set-cookie', kept)
    if (kept.some(cookie => this.#watched.has(cookie))) this.#keepFromSharedCaches(headers)
    return given === last ? [...args.slice(0, -1), headers.given] : args
  }

  #keepFromSharedCaches (headers: Leaving): void {
    for (const name of ['cache-control', ...headers.names.filter(isForSharedCaches)]) {
      const value = listOf(headers.get(name)).join(', ')
      const corrected = withoutSharing(value)
      if (corrected === value) continue
      headers.set(name, corrected)
      // With no-cache the application did not mean to share the response, so there is nothing to warn of.
      if (value !== '' && !/\bno-cache\b/i.test(value)) this.#onShared(value)
    }
  }
}

/** Tells caches that the response depends on the cookie. */
export function varyByCookie (reply: FastifyReply): void {
  const present = reply.getHeader('vary')
  const list = present === undefined ? '' : String(present)
  if (list === '') reply.header('vary', 'Cookie')
  else if (!/(^|,)\s*(cookie|\*)\s*(,|$)/i.test(list)) reply.header('vary', `${list}, Cookie`)
}

/** The Set-Cookie headers of Fastify's reply and of the raw response, each once, except `without`. */
function cookiesOf (reply: FastifyReply, without: string | undefined): string[] {
  const cookies = new Set([...listOf(reply.raw.getHeader('set-cookie')), ...listOf(reply.getHeader('set-cookie'))])
  return [...cookies].filter(cookie => cookie !== without)
}

function listOf (header: OutgoingHttpHeader | undefined): string[] {
  return [header ?? []].flat().map(String)
}

/** The headers given to writeHead: Node takes an object, or an array of names and values in turn. */
type Headers = OutgoingHttpHeaders | OutgoingHttpHeader[]

/** What leaves with a call of writeHead: the headers given to it, and those set before that it does not replace. */
class Leaving {
  given: Headers
  readonly #response: ServerResponse

  constructor (response: ServerResponse, given: Headers) {
    this.#response = response
    this.given = given
  }

  get names (): string[] {
    return [...new Set([...entriesOf(this.given).map(([name]) => name), ...this.#response.getHeaderNames()])]
  }

  get (name: string): OutgoingHttpHeader | undefined {
    const given = entriesOf(this.given).filter(([other]) => other === name).flatMap(([, value]) => listOf(value))
    return given.length > 0 ? given : this.#response.getHeader(name)
  }

  set (name: string, value: string | string[]): void {
    const others = entriesOf(this.given).filter(([other]) => other !== name)
    if (others.length < entriesOf(this.given).length) {
      this.given = Array.isArray(this.given) ? [...others.flat(), name, value] : { ...Object.fromEntries(others), [name]: value }
    } else {
      this.#response.setHeader(name, value)
    }
  }
}

/** Names and values, the names in lower case. */
function entriesOf (headers: Headers): Array<[name: string, value: OutgoingHttpHeader]> {
  if (!Array.isArray(headers)) return Object.entries(headers).flatMap(([name, value]) => value === undefined ? [] : [[name.toLowerCase(), value]])
  const entries: Array<[string, OutgoingHttpHeader]> = []
  for (let i = 0; i + 1 < headers.length; i += 2) entries.push([String(headers[i]).toLowerCase(), headers[i + 1] as OutgoingHttpHeader])
  return entries
}
