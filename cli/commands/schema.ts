import type { Command } from './command.js'
import { DONE, UsageError } from '../usage.js'
import { quoted } from '../../stores/mssql/table.js'
import { SCHEMA as MSSQL } from '../../stores/mssql/schema.js'
import { SCHEMA as MYSQL } from '../../stores/mysql/schema.js'
import { forTable } from '../../stores/sql/schema.js'
import { inspected, tableName } from '../../stores/validate.js'

/** Writes the SQL that creates the table. */
export const schema: Command = {
  name: 'schema',
  usage: 'mysql|mssql',
  help: 'write the SQL that creates the table',
  options: { table: { type: 'string', value: 'NAME', help: 'the table, default sessions' } },
  takes: 1,
  async run (args, terminal) {
    const [kind] = args.positionals
    const name = tableName(args.text('table'))
    if (kind !== 'mysql' && kind !== 'mssql') throw new UsageError(`schema needs mysql or mssql${kind === undefined ? '' : `, not ${inspected(kind)}`}`)
    await terminal.write(kind === 'mysql'
      ? forTable(MYSQL, '`sessions`', name.map(part => `\`${part.replaceAll('`', '``')}\``).join('.'))
      : forTable(MSSQL, '[sessions]', quoted(name), quoted(name).replaceAll('\'', '\'\'')))
    return DONE
  }
}
