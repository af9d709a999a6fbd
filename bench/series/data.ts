import type { Entry } from '../lab.js'
import { mysqlPeers } from './series.js'
import type { Series } from './series.js'

export const size: Series = {
  name: 'size',
  title: 'Session size at 64 connections',
  axis: 'bytes of user data in a session',
  unit: 'rate',
  async run (lab) {
    await lab.openDatabase()
    const points = lab.options.points ?? (lab.options.quick ? [100, 60_000] : [100, 300, 1000, 4000, 16_000, 60_000])
    for (const point of points) {
      // As many sessions as in the other series, but no more than fit the buffer pool with those of the other applications.
      const sessions = Math.min(lab.sessions, Math.floor(64e6 / point))
      const entries: Entry[] = []
      for (const application of lab.available(mysqlPeers)) {
        const running = await lab.start(application, { sessions, bytes: point })
        entries.push({ running, point, connections: 64, writes: 0 })
      }
      await lab.compare('reads', entries)
      await lab.compare('writes', entries.map((entry) => ({ ...entry, writes: 1 })))
      await lab.stopApplications()
    }
  }
}

export const rows: Series = {
  name: 'rows',
  title: 'Rows in the table at 64 connections, drawn from all of them',
  axis: 'rows',
  unit: 'rate',
  async run (lab) {
    // Large enough for all the tables at once.
    await lab.openDatabase(6144)
    const points = lab.options.points ?? (lab.options.quick ? [1000, 10_000] : [10_000, 100_000, 1_000_000])
    const entries: Entry[] = []
    for (const point of points) {
      for (const application of lab.available(['ours', 'scs', 'fastify-session'])) {
        console.error(`making ${point} sessions for ${application.name}`)
        const running = await lab.start(application, { sessions: point, suffix: `-${point}` })
        entries.push({ running, point, connections: 64, writes: 0 })
      }
    }
    await lab.compare('reads', entries)
    await lab.compare('writes', entries.map((entry) => ({ ...entry, writes: 1 })))
  }
}

export const processes: Series = {
  name: 'processes',
  title: 'Processes on one database at 64 connections',
  axis: 'processes',
  unit: 'rate',
  async run (lab) {
    await lab.openDatabase()
    for (const point of lab.options.points ?? (lab.options.quick ? [1, 2] : [1, 2, 3, 4])) {
      const entries: Entry[] = []
      for (const application of lab.available(mysqlPeers)) {
        const running = await lab.start(application, { processes: point })
        entries.push({ running, point, connections: 64, writes: 0 })
      }
      await lab.compare('reads', entries)
      await lab.compare('writes', entries.map((entry) => ({ ...entry, writes: 1 })))
      await lab.stopApplications()
    }
  }
}

export const idle: Series = {
  name: 'idle',
  title: 'Reads at 64 connections with an idle timeout of 30 minutes',
  axis: 'connections',
  unit: 'rate',
  async run (lab) {
    await lab.openDatabase()
    const idleTimeout = 30 * 60 * 1000
    const entries: Entry[] = []
    for (const application of lab.available(mysqlPeers)) {
      const running = await lab.start(application, { settings: { idleTimeout } })
      entries.push({ running, point: 64, connections: 64, writes: 0 })
    }
    await lab.compare('reads', entries)
    await lab.stopApplications()

    // The peers touch on every request. Ours touches a session seldom, so here it is also made to touch at most once a
    // second: the worst that a user can ask of it.
    for (const application of lab.available(['ours'])) {
      const running = await lab.start(application, { settings: { idleTimeout, touchInterval: 1000 } })
      await lab.compare('reads, each session touched once a second', [{ running, point: 64, connections: 64, writes: 0 }])
    }
  }
}
