/*
 * A process of its own with an application whose requests are those of a user's devices. The parent sends the options of the
 * sessions and gets 'ready'. Then, for each round: the parent sends the visits, gets 'loaded' when all have loaded their
 * sessions, says 'go', and gets the answers. It says 'end' at last.
 */
import { once } from 'node:events'
import Fastify from 'fastify'
import sessions, { type SessionOptions } from '../../plugin/index.js'
import { Devices, type DeviceVisit } from './devices.js'

const [options] = await once(process, 'message') as [SessionOptions]
// A busy machine may need long to start it.
const app = Fastify({ pluginTimeout: 0 })
await app.register(sessions, options)
const devices = new Devices(app)
await app.ready()
process.send?.('ready')

for (;;) {
  const [visits] = await once(process, 'message') as [readonly DeviceVisit[] | 'end']
  if (visits === 'end') break
  const go = await devices.begin(visits)
  const said = once(process, 'message')
  process.send?.('loaded')
  await said
  process.send?.(await go())
}
await app.close()
process.disconnect()
