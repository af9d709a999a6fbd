import type { SeriesResult } from '../figures.js'
import type { Lab } from '../lab.js'

/** One question and the points at which it is asked. */
export interface Series extends Pick<SeriesResult, 'title' | 'axis' | 'unit' | 'columns' | 'overCeiling'> {
  readonly name: string
  /** Measured only when asked for by name. */
  readonly isOptional?: boolean
  run (lab: Lab): Promise<void>
}

/** The applications that keep sessions in MySQL or MariaDB. */
export const mysqlPeers = ['ours', 'scs', 'scs-interpolated', 'fastify-session', 'express-session'] as const
