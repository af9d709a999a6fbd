import { NOBODY, parsed, type ExpressSession, type ExpressSource } from './source.js'
import { failureOf } from './failure.js'
import type { Connection } from '../mysql/connection.js'
import { MysqlConnections } from '../mysql/connections.js'
import { kindOf } from '../mysql/errors.js'
import { checkSource, openPool, type MysqlSource } from '../mysql/pool.js'
import { knownOnly, tableName } from '../validate.js'
import { InvalidOptionError } from '../errors.js'

/** The columns of express-mysql-session: its option `schema.columnNames`. */
export interface ExpressColumns {
  /** Default 'session_id'. */
  session_id?: string
  /** Default 'expires'. It holds seconds since 1970. */
  expires?: string
  /** Default 'data'. */
  data?: string
}

/** The sessions of express-mysql-session. */
export class ExpressMysql implements ExpressSource {
  readonly #source: MysqlSource
  readonly #timeout: number
  readonly #table: string
  readonly #select: string
  readonly #delete: string
  #connections: Promise<MysqlConnections> | undefined

  /** @param timeout how long a statement may take, in milliseconds */
  constructor (source: MysqlSource, timeout: number, table?: string, columns: ExpressColumns = {}) {
    checkSource(source)
    knownOnly(columns, ['session_id', 'expires', 'data'], 'columns.')
    this.#source = source
    this.#timeout = timeout
    const name = tableName(table)
    this.#table = name.join('.')
    const quoted = name.map(quote).join('.')
    const [id, expires, data] = [columns.session_id ?? 'session_id', columns.expires ?? 'expires', columns.data ?? 'data'].map(column => quote(checkedColumn(column)))
    this.#select = `SELECT ${id}, ${data}, ${expires} + 0e0 FROM ${quoted} WHERE ${id} = ?`
    this.#delete = `DELETE FROM ${quoted} WHERE ${id} = ?`
  }

  async read (id: string): Promise<ExpressSession | undefined> {
    const rows = await this.#use(async connection => await connection.rows({ sql: this.#select, values: [id] }))
    // A collation may find another id.
    const [, data, expires] = rows.find(([found]) => String(found) === id) ?? []
    return data === undefined ? undefined : { data: parsed(data), expires: new Date(Number(expires) * 1000) }
  }

  async end (id: string): Promise<void> {
    await this.#use(async connection => await connection.run({ sql: this.#delete, values: [id] }))
  }

  async check (): Promise<void> {
    await this.read(NOBODY)
    await this.end(NOBODY)
  }

  async close (): Promise<void> {
    const connections = await this.#connections?.catch(() => undefined)
    await connections?.close()
  }

  async #use<T> (work: (connection: Connection) => Promise<T>): Promise<T> {
    try {
      this.#connections ??= openPool(this.#source, this.#timeout).then(opened => new MysqlConnections(opened))
      return await (await this.#connections).use(performance.now() + this.#timeout, work)
    } catch (error) {
      throw failureOf(error, this.#table, kindOf)
    }
  }
}

function checkedColumn (column: unknown): string {
  // eslint-disable-next-line no-control-regex -- what MySQL refuses
  if (typeof column === 'string' && /^[^\u0000]{1,64}$/.test(column)) return column
  throw new InvalidOptionError('columns must name columns: { session_id: \'session_id\', expires: \'expires\', data: \'data\' }')
}

function quote (name: string): string {
  return `\`${name.replaceAll('`', '``')}\``
}
