import { once } from 'node:events'
import { createServer, request } from 'node:http'
import type { AddressInfo } from 'node:net'
import { pipeline } from 'node:stream'
import type { Test } from 'tap'

/** Starts a proxy that gives `/name/...` to the service of that name, and closes it when the test is over. Returns its origin. */
export async function startProxy (t: Test, ports: Readonly<Record<string, number>>): Promise<string> {
  const proxy = createServer((incoming, answer) => {
    const [, name = '', ...path] = incoming.url?.split('/') ?? []
    const outgoing = request({ host: '127.0.0.1', port: ports[name], path: `/${path.join('/')}`, method: incoming.method, headers: incoming.headers })
    outgoing.on('response', response => {
      answer.writeHead(response.statusCode ?? 500, response.rawHeaders)
      pipeline(response, answer, () => {})
    })
    pipeline(incoming, outgoing, error => { if (error) answer.destroy() })
  })
  proxy.listen(0, '127.0.0.1')
  await once(proxy, 'listening')
  t.teardown(async () => {
    proxy.closeAllConnections()
    proxy.close()
    await once(proxy, 'close')
  })
  return `http://127.0.0.1:${(proxy.address() as AddressInfo).port}`
}
