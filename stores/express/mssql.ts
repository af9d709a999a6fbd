import { NOBODY, parsed, type ExpressSession, type ExpressSource } from './source.js'
import { failureOf } from './failure.js'
import { MssqlConnections } from '../mssql/connections.js'
import { kindOf, wrongOptionIn } from '../mssql/errors.js'
import { checkSource, openPool, type MssqlSource, type OpenedPool } from '../mssql/pool.js'
import { quoted, timeIn } from '../mssql/table.js'
import { tableName } from '../validate.js'

/** The sessions of connect-mssql-v2. */
export class ExpressMssql implements ExpressSource {
  readonly #source: MssqlSource
  readonly #timeout: number
  readonly #table: string
  readonly #quoted: string
  #opening: Promise<OpenedPool> | undefined
  #connections: MssqlConnections | undefined

  /** @param timeout how long a statement may take, in milliseconds */
  constructor (source: MssqlSource, timeout: number, table?: string) {
    checkSource(source)
    this.#source = source
    this.#timeout = timeout
    const name = tableName(table)
    this.#table = name.join('.')
    this.#quoted = quoted(name)
  }

  async read (id: string): Promise<ExpressSession | undefined> {
    // As text, because the driver would read a time in its own time zone.
    const rows = await this.#rows(id, now => `SELECT sid, session, CONVERT(varchar(33), expires, 126), CONVERT(varchar(33), ${now}, 126) FROM ${this.#quoted} WHERE sid = @sid`)
    // A collation may find another id.
    const [, data, expires, now] = rows.find(([found]) => String(found) === id) ?? []
    return data === undefined ? undefined : { data: parsed(data), expires: new Date(Date.now() + timeIn(expires) - timeIn(now)) }
  }

  async end (id: string): Promise<void> {
    await this.#rows(id, () => `DELETE FROM ${this.#quoted} WHERE sid = @sid`)
  }

  async check (): Promise<void> {
    await this.read(NOBODY)
    await this.end(NOBODY)
  }

  async close (): Promise<void> {
    const opened = await this.#opening?.catch(() => undefined)
    if (opened?.isOwn === true) await this.#connections?.close()
  }

  async #rows (id: string, text: (now: string) => string): Promise<unknown[][]> {
    try {
      const opened = await (this.#opening ??= openPool(this.#source, this.#timeout))
      this.#connections ??= new MssqlConnections(opened)
      const statement = { text: text(nowOf(opened)), parameters: [{ name: 'sid', type: NVARCHAR, value: id }] }
      return await this.#connections.use(performance.now() + this.#timeout, async connection => await connection.rows(statement))
    } catch (error) {
      throw failureOf(wrongOptionIn(error) ?? error, this.#table, kindOf)
    }
  }
}

const NVARCHAR = (driver: { readonly NVarChar: (length: number) => unknown }) => driver.NVarChar(255)

/** The driver has written the expiry in UTC, unless its option useUTC is off. */
function nowOf ({ pool }: OpenedPool): string {
  const { config } = pool as { readonly config?: { readonly options?: { readonly useUTC?: unknown } } }
  return config?.options?.useUTC === false ? 'SYSDATETIME()' : 'SYSUTCDATETIME()'
}
