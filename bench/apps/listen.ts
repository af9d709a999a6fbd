import type { AddressInfo, Server } from 'node:net'

/** Tells the benchmark the port, and ends this process when the benchmark is gone. */
export function announce (server: Server): void {
  const { port } = server.address() as AddressInfo
  process.stdout.write(`${JSON.stringify({ port })}\n`)
  process.stdin.on('close', () => process.exit()).resume()
  process.on('SIGTERM', () => process.exit())
}
