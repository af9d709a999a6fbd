import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { contentOf, isProfileOf, nameOf } from './content.js'
import { announce } from './listen.js'
import { mysqlStore } from './mysql-store.js'
import { requirePeer } from './peer.js'
import { lifetime, secret, settings } from './settings.js'

type Next = (error?: unknown) => void
interface Session { [key: string]: unknown, regenerate (then: (error?: unknown) => void): void }
interface Request extends IncomingMessage {
  session: Session
  params: Record<'id' | 'value' | 'bytes', string>
}
interface Response extends ServerResponse {
  status (code: number): Response
  json (body: unknown): void
  send (body: string): void
}
type Middleware = (request: Request, response: Response, next: Next) => void
interface Express {
  (request: IncomingMessage, response: ServerResponse): void
  use (middleware: Middleware): void
  get (path: string, middleware: Middleware): void
  post (path: string, middleware: Middleware): void
  set (name: string, value: unknown): void
}

const app = (requirePeer('express') as () => Express)()
const session = requirePeer('express-session') as (options: object) => Middleware

// Hashing every answer for an ETag is nothing that a session needs, and the others do not do it.
app.set('etag', false)

function answer ({ params }: Request, response: Response, isRight: boolean, value: unknown): void {
  if (!isRight) response.status(500)
  response.json({ id: Number(params.id), value })
}
app.get('/ping', (_request, response) => response.send('pong'))
app.get('/opted-out/:id', (request, response) => answer(request, response, true, 0))

// A route opts out by coming before the session.
app.use(session({
  secret,
  resave: false,
  saveUninitialized: false,
  rolling: settings.idleTimeout > 0,
  cookie: { secure: false, maxAge: settings.idleTimeout || lifetime },
  store: await mysqlStore()
}))

const isOwn = ({ params, session }: Request): boolean => session.user === Number(params.id)
app.get('/read/:id', (request, response) => answer(request, response, isOwn(request), request.session.value))
app.get('/untouched/:id', (request, response) => answer(request, response, true, 0))
app.get('/string/:id', (request, response) => answer(request, response, request.session.name === nameOf(request.params.id), 0))
app.get('/object/:id', (request, response) =>
  answer(request, response, isProfileOf(request.params.id, request.session.profile), 0))
app.get('/counter/:id', (request, response) => answer(request, response, isOwn(request), request.session.counter ?? 0))
app.get('/anonymous', (request, response) => answer(request, response, request.session.user === undefined, 0))
app.post('/write/:id/:value', (request, response) => {
  request.session.value = Number(request.params.value)
  answer(request, response, isOwn(request), request.session.value)
})
app.post('/counter/:id', (request, response) => {
  request.session.counter = Number(request.session.counter ?? 0) + 1
  answer(request, response, true, request.session.counter)
})
app.post('/login/:id/:bytes', (request, response, next) => {
  const { id, bytes } = request.params
  request.session.regenerate((error) => {
    if (error) return next(error)
    Object.assign(request.session, contentOf(id, Number(bytes)))
    answer(request, response, true, 0)
  })
})

const server = createServer(app)
server.listen(0, '127.0.0.1', () => announce(server))
