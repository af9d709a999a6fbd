import type { FastifyRequest } from 'fastify'

/** Where a session is used from: what the option `track` keeps of the request in which it began or was signed in to. */
export interface Origin {
  readonly userAgent?: string
  readonly address?: string
}

/** So many characters of each are kept. Both may be a visitor's invention. */
const LONGEST_AGENT = 255
const LONGEST_ADDRESS = 64

export function originOf ({ headers, ip }: FastifyRequest): Origin {
  const userAgent = headers['user-agent']
  return {
    ...userAgent !== undefined && userAgent !== '' && { userAgent: userAgent.slice(0, LONGEST_AGENT) },
    // A connection that is closed has none.
    ...typeof ip === 'string' && ip !== '' && { address: ip.slice(0, LONGEST_ADDRESS) }
  }
}
