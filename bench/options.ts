import { parseArgs } from 'node:util'

/** What the benchmark was asked to do. */
export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly warmUp: number
  readonly series: readonly string[] | undefined
  readonly peers: readonly string[] | undefined
  /** A server to use instead of a private MariaDB. */
  readonly mysql: string | undefined
  readonly mssql: string | undefined
  /** Few points and few rows: to see that it works. The figures mean nothing. */
  readonly quick: boolean
  /** A folder for a CPU profile of each application on Node. */
  readonly profile: string | undefined
  /** Only draw what is in bench/results/. */
  readonly plot: boolean
}

export const usage = `npm run bench -- [options]

  --series NAMES    only these, separated by commas
  --peers NAMES     only these applications, separated by commas
  --rounds N        rounds of each point, interleaved (default 5)
  --seconds N       of each application in each round (default 4)
  --mysql URL       a server to use instead of a private MariaDB (or MYSQL_URL); databases bench_* in it are made anew
  --mssql URL       measure on SQL Server too (or MSSQL_URL); tables bench_* in it are made anew
  --quick           one round of one second and few points, to see that it works
  --profile FOLDER  write a CPU profile of each application on Node there; its figures are lower then
  --plot            measure nothing, draw the figures of the last runs into bench/plots/
  --help
`

export function readOptions (args: readonly string[]): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      series: { type: 'string' },
      peers: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      mysql: { type: 'string' },
      mssql: { type: 'string' },
      quick: { type: 'boolean', default: false },
      profile: { type: 'string' },
      plot: { type: 'boolean', default: false },
      help: { type: 'boolean', default: false }
    }
  })
  if (values.help) return undefined
  const { quick } = values
  return {
    rounds: positive('rounds', values.rounds, quick ? 1 : 5),
    seconds: positive('seconds', values.seconds, quick ? 1 : 4),
    warmUp: quick ? 1 : 2,
    series: values.series?.split(','),
    peers: values.peers?.split(','),
    mysql: values.mysql ?? process.env.MYSQL_URL,
    mssql: values.mssql ?? process.env.MSSQL_URL,
    quick,
    profile: values.profile,
    plot: values.plot
  }
}

function positive (name: string, text: string | undefined, fallback: number): number {
  if (text === undefined) return fallback
  const number = Number(text)
  if (!Number.isInteger(number) || number < 1) throw new Error(`--${name} must be a whole number from 1, not ${text}`)
  return number
}
