import fc from 'fast-check'
import t from 'tap'
import { PROPERTIES } from './properties.js'
import { tries } from '../support/quick.js'

const RUNS = tries(1000)
const SEED = Date.now() % 2 ** 31

for (const property of PROPERTIES) {
  t.test(`${property.name} (seed ${SEED})`, async t => {
    const result = property.try(RUNS, SEED)
    t.ok(!result.failed, fc.defaultReportMessage(result) ?? '')
  })
}

t.test('a property that does not hold is told with its input', async t => {
  const result = fc.check(fc.property(fc.nat(), n => n < 100), { seed: SEED })
  t.ok(result.failed)
  t.match(fc.defaultReportMessage(result), /Counterexample: \[100\]/)
})
