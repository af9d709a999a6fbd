import { serve } from './ours.js'

await serve({ store: 'memory' })
