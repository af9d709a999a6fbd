import t from 'tap'
import { memoryStore } from '../../../stores/memory/memory.js'
import { runContract } from '../../support/contract.js'

t.test('the memory store keeps the contract', async t => {
  await runContract(t, () => memoryStore({ cleanupInterval: 0 }))
})
