/** An error as SQL Server reports it. */
export class SqlError extends Error {
  readonly number: number
  readonly severity: number
  readonly state: number
  readonly line: number

  constructor (number: number, message: string, severity = 16, state = 1, line = 1) {
    super(message)
    this.name = 'SqlError'
    this.number = number
    this.severity = severity
    this.state = state
    this.line = line
  }

  /** Whether this error ends the batch. Any other error ends only its statement, unless XACT_ABORT is on. */
  get endsBatch (): boolean {
    return ENDS_BATCH.has(this.number) || this.severity === 15 || this.severity > 16
  }

  /** Whether this error ends an open transaction even when XACT_ABORT is off. */
  get endsTransaction (): boolean {
    return this.number === 1205 || this.number === 241 || this.number === 245
  }
}

const ENDS_BATCH = new Set([102, 156, 105, 113, 137, 195, 207, 208, 209, 241, 245, 257, 334, 402, 468, 1205, 2812, 3989, 4104, 8114])

/** The error of a number that a test asks for. It has SQL Server's message where a program may look at the message. */
export function errorByNumber (number: number): SqlError {
  switch (number) {
    case 208: return new SqlError(208, "Invalid object name 'dbo.sessions'.")
    case 1205: return deadlock()
    case 1222: return lockTimeout()
    case 2627: return new SqlError(2627, "Violation of PRIMARY KEY constraint 'PK__sessions'. Cannot insert duplicate key in object 'dbo.sessions'. The duplicate key value is (?).", 14)
    case 2628: return new SqlError(2628, "String or binary data would be truncated in table 'dbo.sessions', column 'data'. Truncated value: ''.")
    case 4060: return new SqlError(4060, 'Cannot open database "sessions" requested by the login. The login failed.', 11)
    case 40613: return new SqlError(40613, "Database 'sessions' on server 'front' is not currently available. Please retry the connection later.", 17)
    case 18456: return new SqlError(18456, "Login failed for user 'sa'.", 14)
    case 701: return new SqlError(701, 'There is insufficient system memory in resource pool \'default\' to run this query.', 17, 123)
    case 9002: return new SqlError(9002, "The transaction log for database 'sessions' is full due to 'LOG_BACKUP'.", 17, 2)
    case 3906: return new SqlError(3906, 'Failed to update database "sessions" because the database is read-only.')
    case 229: return new SqlError(229, "The SELECT permission was denied on the object 'sessions', database 'sessions', schema 'dbo'.", 14, 5)
    default: return new SqlError(number, `Error ${number}, as the test wished.`)
  }
}

export function deadlock (): SqlError {
  return new SqlError(1205, 'Transaction (Process ID 52) was deadlocked on lock resources with another process and has been chosen as the deadlock victim. Rerun the transaction.', 13, 51)
}

export function lockTimeout (): SqlError {
  return new SqlError(1222, 'Lock request time out period exceeded.', 16, 56)
}
