import formbody from '@fastify/formbody'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyServerOptions } from 'fastify'
import sessions, { type CookieOptions, type SessionStore } from 'fastify-sql-sessions'
import { SCRIPT } from './assets/script.js'
import { STYLE } from './assets/style.js'
import { addBasket } from './basket.js'
import { addAlive, addDevices } from './devices.js'
import { addRace, Race } from './race.js'
import { refuse, showError } from './reply.js'
import { addSession } from './session.js'

/** Options of Fastify, and what the session's cookie has besides: over https, say, `{ name: '__Host-session', secure: true }`. */
export interface ExampleOptions extends Pick<FastifyServerOptions, 'logger' | 'serverFactory'> {
  readonly cookie?: CookieOptions
  /** Why the store keeps no owners, and what to do, where that is so. */
  readonly withoutOwners?: string
}

const MINUTE = 60_000
const WEEK = 7 * 24 * 60 * MINUTE

/**
 * The application, not yet listening. It shows a user's devices if the store keeps the owners of sessions.
 *
 * @param where says where the store keeps its sessions, for people: 'in memory'
 */
export async function buildApplication (store: SessionStore, where: string, { cookie, withoutOwners = 'This store does not keep whose a session is.', ...options }: ExampleOptions = {}): Promise<FastifyInstance> {
  const hasDevices = store.keepsOwners === true
  const app = Fastify(options)
  await app.register(formbody)
  await app.register(sessions, {
    store,
    lifetime: WEEK,
    ...hasDevices && { owner: 'name', track: true, touchInterval: MINUTE },
    // Without rememberMe(true) the cookie ends with the browser.
    cookie: { ...cookie, persist: false }
  })
  const race = new Race()
  addErrorPages(app)
  refuseOtherSites(app)
  addAssets(app)
  addSession(app, { where, cookieName: cookie?.name ?? 'session', race, withoutDevices: hasDevices ? undefined : withoutOwners })
  addAlive(app)
  // These are for people who have signed in.
  await app.register(async members => {
    members.addHook('preHandler', async ({ session, method }, reply) => {
      if (!session.exists('name')) return method === 'GET' ? reply.redirect('/', 303) : refuse(reply)
    })
    addBasket(members)
    addRace(members, race)
    if (hasDevices) addDevices(members)
  })
  return app
}

/**
 * The session's cookie is SameSite=Lax, so another site's form is sent without it; but signing somebody in needs no
 * cookie, so such forms are refused altogether. An application with more at stake adds @fastify/csrf-protection.
 */
function refuseOtherSites (app: FastifyInstance): void {
  app.addHook('onRequest', async (request, reply) => {
    if (request.method !== 'POST') return
    const { origin, host, 'sec-fetch-site': from } = request.headers
    // A browser tells Sec-Fetch-Site to https and to this machine only, and Origin to everybody.
    const isOurs = from !== undefined ? from === 'same-origin' : origin === undefined || /^https?:\/\/(.*)$/.exec(origin)?.[1] === host
    if (!isOurs) return showError(reply, 403, 'That came from another site', 'Forms are taken from this site’s own pages only.')
  })
}

/** Files are the same for everybody: these routes have no session, and ask the store nothing. */
function addAssets (app: FastifyInstance): void {
  const config = { session: false }
  app.get('/style.css', { config }, (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE))
  app.get('/script.js', { config }, (_request, reply) => reply.type('text/javascript; charset=utf-8').send(SCRIPT))
}

function addErrorPages (app: FastifyInstance): void {
  app.setNotFoundHandler((_request, reply) => showError(reply, 404, 'There is no such page', 'Perhaps the address has a mistake in it.'))

  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) request.log.error(error)
    // What the sessions report while they are saved.
    if (error.code === 'FST_SESSION_GONE') return refuse(reply, status)
    if (error.code === 'FST_SESSION_STORE_UNAVAILABLE') return showError(reply, status, 'That could not be saved', 'Please try again in a moment.')
    return showError(reply, status, 'Something went wrong', 'Please try again.')
  })
}
