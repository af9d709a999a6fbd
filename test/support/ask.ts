import { once } from 'node:events'
import { get as httpGet, type IncomingMessage } from 'node:http'
import type { AddressInfo } from 'node:net'
import type { FastifyInstance } from 'fastify'
import type { Test } from 'tap'

/** Asks for a page over a connection of its own, and reads the answer. Lets the application listen first, if it does not. */
export async function ask (t: Test, app: FastifyInstance, path: string, cookie = ''): Promise<IncomingMessage & { text: string }> {
  if (!app.server.listening) await app.listen({ host: '127.0.0.1', port: 0 })
  const { port } = app.server.address() as AddressInfo
  const asked = httpGet({ port, path, headers: { cookie }, agent: false })
  t.teardown(() => { asked.destroy() })
  const [answer] = await once(asked, 'response') as [IncomingMessage]
  let text = ''
  for await (const chunk of answer) text += String(chunk)
  return Object.assign(answer, { text })
}

/** The cookies that an answer sets, as the next request sends them. */
export const cookieIn = (answer: IncomingMessage): string => (answer.headers['set-cookie'] ?? []).map(cookie => cookie.split(';')[0]).join('; ')
