import type { FastifyReply, FastifyRequest } from 'fastify'
import type { Operations } from './operations.js'
import type { Cookie } from '../cookie.js'
import { Head } from '../response-head.js'

/** The response to a request: sends the session's cookie, and tells when the response is over. */
export class Response {
  readonly #request: FastifyRequest
  readonly #reply: FastifyReply
  readonly #cookie: Cookie
  /** Undefined until a cookie is sent. */
  #head: Head | undefined

  constructor (request: FastifyRequest, reply: FastifyReply, cookie: Cookie) {
    this.#request = request
    this.#reply = reply
    this.#cookie = cookie
  }

  /** Whether the request asks for another protocol, such as that of websockets. Its connection then outlives the response. */
  get isUpgrade (): boolean {
    const { raw } = this.#request
    return 'upgrade' in raw && raw.upgrade === true
  }

  /** Whether the response has been sent, or nobody waits for it any more. */
  get isOver (): boolean {
    const { raw } = this.#reply
    return this.isUpgrade ? this.#request.raw.socket.destroyed : raw.writableFinished || raw.destroyed
  }

  /** Sends the cookie that is due, if one is, with the reply that passes onSend. */
  send (operations: Operations): void {
    operations.sendCookie((header, replaced) => this.#ofHead().send(header, replaced))
  }

  /** Puts the cookie that is due on the raw response now: a hijacked reply or a stream of events never passes onSend. */
  sendAtOnce (operations: Operations): void {
    operations.sendCookie((header, replaced) => this.#ofHead().sendAtOnce(header, replaced))
  }

  /** Sends another cookie with the headers, whatever sends them. */
  sendOtherAtOnce (header: string): void {
    this.#ofHead().sendAtOnce(header, undefined)
  }

  /** Calls back when the response has been sent; in the next turn if it has already ended. */
  onFinish (listener: () => void): void {
    const { raw } = this.#reply
    if (raw.writableEnded) setImmediate(listener)
    else raw.on('finish', listener)
  }

  /** Calls back when the response, or the connection of an upgrade, is over. */
  onClose (listener: () => void): void {
    if (this.isUpgrade) this.#request.raw.socket.once('close', listener)
    else this.#reply.raw.once('close', listener)
  }

  /** A function of the application's has failed where nobody can catch that: answers with its error, or logs it if the reply has been sent. */
  fail (error: unknown): void {
    const { raw, sent } = this.#reply
    if (sent || raw.headersSent) this.#request.log.error({ err: error }, 'A function that the session has called back has failed')
    else this.#reply.send(error)
  }

  #ofHead (): Head {
    this.#head ??= new Head(this.#reply, cacheControl => this.#cookie.warnOfSharedCache(cacheControl))
    return this.#head
  }
}
