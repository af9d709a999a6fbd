/** How to reach a database, in the names that mysql2 and express-mysql-session share. */
export interface Login {
  readonly host: string
  readonly port: number
  readonly user: string
  readonly password: string
  readonly database?: string
}

/** Reads an address such as mysql://root:secret@127.0.0.1:3306 or mssql://sa:secret@127.0.0.1:1433/bench. */
export function loginOf (address: string): Login {
  const url = new URL(address)
  const database = url.pathname.slice(1)
  return {
    host: url.hostname,
    port: Number(url.port) || (url.protocol === 'mssql:' ? 1433 : 3306),
    user: decodeURIComponent(url.username),
    password: decodeURIComponent(url.password),
    ...(database !== '' && { database })
  }
}
