import { parseArgs } from 'node:util'

/** What the benchmark was asked to do. */
export interface Options {
  readonly rounds: number
  readonly seconds: number
  readonly warmUp: number
  readonly series: readonly string[] | undefined
  readonly peers: readonly string[] | undefined
  readonly kinds: readonly string[] | undefined
  /** The points of a series, instead of its own. */
  readonly points: readonly number[] | undefined
  /** How many requests of each kind the series `inprocess` makes. */
  readonly requests: number
  /** The folder of another build of this package, to compare with. */
  readonly vs: string | undefined
  /** A server to use instead of a private MariaDB. */
  readonly mysql: string | undefined
  /** The connection string of a SQL Server to use instead of the front. */
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
  --kinds NAMES     only these kinds of request, separated by commas (cost, inprocess)
  --points NUMBERS  these points of the series, separated by commas (size, concurrency, rows, processes, mix, mssql-batches)
  --vs FOLDER       measure another build of this package too: a checkout of it in which npm run build has run
  --rounds N        rounds of each point, interleaved (default 5)
  --seconds N       of each application in each round (default 4)
  --requests N      of each kind in each round (inprocess; default 100000)
  --mysql URL       a server to use instead of a private MariaDB (or MYSQL_URL); databases bench_* in it are made anew
  --mssql STRING    a SQL Server to use instead of the front in test/tds (or MSSQL_URL), as a connection string; databases
                    bench_* in it are made anew
  --quick           one round of one second and few points, to see that it works
  --profile FOLDER  write a CPU profile of each application on Node there; its figures are worse then
  --plot            measure nothing, draw the figures of the last runs into bench/plots/
  --help
`

/** Reads the command line; undefined for --help. Throws for what is wrong. */
export function readOptions (args: readonly string[], env: NodeJS.ProcessEnv = process.env): Options | undefined {
  const { values } = parseArgs({
    args: [...args],
    options: {
      series: { type: 'string' },
      peers: { type: 'string' },
      kinds: { type: 'string' },
      points: { type: 'string' },
      vs: { type: 'string' },
      rounds: { type: 'string' },
      seconds: { type: 'string' },
      requests: { type: 'string' },
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
    requests: positive('requests', values.requests, quick ? 2000 : 100_000),
    series: list(values.series),
    peers: list(values.peers),
    kinds: list(values.kinds),
    points: list(values.points)?.map((point) => wholeNumber('points', point, 0)),
    vs: values.vs,
    mysql: given(values.mysql ?? env.MYSQL_URL),
    mssql: given(values.mssql ?? env.MSSQL_URL),
    quick,
    profile: values.profile,
    plot: values.plot
  }
}

/** An empty variable of the environment is none. */
function given (text: string | undefined): string | undefined {
  return text === '' ? undefined : text
}

function list (text: string | undefined): string[] | undefined {
  return text?.split(',').map((name) => name.trim()).filter((name) => name !== '')
}

function positive (name: string, text: string | undefined, fallback: number): number {
  return text === undefined ? fallback : wholeNumber(name, text, 1)
}

function wholeNumber (name: string, text: string, least: number): number {
  const number = Number(text)
  if (!Number.isInteger(number) || number < least) throw new Error(`--${name} needs a whole number from ${least}, not ${text}`)
  return number
}
