import { asBabelfish } from './babelfish.js'
import { bVarChar, int32, uint16, uint32, uint64, uint8, usVarChar } from './bytes.js'
import type { SqlError } from './sql-error.js'
import type { SqlType, Value } from './types.js'
import { writeTypeInfo, writeValue } from './wire-types.js'

export interface Column {
  readonly name: string
  readonly type: SqlType
  /** The five bytes of its collation, if it is not the default. */
  readonly collation: Buffer | undefined
}

export const SERVER_NAME = 'tds-front'

const DONE_MORE = 0x0001
const DONE_ERROR = 0x0002
const DONE_COUNT = 0x0010
const DONE_ATTENTION = 0x0020

/** The command that a DONE token reports. */
export const Command = { none: 0, select: 0xc1, insert: 0xc3, delete: 0xc4, update: 0xc5, attention: 0xfd } as const

export const EnvChange = { database: 1, language: 2, packetSize: 4, collation: 7, begin: 8, commit: 9, rollback: 10, reset: 18 } as const

/** Collects the tokens of a response, in the order of the calls. */
export class Reply {
  readonly #parts: Buffer[] = []
  readonly #inProcedure: boolean
  readonly #babelfish: boolean
  #columns: readonly Column[] = []
  /** The last DONE. It is held back, because its flag says whether another token follows. */
  #done: { status: number, command: number, count: bigint } | undefined

  #firstError: number | undefined
  /** Whether the last token was a DONE, as it must be at the end of a message. */
  #isDone = false

  constructor (inProcedure = false, babelfish = false) {
    this.#inProcedure = inProcedure
    this.#babelfish = babelfish
  }

  #push (...parts: readonly Buffer[]): void {
    this.#flush(true)
    this.#parts.push(...parts)
    this.#isDone = false
  }

  #flush (more: boolean): void {
    if (this.#done === undefined) return
    const { status, command, count } = this.#done
    this.#done = undefined
    const token = uint8(this.#inProcedure ? 0xff : 0xfd)
    this.#parts.push(token, uint16(status | (more ? DONE_MORE : 0)), uint16(command), uint64(count))
  }

  columns (columns: readonly Column[]): void {
    this.#columns = columns
    const parts = columns.map(({ name, type, collation }) => Buffer.concat([
      uint32(0), uint16(0x0009), writeTypeInfo(type, collation), bVarChar(name)
    ]))
    this.#push(uint8(0x81), uint16(columns.length), ...parts)
  }

  row (values: readonly Value[]): void {
    this.#push(uint8(0xd1), ...this.#columns.map((column, i) => writeValue(column.type, values[i] ?? null)))
  }

  /** Ends a statement. With null it reports no count. */
  done (command: number, count: number | null, failed = false): void {
    this.#flush(true)
    const status = (count === null ? 0 : DONE_COUNT) | (failed ? DONE_ERROR : 0)
    this.#done = { status, command, count: BigInt(count ?? 0) }
    this.#isDone = true
  }

  /** The number of the first error in the response. */
  get firstError (): number | undefined { return this.#firstError }

  error (error: SqlError): void {
    const told = this.#babelfish ? asBabelfish(error) : error
    this.#firstError ??= told.number
    this.#message(0xaa, told)
  }

  info (number: number, message: string): void {
    this.#message(0xab, { number, message, severity: 0, state: 1, line: 1 })
  }

  #message (token: number, { number, message, severity, state, line }: Pick<SqlError, 'number' | 'message' | 'severity' | 'state' | 'line'>): void {
    const body = Buffer.concat([
      int32(number), uint8(state), uint8(severity), usVarChar(message), bVarChar(SERVER_NAME), bVarChar(''), uint32(line)
    ])
    this.#push(uint8(token), uint16(body.length), body)
  }

  envChange (kind: number, next: string | Buffer, previous: string | Buffer): void {
    const value = (v: string | Buffer) => typeof v === 'string' ? bVarChar(v) : Buffer.concat([uint8(v.length), v])
    const body = Buffer.concat([uint8(kind), value(next), value(previous)])
    this.#push(uint8(0xe3), uint16(body.length), body)
  }

  /** Acknowledges a reset, as the first token of the answer. */
  reset (): void {
    this.envChange(EnvChange.reset, Buffer.alloc(0), Buffer.alloc(0))
  }

  loginAck (): void {
    const body = Buffer.concat([
      uint8(1), Buffer.from([0x74, 0x00, 0x00, 0x04]), bVarChar('Microsoft SQL Server'), Buffer.from([16, 0, 0x10, 0])
    ])
    this.#push(uint8(0xad), uint16(body.length), body)
  }

  output (ordinal: number, name: string, type: SqlType, value: Value): void {
    this.#push(uint8(0xac), uint16(ordinal), bVarChar(name), uint8(1), uint32(0), uint16(0), writeTypeInfo(type), writeValue(type, value))
  }

  returnStatus (status: number): void {
    this.#push(uint8(0x79), int32(status))
  }

  /** DONEPROC: the end of a remote procedure call. */
  procedureDone (failed: boolean): void {
    this.#push(uint8(0xfe), uint16(failed ? DONE_ERROR : 0), uint16(0), uint64(0n))
    this.#isDone = true
  }

  /** The end of anything else. */
  bytes (): Buffer {
    if (!this.#isDone) this.done(Command.none, null)
    this.#flush(false)
    return Buffer.concat(this.#parts)
  }
}

/** The acknowledgement of a cancellation. It is a message by itself. */
export function attentionReply (): Buffer {
  return Buffer.concat([uint8(0xfd), uint16(DONE_ATTENTION), uint16(Command.attention), uint64(0n)])
}
