import type { FastifyBaseLogger } from 'fastify'
import type { Operations } from './operations.js'
import type { SessionValues } from './session-values.js'
import type { Stored } from './stored.js'
import { withoutTokens } from '../../stores/errors.js'

/**
 * After a response: warns of what did not reach the client.
 *
 * @param received the session of the token that the client has sent
 */
export function warnOfUnsent (log: FastifyBaseLogger, operations: Operations, { where: { stored, isTokenTold } }: SessionValues, received: Stored | undefined, sendsCookies: boolean): void {
  if (operations.isCookieDue) {
    log.warn({}, 'The cookie of a session is due, and did not leave: its deadline or rememberMe has changed after the headers were sent. Commit before the first byte')
  }
  if (!sendsCookies && stored !== undefined && stored.isFollowed !== true && stored.token !== received?.token && !isTokenTold) {
    log.warn({}, 'A session has a new token, and the application has not read it, so the client cannot know it: call await session.commit(), and send session.token with the reply')
  }
}

/** Warns of changes that no commit has tried to save. */
export function warnOfUnsaved (log: FastifyBaseLogger, values: SessionValues, message: string): void {
  try {
    if (values.hasUntried) log.warn({}, message)
  } catch (error) {
    log.warn({ err: withoutTokens(error) }, message)
  }
}
