import { createServer } from 'node:http'
import type { IncomingMessage, ServerResponse } from 'node:http'
import { announce } from './listen.js'
import { mysqlStore } from './mysql-store.js'
import { requirePeer } from './peer.js'
import { filler } from './routes.js'
import { lifetime, secret, settings } from './settings.js'

type Next = () => void
interface Request extends IncomingMessage {
  session: { user?: number, value?: number, filler?: string }
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
app.use(session({
  secret,
  resave: false,
  saveUninitialized: false,
  rolling: settings.idleTimeout > 0,
  cookie: { secure: false, maxAge: settings.idleTimeout || lifetime },
  store: await mysqlStore()
}))

function answer ({ params, session }: Request, response: Response): void {
  if (String(session.user) !== params.id) response.status(500)
  response.json({ id: session.user, value: session.value })
}
app.get('/ping', (_request, response) => response.send('pong'))
app.get('/read/:id', answer)
app.post('/write/:id/:value', (request, response) => {
  request.session.value = Number(request.params.value)
  answer(request, response)
})
app.post('/login/:id/:bytes', (request, response) => {
  const { id, bytes } = request.params
  Object.assign(request.session, { user: Number(id), value: 0, filler: filler(id, Number(bytes)) })
  answer(request, response)
})

const server = createServer(app)
server.listen(0, '127.0.0.1', () => announce(server))
