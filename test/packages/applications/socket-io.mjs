/* socket.io: the session of a connection is loaded by the Cookie header of its handshake, as docs/long-lived.md shows it. */
import assert from 'node:assert/strict'
import { once } from 'node:events'
import sessions from 'fastify-sql-sessions'
import { Server } from 'socket.io'
import { io as connect } from 'socket.io-client'
import { Browser, check, end, listen, makeApplication, onEnd } from './site.mjs'

const { app, log } = makeApplication()
await app.register(sessions)
app.post('/login', async request => { request.session.put('userId', 42); return {} })
app.get('/me', async request => request.session.data())
app.post('/logout', async request => { await request.session.destroy(); return {} })

const io = new Server(app.server)
io.use(async (socket, next) => {
  try {
    const session = await app.sessions.load(socket.handshake.headers.cookie)
    if (session === undefined || !session.exists('userId')) return next(new Error('Sign in first'))
    socket.data.session = session
    next()
  } catch {
    next(new Error('Try again later'))
  }
})
io.on('connection', socket => {
  const { session } = socket.data
  socket.on('count', async answer => {
    session.update('n', (n = 0) => n + 1)
    await session.commit()
    answer(session.get('n'))
  })
  socket.on('look', async answer => {
    if (await session.isEnded()) socket.disconnect(true)
    else answer('alive')
  })
})
const base = await listen(app)
onEnd(() => io.close())

const dial = cookie => connect(base, { forceNew: true, reconnection: false, extraHeaders: { cookie } })

await check('socket.io: a handshake without a live session is refused', async () => {
  for (const cookie of ['', 'session=x', `session=${'a'.repeat(43)}`]) {
    const [error] = await once(dial(cookie), 'connect_error')
    assert.equal(error.message, 'Sign in first')
  }
})

await check('socket.io: a connection changes its session, and notices a sign-out', async () => {
  const browser = new Browser(base)
  await browser.post('/login')
  const socket = dial(`theme=dark; ${browser.cookie}`)
  await once(socket, 'connect')
  assert.deepEqual([await socket.emitWithAck('count'), await socket.emitWithAck('count')], [1, 2])
  assert.deepEqual((await browser.get('/me')).json, { n: 2, userId: 42 })
  assert.equal(await socket.emitWithAck('look'), 'alive')
  const closed = once(socket, 'disconnect')
  await browser.post('/logout')
  socket.emit('look', () => {})
  assert.deepEqual((await closed)[0], 'io server disconnect')
})

await check('nothing was warned about', async () => { assert.deepEqual(log, []) })
await end()
