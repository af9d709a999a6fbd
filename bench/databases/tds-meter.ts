import { connect, createServer } from 'node:net'
import type { AddressInfo } from 'node:net'

/** A request that a client has sent, with the packets' headers. */
export interface Request {
  readonly verb: Verb | undefined
  readonly bytes: number
}

export type Verb = typeof verbs[number]

/** Stands between a client and a TDS server, and counts the bytes of the client's requests. Logins are not counted. */
export interface Meter {
  readonly port: number
  /** The bytes of all requests so far. */
  readonly bytes: number
  /** Takes the requests that have been counted since the last call. */
  take (): Request[]
  close (): Promise<void>
}

// A statement that writes may contain SELECT too, so SELECT is the last.
const verbs = ['UPDATE', 'INSERT', 'DELETE', 'SELECT'] as const
const patterns = verbs.map((verb) => ({ verb, bytes: Buffer.from(`${verb} `, 'utf16le') }))

/** Types of messages (MS-TDS 2.2.3.1.1): a batch, a remote procedure call, a request of a transaction. */
const REQUESTS: readonly number[] = [1, 3, 14]
const HEADER = 8
/** The pool of the driver asks this before it lends a connection. No other request is as short. */
const POOL_CHECK = Buffer.from('SELECT 1;', 'utf16le')
const SHORT = 200

/** How many requests are kept for `take` at most. */
const MOST_KEPT = 10_000

export async function startMeter (target: number): Promise<Meter> {
  let bytes = 0
  let requests: Request[] = []
  const server = createServer((client) => {
    const upstream = connect(target, '127.0.0.1')
    const push = reader((request) => {
      bytes += request.bytes
      if (requests.length < MOST_KEPT) requests.push(request)
    })
    client.on('data', push)
    client.setNoDelay(true).pipe(upstream).setNoDelay(true).pipe(client)
    client.on('error', () => upstream.destroy()).on('close', () => upstream.destroy())
    upstream.on('error', () => client.destroy()).on('close', () => client.destroy())
  })
  await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve))
  return {
    port: (server.address() as AddressInfo).port,
    get bytes () { return bytes },
    take () {
      const taken = requests
      requests = []
      return taken
    },
    close: async () => { await new Promise((resolve) => server.close(resolve)) }
  }
}

/** Reads a client's stream, and tells each request when its last packet is there. */
export function reader (tell: (request: Request) => void): (chunk: Buffer) => void {
  let rest: Buffer = Buffer.alloc(0)
  let message: Buffer[] = []
  return (chunk) => {
    rest = rest.length === 0 ? chunk : Buffer.concat([rest, chunk])
    while (rest.length >= HEADER && rest.length >= rest.readUInt16BE(2)) {
      const packet = rest.subarray(0, rest.readUInt16BE(2))
      rest = rest.subarray(packet.length)
      message.push(packet)
      // The status bit that says that it is the message's last packet.
      if (((packet[1] ?? 0) & 1) === 0) continue
      const request = requestOf(packet[0] ?? 0, message)
      message = []
      if (request !== undefined) tell(request)
    }
  }
}

function requestOf (type: number, packets: readonly Buffer[]): Request | undefined {
  if (!REQUESTS.includes(type)) return undefined
  const body = Buffer.concat(packets.map((packet) => packet.subarray(HEADER)))
  if (body.length < SHORT && body.includes(POOL_CHECK)) return undefined
  return {
    verb: patterns.find(({ bytes }) => body.includes(bytes))?.verb,
    bytes: packets.reduce((sum, packet) => sum + packet.length, 0)
  }
}
