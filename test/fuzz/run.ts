/*
 * `npm run fuzz`: a million random inputs for what reads cookies, tokens, rows and values, and for the log of changes.
 * `npm run fuzz -- schedules`: 10,000 random schedules of requests against the model (see test/model).
 *
 *     --runs N       how many inputs, or schedules on each store. Default 1,000,000, or 10,000.
 *     --seed N       the seed that a failed run has told
 *     --only TEXT    only the properties with this text in their names, "codec gob" for example
 *     --store NAME   memory, mysql or mssql: the schedules run there only
 */
import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { parseArgs } from 'node:util'
import fc from 'fast-check'
import { findServers } from '../runner/servers.js'
import { PROPERTIES } from './properties.js'
import type { Property } from './property.js'

/** After so many inputs a property tells how far it has come. Each such part has a seed of its own. */
const PART = 10_000

const { values, positionals } = parseArgs({ allowPositionals: true, options: { runs: { type: 'string' }, seed: { type: 'string' }, only: { type: 'string' }, store: { type: 'string' } } })
const seed = number('seed', values.seed, Date.now() % 2 ** 31)
const [what = 'inputs', ...rest] = positionals
if (rest.length > 0 || !['inputs', 'schedules'].includes(what)) throw new Error('npm run fuzz takes "inputs" or "schedules", and --runs, --seed, --only, --store')
process.exitCode = what === 'schedules' ? await fuzzSchedules(number('runs', values.runs, 10_000)) : fuzzInputs(number('runs', values.runs, 1_000_000))

function number (name: string, value: string | undefined, otherwise: number): number {
  const given = value === undefined ? otherwise : Number(value)
  if (!Number.isSafeInteger(given) || given < 1) throw new Error(`--${name} must be a whole number of 1 or more`)
  return given
}

function fuzzInputs (runs: number): number {
  const properties = PROPERTIES.filter(({ name }) => name.includes(values.only ?? ''))
  if (properties.length === 0) throw new Error('No property has the text of --only in its name')
  console.log(`${runs} inputs for ${properties.length} properties, seed ${seed}`)
  const each = Math.ceil(runs / properties.length)
  const failed = properties.filter(property => !holds(property, each))
  console.log(failed.length === 0 ? `${each * properties.length} inputs, and every property holds` : `${failed.length} of ${properties.length} properties do not hold. Seed ${seed}`)
  return failed.length === 0 ? 0 : 1
}

function holds (property: Property, runs: number): boolean {
  const startedAt = performance.now()
  for (let done = 0; done < runs; done += PART) {
    const result = property.try(Math.min(PART, runs - done), seed + done)
    if (!result.failed) continue
    console.log(`FAILED: ${property.name}\n${fc.defaultReportMessage(result)}`)
    return false
  }
  console.log(`ok: ${property.name}: ${runs} inputs, ${((performance.now() - startedAt) / 1000).toFixed(1)} s`)
  return true
}

async function fuzzSchedules (runs: number): Promise<number> {
  console.log(`${runs} schedules on each store, seed ${seed}`)
  const servers = await findServers()
  try {
    const program = 'dist/test/model/schedules.long.test.js'
    const tests = spawn(process.execPath, [program], {
      stdio: 'inherit',
      env: { ...process.env, ...servers.env, TAP_TIMEOUT: '0', FUZZ_RUNS: String(runs), FUZZ_SEED: String(seed), ...values.store !== undefined && { FUZZ_STORES: values.store } }
    })
    const [code] = await once(tests, 'exit') as [number | null]
    return code ?? 1
  } finally {
    await servers.stop()
  }
}
