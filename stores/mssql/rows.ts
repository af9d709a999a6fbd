import { asBuffer } from '../bytes.js'
import type { Driver } from './pool.js'

/*
 * The rows that a statement inserts or changes. One row is sent as plain parameters. Many rows are packed into two
 * parameters, whatever their number: @rows has a record of fixed width for each row, with its token and its numbers as text,
 * and @data has the bytes of all rows, one after the other. The statement joins the records as a table r.
 *
 * Every engine has SUBSTRING and CAST. OPENJSON needs a newer compatibility level of the database, and bytes as Base64; a
 * table-valued parameter needs a type that somebody has created.
 */

export interface Parameter {
  readonly name: string
  /** Its type, which the driver makes. Without one the driver sends NVARCHAR, and then no index on a CHAR column serves it. */
  readonly type: (driver: Driver) => unknown
  readonly value: unknown
}

export interface Row {
  readonly token: string
  /** Whole numbers of 10 digits at most, by their names. */
  readonly numbers: Readonly<Record<string, number>>
  readonly bytes: Readonly<Record<string, Uint8Array>>
}

/** The rows of one statement. The methods give expressions of T-SQL for the values of a row. */
export interface RowSource {
  readonly parameters: readonly Parameter[]
  /** The clause FROM, with the word and a space after it. Empty for one row. */
  readonly from: string
  readonly token: string
  number (name: string): string
  bytes (name: string): string
  /** How many bytes these are. */
  size (name: string): string
}

export const TOKEN_LENGTH = 43
export const CHAR_43 = (driver: Driver): unknown => driver.Char(TOKEN_LENGTH)
export const INT = (driver: Driver): unknown => driver.Int
const VARCHAR = (driver: Driver) => driver.VarChar(8000)
const VARBINARY_MAX = (driver: Driver) => driver.VarBinary(driver.MAX)

/** All rows must have the same names in the same order. Throws a RangeError for a value that does not fit into its record. */
export function rowSource (rows: readonly Row[]): RowSource {
  const [first, ...others] = rows as [Row, ...Row[]]
  return others.length === 0 ? oneRow(first) : manyRows(rows, new Layout(first))
}

function oneRow ({ token, numbers, bytes }: Row): RowSource {
  return {
    parameters: [
      { name: 't', type: CHAR_43, value: fitting(token, TOKEN_LENGTH) },
      ...Object.entries(numbers).map(([name, value]) => ({ name, type: INT, value })),
      ...Object.entries(bytes).map(([name, value]) => ({ name, type: VARBINARY_MAX, value: asBuffer(value) }))
    ],
    from: '',
    token: '@t',
    number: name => `@${name}`,
    bytes: name => `@${name}`,
    size: name => `DATALENGTH(@${name})`
  }
}

function manyRows (rows: readonly Row[], layout: Layout): RowSource {
  const chunks: Uint8Array[] = []
  // SUBSTRING counts from 1.
  let end = 1
  const records = rows.map(row => {
    const record = layout.record(row, end)
    for (const bytes of Object.values(row.bytes)) {
      chunks.push(bytes)
      end += bytes.length
    }
    return record
  })
  return {
    parameters: [{ name: 'rows', type: VARCHAR, value: records.join('') }, { name: 'data', type: VARBINARY_MAX, value: Buffer.concat(chunks) }],
    from: `FROM ${layout.table(rows.length)} `,
    // From the parameter, not from a column of r: only a parameter surely takes the collation of the column it is compared with.
    token: `CAST(SUBSTRING(@rows, r.n + 1, ${TOKEN_LENGTH}) AS char(${TOKEN_LENGTH}))`,
    number: name => `r.${name}`,
    bytes: name => `SUBSTRING(@data, ${layout.placeOf(name)}, r.${name}Size)`,
    size: name => `r.${name}Size`
  }
}

/** Tables of records exist for these numbers of rows only, so that the server keeps few plans. A shorter list costs nothing. */
const COUNTS = [8, 50]

/** The digits of a number in a record. Milliseconds are less than a second. */
const widthOf = (field: string): number => /ms$/i.test(field) ? 3 : 10

/** The fields of a record: the token, the row's numbers, where its bytes begin in @data, and the sizes of these bytes. */
class Layout {
  readonly width: number
  readonly #bytes: readonly string[]
  readonly #fields: readonly string[]

  constructor ({ numbers, bytes }: Row) {
    this.#bytes = Object.keys(bytes)
    this.#fields = [...Object.keys(numbers), 'place', ...this.#bytes.map(name => `${name}Size`)]
    this.width = this.#fields.reduce((width, field) => width + widthOf(field), TOKEN_LENGTH)
  }

  record ({ token, numbers, bytes }: Row, place: number): string {
    const values = [...Object.values(numbers), place, ...Object.values(bytes).map(({ length }) => length)]
    return fitting(token, TOKEN_LENGTH).padEnd(TOKEN_LENGTH) + values.map((value, i) => {
      const width = widthOf(this.#fields[i] as string)
      return fitting(String(value), width).padEnd(width)
    }).join('')
  }

  /** The records of @rows as a table r of their beginnings n and their numbers. */
  table (rows: number): string {
    let place = TOKEN_LENGTH + 1
    const numbers = this.#fields.map(field => {
      const number = `CAST(SUBSTRING(@rows, n + ${place}, ${widthOf(field)}) AS int)`
      place += widthOf(field)
      return number
    })
    const count = COUNTS.find(count => count >= rows)
    if (count === undefined) throw new RangeError(`A statement takes ${COUNTS.at(-1)} rows at most, not ${rows}`)
    const beginnings = Array.from({ length: count }, (_, i) => `(${i * this.width})`)
    return `(SELECT n, ${numbers.join(', ')} FROM (VALUES ${beginnings.join(',')}) AS i (n) WHERE n < DATALENGTH(@rows)) AS r (n, ${this.#fields.join(', ')})`
  }

  /** The bytes of a row follow each other, in the order of their names. */
  placeOf (name: string): string {
    return ['r.place', ...this.#bytes.slice(0, this.#bytes.indexOf(name)).map(before => `r.${before}Size`)].join(' + ')
  }
}

function fitting (text: string, width: number): string {
  if (text.length > width) throw new RangeError(`A value of ${text.length} characters does not fit into the ${width} that a row has for it`)
  return text
}
