import { save, saved } from './figures.js'
import type { SeriesResult } from './figures.js'
import { Lab } from './lab.js'
import { readOptions, usage } from './options.js'
import type { Options } from './options.js'
import { buildIn } from './packages.js'
import { draw } from './plot.js'
import { cleanup } from './series/cleanup.js'
import { cost } from './series/cost.js'
import { idle, processes, rows, size } from './series/data.js'
import { hooks } from './series/hooks.js'
import { imports } from './series/imports.js'
import { heap, inProcess } from './series/in-process.js'
import { mssql, mssqlBatches } from './series/mssql.js'
import { owners } from './series/owners.js'
import type { Series } from './series/series.js'
import { tail } from './series/tail.js'
import { concurrency, hot, latency, memory, mix, reads, writes } from './series/throughput.js'
import { costs, markdown } from './table.js'
import { installPeers } from './tools.js'

const all: readonly Series[] = [
  cost, reads, writes, latency, tail, concurrency, size, rows, processes, mix, hot, idle, memory, cleanup, mssql, mssqlBatches,
  imports, heap, inProcess, hooks, owners
]

async function measure (series: Series, options: Options): Promise<SeriesResult> {
  const lab = new Lab(options)
  try {
    await series.run(lab)
  } finally {
    await lab.close()
  }
  const { name, title, axis, unit, columns, overCeiling } = series
  return {
    series: name,
    title,
    axis,
    unit,
    ...(columns && { columns }),
    ...(overCeiling && { overCeiling }),
    environment: lab.environment,
    figures: lab.figures,
    notes: lab.notes
  }
}

async function main (options: Options): Promise<void> {
  const unknown = options.series?.filter((name) => !all.some((series) => series.name === name)) ?? []
  if (unknown.length > 0) throw new Error(`There is no series ${unknown.join()}; there are ${all.map(({ name }) => name).join()}`)
  // Throws now rather than after the first round.
  buildIn(options.vs)
  await installPeers()

  if (options.plot) {
    const chosen = saved().filter(({ series }) => options.series?.includes(series) ?? true)
    if (chosen.length === 0) throw new Error('There are no figures in bench/results/ yet: run the benchmark first')
    for (const result of chosen) {
      for (const file of draw(result)) console.log(`bench/plots/${file}`)
    }
    return
  }
  for (const series of all) {
    if (!(options.series?.includes(series.name) ?? series.isOptional !== true)) continue
    const result = await measure(series, options)
    // What was only tried out shall not be taken for figures.
    if (!options.quick && options.profile === undefined) save(result)
    console.log(markdown(result))
    if (series === cost) console.log(costs(result))
    if (result.notes.some((note) => note.startsWith('WRONG'))) process.exitCode = 1
  }
}

const options = readOptions(process.argv.slice(2))
if (options === undefined) console.log(usage)
else await main(options)
