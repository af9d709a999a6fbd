import type { FastifyInstance } from 'fastify'
import { Barrier, latch } from './barrier.js'

/** What a request does to its session. */
export type DeviceDeed = 'put' | 'count' | 'clear' | 'renew' | 'merge' | 'sign-in'

/** A request: with this token, and for a merge with that of the other session. A sign-in is to this user. */
export interface DeviceVisit {
  readonly token: string
  readonly deed: DeviceDeed
  readonly other?: string
  readonly user?: string
}

export interface DeviceAnswer {
  readonly status: number
  /** The token that the answer sets, if it sets one. */
  readonly token: string | undefined
}

/** The requests of a user's devices: all of them load their sessions before the first one changes its own. */
export class Devices {
  readonly #app: FastifyInstance
  readonly #visits = new Map<string, DeviceVisit>()
  #loaded = new Barrier(0)
  #go = latch()

  constructor (app: FastifyInstance) {
    this.#app = app
    app.get<{ Params: { n: string } }>('/device/:n', async ({ session, params: { n } }) => {
      session.keys()
      void this.#loaded.arrive()
      await this.#go.opened
      const { deed, other = '', user } = this.#visits.get(n) as DeviceVisit
      switch (deed) {
        case 'put': session.put(`key${n}`, 1); break
        case 'count': session.update('n', value => Number(value ?? 0) + 1); break
        case 'clear': session.clear(); break
        case 'renew': session.renewToken(); session.put('renewed', true); break
        case 'merge': await session.mergeSession(other); break
        case 'sign-in': session.renewToken(); session.put('userId', user); break
      }
      return 'ok'
    })
  }

  /** Resolves when all requests have loaded their sessions, to a function that lets them go on and resolves to their answers. */
  async begin (visits: readonly DeviceVisit[]): Promise<() => Promise<DeviceAnswer[]>> {
    this.#loaded = new Barrier(visits.length)
    this.#go = latch()
    visits.forEach((visit, i) => this.#visits.set(String(i), visit))
    const answers = visits.map(async ({ token }, i) => {
      const { statusCode, cookies: [cookie] } = await this.#app.inject({ url: `/device/${i}`, headers: { cookie: `session=${token}` } })
      return { status: statusCode, token: cookie?.value }
    })
    await this.#loaded.full
    return async () => {
      this.#go.open()
      return await Promise.all(answers)
    }
  }
}
