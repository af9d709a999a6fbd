import type { FastifyInstance, FastifyRequest } from 'fastify'
import { devicesOf } from './devices.js'
import { sessionPage, sessionParts, type Shown } from './pages/session-page.js'
import { LONGEST_NAME, signInPage, type SignInSituation } from './pages/sign-in-page.js'
import type { Race } from './race.js'
import { refuse, show } from './reply.js'
import { thingsToTry } from './tries.js'

/** What the pages of a session need to know. */
export interface SessionSettings {
  /** Where sessions are kept, for people. */
  readonly where: string
  readonly cookieName: string
  readonly race: Race
  /** Why the page shows no devices, and what to do; undefined if it shows them. */
  readonly withoutDevices: string | undefined
}

/** Signing in and out, and the page between. */
export function addSession (app: FastifyInstance, { where, cookieName, race, withoutDevices }: SessionSettings): void {
  const signIn = (situation: SignInSituation) => signInPage(where, thingsToTry(withoutDevices === undefined), situation)
  const shown = async (request: FastifyRequest): Promise<Shown | undefined> => {
    const { session } = request
    const name = session.get('name')
    const signedIn = session.get('signedIn')
    if (name === undefined || signedIn === undefined) return undefined
    return {
      ...signedIn,
      name,
      where,
      visits: session.get('visits') ?? 0,
      basket: session.get('basket') ?? {},
      race: race.result(session),
      devices: withoutDevices ?? await devicesOf(request),
      id: session.id,
      deadline: session.deadline,
      values: session.data()
    }
  }

  app.get('/', async (request, reply) => {
    const { session } = request
    // A visitor who has not signed in gets no session, so robots leave no rows behind. A cookie without one is of a session
    // that has ended: the plugin leaves it alone, because the browser may have a newer one by now.
    if (!session.exists('name')) return show(reply, signIn({ hasEnded: request.cookies[cookieName] !== undefined }))

    session.update('visits', (visits = 0) => visits + 1)
    // Saved now rather than with the reply, the number is final: of two visits at once each shows its own.
    await session.commit()
    const now = await shown(request)
    return now === undefined ? refuse(reply) : show(reply, sessionPage(now))
  })

  // What has changed in the page, for its script. It is no visit.
  app.get('/parts', async (request, reply) => {
    const now = await shown(request)
    return now === undefined ? refuse(reply) : show(reply, sessionParts(now))
  })

  app.post<{ Body: { name?: unknown, remember?: unknown } | undefined }>('/sign-in', async ({ session, body }, reply) => {
    const name = typeof body?.name === 'string' ? body.name.trim() : ''
    const isRemembered = body?.remember === 'yes'
    if (name === '' || name.length > LONGEST_NAME) {
      return show(reply.code(422), signIn({ name, isRemembered, problem: `Please enter a name of 1 to ${LONGEST_NAME} characters.` }))
    }
    // A new token: one that somebody planted in this browser before is worth nothing.
    session.renewToken()
    session.clear()
    session.put('name', name)
    session.put('signedIn', { since: new Date(), isRemembered })
    session.rememberMe(isRemembered)
    return reply.redirect('/', 303)
  })

  app.post('/sign-out', async ({ session }, reply) => {
    await session.destroy()
    return reply.redirect('/', 303)
  })
}
