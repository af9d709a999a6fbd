import { serve } from './ours.js'

// The sign-ins of the benchmark must not evict the sessions that it reads.
await serve({ store: 'memory', maxSessions: 10_000_000 })
