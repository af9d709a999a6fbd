import type { FastifyBaseLogger } from 'fastify'
import type { StoreLog } from '../stores/store.js'

/**
 * The application's log. Where Fastify was created without a logger, which is its default, nobody would read a warning
 * about the configuration: then each goes to `process.emitWarning`, once.
 */
export function audible (log: FastifyBaseLogger): StoreLog {
  return isMute(log) ? toProcess : log
}

/** Fastify's stand-in for a logger has no level, and one function for all. A silent logger of pino has a level. */
function isMute (log: object): boolean {
  return !('level' in log) && 'warn' in log && 'error' in log && log.warn === log.error
}

const told = new Set<string>()

function tell (details: object, message: string): void {
  const reason = 'err' in details && details.err instanceof Error ? `: ${details.err.message}` : ''
  const text = `${message}${reason}`
  if (told.has(text)) return
  told.add(text)
  process.emitWarning(text, 'SessionWarning')
}

const toProcess: StoreLog = { warn: tell, error: tell }
