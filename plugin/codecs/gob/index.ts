/*
 * Sessions as the Go session manager SCS writes them, to share them with Go services:
 *
 *     import { goInt64 } from 'fastify-sql-sessions/codecs/gob'
 *
 *     await app.register(sessions, { store: 'mysql', mysql: url, codec: 'gob' })
 *     request.session.put('userId', goInt64(42))
 */
export { gobCodec, gobCodec as default } from './codec.js'
export * from './typed.js'
export { TypedValue } from '../typed.js'
