import formbody from '@fastify/formbody'
import Fastify, { type FastifyError, type FastifyInstance, type FastifyReply, type FastifyServerOptions } from 'fastify'
import sessions, { type CookieOptions, type SessionStore } from 'fastify-sql-sessions'
import { SCRIPT, STYLE } from './assets.js'
import { basketFragment, errorPage, LONGEST_NAME, PRODUCTS, sessionPage, signInPage, type Basket } from './pages.js'

// The keys of this application's sessions, and what they hold.
declare module 'fastify-sql-sessions' {
  interface SessionData {
    signedIn: { name: string, since: Date, isRemembered: boolean }
    visits: number
    basket: Basket
  }
}

const WEEK = 7 * 24 * 60 * 60 * 1000

/** Options of Fastify, and what the session's cookie has besides: over https, say, `{ name: '__Host-session', secure: true }`. */
export interface ExampleOptions extends Pick<FastifyServerOptions, 'logger' | 'serverFactory'> {
  readonly cookie?: CookieOptions
}

/**
 * The application, not yet listening.
 *
 * @param where says where the store keeps its sessions, for people
 */
export async function buildApplication (store: SessionStore, where: string, { cookie, ...options }: ExampleOptions = {}): Promise<FastifyInstance> {
  const app = Fastify(options)
  await app.register(formbody)
  await app.register(sessions, {
    store,
    lifetime: WEEK,
    // Without rememberMe(true) the cookie ends with the browser.
    cookie: { ...cookie, persist: false }
  })
  refuseOtherSites(app)
  addAssets(app)
  addPages(app, where)
  addErrorPages(app)
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
    if (!isOurs) {
      return showError(reply, 403, 'That came from another site', 'Forms are taken from this site’s own pages only.')
    }
  })
}

/** Files are the same for everybody: these routes have no session, and ask the store nothing. */
function addAssets (app: FastifyInstance): void {
  const config = { session: false }
  app.get('/style.css', { config }, (_request, reply) => reply.type('text/css; charset=utf-8').send(STYLE))
  app.get('/script.js', { config }, (_request, reply) => reply.type('text/javascript; charset=utf-8').send(SCRIPT))
}

function addPages (app: FastifyInstance, where: string): void {
  app.get('/', async ({ session }, reply) => {
    const user = session.get('signedIn')
    // A visitor who has not signed in gets no session, so robots leave no rows behind.
    if (user === undefined) return show(reply, signInPage(where))

    session.update('visits', (visits = 0) => visits + 1)
    // Saved now rather than with the reply, the number is final: of two visits at once each shows its own.
    await session.commit()
    return show(reply, sessionPage({
      ...user,
      where,
      visits: session.get('visits') ?? 0,
      basket: session.get('basket') ?? {},
      id: session.id,
      deadline: session.deadline
    }))
  })

  app.post<{ Body: { name?: unknown, remember?: unknown } | undefined }>('/sign-in', async ({ session, body }, reply) => {
    const name = typeof body?.name === 'string' ? body.name.trim() : ''
    const isRemembered = body?.remember === 'yes'
    if (name === '' || name.length > LONGEST_NAME) {
      return show(reply.code(422), signInPage(where, { name, isRemembered, problem: `Please enter a name of 1 to ${LONGEST_NAME} characters.` }))
    }
    // A new token: one that somebody planted in this browser before is worth nothing.
    session.renewToken()
    session.clear()
    session.put('signedIn', { name, since: new Date(), isRemembered })
    session.rememberMe(isRemembered)
    return reply.redirect('/', 303)
  })

  app.post('/sign-out', async ({ session }, reply) => {
    await session.destroy()
    return reply.redirect('/', 303)
  })

  app.get('/basket', ({ session }, reply) => show(reply, basketFragment(session.get('basket') ?? {})))

  app.post<{ Body: { product?: unknown } | undefined, Querystring: { live?: string } }>('/basket', async ({ session, body, query }, reply) => {
    const product = PRODUCTS.find(product => product === body?.product)
    if (!session.exists('signedIn')) return showError(reply, 401, 'You are not signed in', 'Please sign in first.')
    if (product === undefined) return showError(reply, 400, 'There is no such product', 'Please choose one from the shop.')
    // update, not get and put: of ten requests at once each adds its own.
    session.update('basket', (basket = {}) => ({ ...basket, [product]: (basket[product] ?? 0) + 1 }))
    return query.live === undefined ? reply.redirect('/', 303) : reply.code(204).send()
  })

  app.post<{ Querystring: { live?: string } }>('/basket/empty', async ({ session, query }, reply) => {
    session.remove('basket')
    return query.live === undefined ? reply.redirect('/', 303) : reply.code(204).send()
  })
}

function addErrorPages (app: FastifyInstance): void {
  app.setNotFoundHandler((_request, reply) => showError(reply, 404, 'There is no such page', 'Perhaps the address has a mistake in it.'))

  app.setErrorHandler<FastifyError>((error, request, reply) => {
    const status = error.statusCode ?? 500
    if (status >= 500) request.log.error(error)
    // What the sessions report while they are saved.
    if (error.code === 'FST_SESSION_GONE') return showError(reply, status, 'You have been signed out', 'That was in another window, while this one was sending.')
    if (error.code === 'FST_SESSION_STORE_UNAVAILABLE') return showError(reply, status, 'That could not be saved', 'Please try again in a moment.')
    return showError(reply, status, 'Something went wrong', 'Please try again.')
  })
}

function showError (reply: FastifyReply, status: number, title: string, advice: string): FastifyReply {
  return show(reply.code(status), errorPage(title, advice))
}

function show (reply: FastifyReply, page: string): FastifyReply {
  return reply
    .header('content-security-policy', 'default-src \'none\'; style-src \'self\'; script-src \'self\'; connect-src \'self\'; img-src data:; form-action \'self\'; frame-ancestors \'none\'; base-uri \'none\'')
    .header('cache-control', 'no-store')
    .type('text/html; charset=utf-8')
    .send(page)
}
