import { ByteReader } from './bytes.js'
import type { SqlType, Value } from './types.js'
import { readParameter } from './wire-types.js'

export interface Parameter {
  /** With its @; '' where it was sent by position. */
  readonly name: string
  readonly type: SqlType
  readonly value: Value
  readonly output: boolean
}

export interface RemoteCall {
  readonly transaction: bigint
  /** A name, or the number of one of the special procedures (10 is sp_executesql). */
  readonly procedure: string | number
  readonly parameters: readonly Parameter[]
}

export interface TransactionRequest {
  readonly transaction: bigint
  readonly operation: number
  readonly isolation: number
  readonly name: string
}

/** Reads ALL_HEADERS, and returns the transaction descriptor. */
function readHeaders (reader: ByteReader): bigint {
  const end = reader.offset + reader.uint32()
  let transaction = 0n
  while (reader.offset < end) {
    const start = reader.offset
    const length = reader.uint32()
    if (reader.uint16() === 2) transaction = reader.uint64()
    reader.offset = start + Math.max(length, 6)
  }
  return transaction
}

export function readBatch (body: Buffer): { transaction: bigint, sql: string } {
  const reader = new ByteReader(body)
  const transaction = readHeaders(reader)
  return { transaction, sql: reader.take(reader.left).toString('utf16le') }
}

export function readCall (body: Buffer): RemoteCall {
  const reader = new ByteReader(body)
  const transaction = readHeaders(reader)
  const length = reader.uint16()
  const procedure = length === 0xffff ? reader.uint16() : reader.take(length * 2).toString('utf16le')
  reader.uint16()
  const parameters: Parameter[] = []
  while (reader.left > 0) {
    const name = reader.bVarChar()
    const status = reader.uint8()
    parameters.push({ name, ...readParameter(reader), output: (status & 1) !== 0 })
  }
  return { transaction, procedure, parameters }
}

export const Operation = { begin: 5, commit: 7, rollback: 8, save: 9 } as const

export function readTransactionRequest (body: Buffer): TransactionRequest {
  const reader = new ByteReader(body)
  const transaction = readHeaders(reader)
  const operation = reader.uint16()
  const isolation = operation === Operation.begin ? reader.uint8() : 0
  const name = reader.left > 0 ? reader.take(reader.uint8()).toString('utf16le') : ''
  return { transaction, operation, isolation, name }
}
