import { once } from 'node:events'
import { connect, createServer, type Socket } from 'node:net'
import type { Test } from 'tap'

/** Stands between a client and a server on 127.0.0.1, and gets in their way. */
export interface Proxy {
  readonly port: number
  /** How many connections have been made to it. */
  readonly connections: number
  /** From now on what the server says is passed on so many milliseconds later, in its order. */
  delay (milliseconds: number): void
  /** Ends all connections, without a word. */
  cut (): void
  /** Of what next comes on each connection, in either direction, a part arrives. Then the connection ends. */
  tear (): void
  /** Resets all connections. */
  reset (): void
  /** From now on connections are accepted, but nothing is passed on, in either direction. */
  stall (): void
  /** Present connections stay open, but nothing is passed on any more, as with a firewall that has forgotten them. */
  forget (): void
  /** From now on new connections lead to another port. */
  leadTo (port: number): void
  /** From now on every connection is ended as soon as it is made. */
  refuse (): void
  /** Passes everything on again. What was held back while stalled is lost, and its connections with it. */
  resume (): void
  /** When a client next sends something with this text in it, its connection is cut before it reaches the server. Resolves then. */
  cutBefore (text: string): Promise<void>
  /** The same, but the server gets it, and it is its answer that is lost. */
  loseAnswerTo (text: string): Promise<void>
}

interface Trap {
  readonly text: string
  readonly before: boolean
  readonly sprung: () => void
}

/** Starts a proxy to a port of 127.0.0.1, and stops it when the test is over. */
export async function startProxy (t: Test, to: number): Promise<Proxy> {
  let mode: 'pass' | 'stall' | 'refuse' = 'pass'
  let traps: Trap[] = []
  let target = to
  let delay = 0
  let connections = 0
  const pairs = new Set<readonly [Socket, Socket]>()
  const forgotten = new WeakSet<readonly [Socket, Socket]>()
  const torn = new WeakSet<readonly [Socket, Socket]>()

  const server = createServer(client => {
    connections++
    client.on('error', () => {})
    if (mode === 'refuse') {
      client.destroy()
      return
    }
    const upstream = connect(target, '127.0.0.1')
    upstream.on('error', () => {})
    const pair = [client, upstream] as const
    pairs.add(pair)
    const isPassing = () => mode === 'pass' && !forgotten.has(pair)
    const end = () => {
      pairs.delete(pair)
      client.destroy()
      upstream.destroy()
    }
    client.on('close', end)
    upstream.on('close', end)

    /** Passes a part of the data on if the connection is to be torn, and ends it. */
    const isTorn = (data: Buffer, to: Socket): boolean => {
      if (!torn.has(pair)) return false
      to.write(data.subarray(0, Math.floor(Math.random() * data.length)), end)
      return true
    }

    let lost: Trap | undefined
    client.on('data', (data: Buffer) => {
      if (!isPassing() || isTorn(data, upstream)) return
      const trap = traps.find(({ text }) => data.includes(text))
      if (trap !== undefined) {
        traps = traps.filter(other => other !== trap)
        if (trap.before) {
          end()
          trap.sprung()
          return
        }
        lost = trap
      }
      upstream.write(data)
    })
    upstream.on('data', (data: Buffer) => {
      if (!isPassing() || isTorn(data, client)) return
      if (lost === undefined) {
        if (delay === 0) client.write(data)
        else setTimeout(() => { client.write(data) }, delay)
      } else {
        end()
        lost.sprung()
      }
    })
  })
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  const address = server.address()
  if (address === null || typeof address === 'string') throw new Error('no port')
  const cut = () => { for (const [client] of pairs) client.destroy() }
  const set = (text: string, before: boolean) => new Promise<void>(resolve => traps.push({ text, before, sprung: resolve }))
  t.teardown(async () => {
    cut()
    server.close()
    await once(server, 'close')
  })
  return {
    port: address.port,
    get connections () { return connections },
    delay: milliseconds => { delay = milliseconds },
    cut,
    tear: () => { for (const pair of pairs) torn.add(pair) },
    reset: () => { for (const pair of pairs) for (const socket of pair) socket.resetAndDestroy() },
    stall: () => { mode = 'stall' },
    leadTo: port => { target = port },
    forget: () => { for (const pair of pairs) forgotten.add(pair) },
    refuse: () => {
      mode = 'refuse'
      cut()
    },
    resume: () => {
      mode = 'pass'
      cut()
    },
    cutBefore: async text => await set(text, true),
    loseAnswerTo: async text => await set(text, false)
  }
}

/** A URL that leads through the proxy. */
export function through (proxy: Proxy, url: string): string {
  const other = new URL(url)
  other.hostname = '127.0.0.1'
  other.port = String(proxy.port)
  return other.href
}
