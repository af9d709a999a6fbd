import { memoryStore } from '../../plugin/index.js'
import t from 'tap'
import { playAll, SEED } from './play-all.js'

t.test(`whatever several clients do in whatever order, sessions do what the model says (seed ${SEED})`, async t => {
  const store = memoryStore({ cleanupInterval: 0 })
  await playAll(t, 100, () => store)
})
