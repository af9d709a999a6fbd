import { setTimeout as sleep } from 'node:timers/promises'
import type { FastifyInstance } from 'fastify'
import type { Session } from 'fastify-sql-sessions'

/** How long each request takes, in milliseconds, as if it asked another service. */
export const WORK = 100
/** How many the page sends at once. */
export const SENT = 20

/** What has become of requests that were sent at once, and that each counted itself. */
export interface RaceResult {
  readonly arrived: number
  /** How many this plugin's session has counted. */
  readonly counted: number
  /** How many a session has counted that is read whole and saved whole. */
  readonly countedWhole: number
}

/**
 * Keeps, beside a session, what a library would have kept that reads a session whole at the beginning of a request and saves
 * it whole at the end. Both counts are real.
 */
export class Race {
  readonly #copies = new Map<string, { arrived: number, whole: string }>()

  /** Both counts begin again. */
  start ({ id }: Session): void {
    this.#copies.delete(id)
    this.#copies.set(id, { arrived: 0, whole: JSON.stringify({ counted: 0 }) })
    for (const oldest of this.#copies.keys()) {
      if (this.#copies.size <= MOST_COPIES) break
      this.#copies.delete(oldest)
    }
  }

  /** Works on the copy as such a library works on a session. */
  async count ({ id }: Session, work: () => Promise<void>): Promise<void> {
    const copy = this.#copies.get(id)
    if (copy === undefined) return await work()
    copy.arrived++
    const session = JSON.parse(copy.whole) as { counted: number }
    await work()
    session.counted++
    copy.whole = JSON.stringify(session)
  }

  /** Undefined if nothing was sent, or it is forgotten. */
  result (session: Session): RaceResult | undefined {
    const copy = this.#copies.get(session.id)
    if (copy === undefined || copy.arrived === 0) return undefined
    const { counted } = JSON.parse(copy.whole) as { counted: number }
    return { arrived: copy.arrived, counted: session.get('counted') ?? 0, countedWhole: counted }
  }
}

/** Copies of so many sessions are kept. */
const MOST_COPIES = 1000

/** Requests that are sent at once, and that each change the session. */
export function addRace (app: FastifyInstance, race: Race): void {
  app.post('/race', async ({ session }, reply) => {
    session.put('counted', 0)
    race.start(session)
    return reply.code(204).send()
  })

  app.post('/race/one', async ({ session }, reply) => {
    await race.count(session, async () => { await sleep(WORK) })
    session.update('counted', (counted = 0) => counted + 1)
    return reply.code(204).send()
  })
}
