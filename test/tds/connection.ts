import type { Socket } from 'node:net'
import { ProtocolError } from './bytes.js'
import { Interpreter } from './engine/interpreter.js'
import type { Variable } from './engine/interpreter.js'
import { isQueryError } from './engine/mariadb.js'
import { Arguments, runProcedure } from './engine/procedures.js'
import type { Server } from './engine/server.js'
import { Session } from './engine/session.js'
import { Cancelled, ConnectionLost } from './engine/translate-error.js'
import type { Faults } from './faults.js'
import { preloginReply, readLogin } from './login.js'
import { MessageReader, PacketType, packets } from './packets.js'
import type { Message } from './packets.js'
import { Operation, readBatch, readCall, readTransactionRequest } from './requests.js'
import type { Parameter, RemoteCall } from './requests.js'
import { SqlError, errorByNumber } from './sql-error.js'
import { parseDeclarations } from './sql/parser.js'
import { Command, EnvChange, Reply, attentionReply } from './tokens.js'
import { type, wireName } from './types.js'
import { DEFAULT_COLLATION } from './wire-types.js'

/** A request as the front received it. */
export interface RecordedStatement {
  /** The T-SQL, or BEGIN TRANSACTION and its kind, or EXEC and the name of a procedure. */
  readonly sql: string
  /** With the types that came over the wire, as the driver spells them: Char(43), VarBinary(max), DateTime2(6). */
  readonly params: readonly { readonly name: string, readonly type: string, readonly value: unknown }[]
  readonly kind: 'batch' | 'rpc' | 'transaction'
  /** The size of the request in bytes, without the headers of its packets. */
  readonly bytes: number
  /** The number of the connection, as @@SPID says it. */
  readonly connection: number
  /** The number of the error that it was answered with. */
  error?: number
}

export interface Account { readonly user: string, readonly password: string }

const UNHARMED: ReturnType<Faults['meet']> = { delay: 0, dropBefore: false, dropAnswer: false, error: null }
const ISOLATION_LEVELS = ['', 'READ UNCOMMITTED', 'READ COMMITTED', 'REPEATABLE READ', 'SERIALIZABLE', 'SNAPSHOT']
const PROCEDURES: Readonly<Record<number, string>> = { 10: 'sp_executesql', 11: 'sp_prepare', 12: 'sp_execute', 13: 'sp_prepexec', 15: 'sp_unprepare' }

/** One client: reads its messages, runs them in turn, and sends the answers. */
export class Connection {
  readonly spid: number
  readonly #socket: Socket
  readonly #server: Server
  readonly #account: Account
  readonly #record: (statement: RecordedStatement) => void
  readonly #reader = new MessageReader()
  readonly #queue: Message[] = []
  readonly #prepared = new Map<number, { sql: string, params: string }>()
  #session: Session | undefined
  #packetSize = 4096
  #working = false
  #attention = false
  #closed = false

  constructor (socket: Socket, server: Server, account: Account, spid: number, record: (statement: RecordedStatement) => void) {
    this.#socket = socket
    this.#server = server
    this.#account = account
    this.spid = spid
    this.#record = record
    socket.setNoDelay(true)
    socket.on('data', (chunk) => this.#receive(chunk))
    socket.on('error', () => socket.destroy())
    socket.on('close', () => { this.#close().catch(() => {}) })
  }

  get loggedIn (): boolean { return this.#session !== undefined && !this.#closed }

  destroy (): void {
    this.#socket.destroy()
    this.#close().catch(() => {})
  }

  async #close (): Promise<void> {
    if (this.#closed) return
    this.#closed = true
    this.#queue.length = 0
    await this.#session?.close()
  }

  #receive (chunk: Buffer): void {
    try {
      for (const message of this.#reader.push(chunk)) {
        if (message.type === PacketType.attention) this.#server.faults.attend(() => this.#cancel())
        else this.#queue.push(message)
      }
    } catch {
      this.destroy()
      return
    }
    // #work ends the connection by itself if it fails.
    this.#work().catch(() => {})
  }

  /** An attention does not wait for its turn. It is acknowledged after the answer of the running request. */
  #cancel (): void {
    // The request that it cancels may have come in the same chunk, and may not have begun.
    if (!this.#working && this.#queue.length === 0) {
      this.#send(attentionReply())
      return
    }
    this.#attention = true
    this.#session?.cancel()
  }

  async #work (): Promise<void> {
    if (this.#working) return
    this.#working = true
    try {
      for (let message = this.#queue.shift(); message !== undefined && !this.#closed; message = this.#queue.shift()) {
        this.#session?.startRequest()
        if (this.#attention) this.#session?.cancel()
        await this.#handle(message)
        if (this.#attention) {
          this.#attention = false
          this.#send(attentionReply())
        }
      }
    } catch (error) {
      // Broken messages and a lost MariaDB end the connection. Any other error is a bug of the front.
      if (!(error instanceof ProtocolError || error instanceof ConnectionLost || isQueryError(error) || this.#closed)) console.error('TDS front:', error)
      this.destroy()
    } finally {
      this.#working = false
    }
  }

  #send (body: Buffer, cut = false): void {
    if (this.#closed) return
    const split = this.#server.faults.packetSize
    const list = packets(body, split === null ? this.#packetSize : split + 8, this.spid)
    if (!cut) {
      this.#socket.write(Buffer.concat(list))
      return
    }
    const whole = Buffer.concat(list)
    const last = list.at(-1)?.length ?? 0
    this.#closed = true
    this.#socket.write(whole.subarray(0, whole.length - Math.ceil(last / 2)), () => {
      this.#socket.destroy()
      this.#session?.close().catch(() => {})
    })
  }

  async #handle (message: Message): Promise<void> {
    switch (message.type) {
      case PacketType.prelogin: this.#send(preloginReply()); return
      case PacketType.login7: await this.#login(message); return
      case PacketType.sqlBatch: case PacketType.rpc: case PacketType.transaction: break
      default: throw new ProtocolError(`a message of type ${message.type} is not known here`)
    }
    const session = this.#session
    if (session === undefined) throw new ProtocolError('a request before the login')
    if (message.ignore) {
      const reply = new Reply()
      reply.done(Command.none, null, true)
      this.#send(reply.bytes())
      return
    }
    await this.#request(message, session)
  }

  async #login (message: Message): Promise<void> {
    const login = readLogin(message)
    const reply = new Reply()
    const refuse = (error: SqlError) => {
      reply.error(error)
      reply.done(Command.none, null, true)
      this.#send(reply.bytes())
      this.#socket.end()
    }
    const wished = this.#server.faults.login
    if (wished !== null) {
      if (wished === 4060) reply.error(errorByNumber(4060))
      const number = wished === 4060 ? 18456 : wished
      refuse(number === 18456 ? new SqlError(18456, `Login failed for user '${login.user}'.`, 14) : errorByNumber(number))
      return
    }
    if (login.user.toLowerCase() !== this.#account.user.toLowerCase() || login.password !== this.#account.password) {
      refuse(new SqlError(18456, `Login failed for user '${login.user}'.`, 14))
      return
    }
    if (login.database !== '' && login.database.toLowerCase() !== this.#server.database.toLowerCase()) {
      reply.error(new SqlError(4060, `Cannot open database "${login.database}" requested by the login. The login failed.`, 11))
      refuse(new SqlError(18456, `Login failed for user '${login.user}'.`, 14))
      return
    }
    let session: Session
    try {
      session = await Session.open(this.#server, this.spid)
    } catch {
      throw new ConnectionLost('no MariaDB')
    }
    if (this.#closed) {
      await session.close()
      return
    }
    this.#session = session
    const size = Math.min(Math.max(login.packetSize, 512), 32767)
    reply.envChange(EnvChange.database, this.#server.database, 'master')
    reply.info(5701, `Changed database context to '${this.#server.database}'.`)
    reply.envChange(EnvChange.collation, DEFAULT_COLLATION, Buffer.alloc(0))
    reply.loginAck()
    reply.envChange(EnvChange.packetSize, String(size), '4096')
    reply.done(Command.none, null)
    this.#send(reply.bytes())
    this.#packetSize = size
  }

  async #request (message: Message, session: Session): Promise<void> {
    const call = message.type === PacketType.rpc ? readCall(message.body) : undefined
    const batch = message.type === PacketType.sqlBatch ? readBatch(message.body) : undefined
    const transaction = message.type === PacketType.transaction ? readTransactionRequest(message.body) : undefined
    const statement: RecordedStatement = { ...this.#recorded(call, batch?.sql, transaction?.operation), bytes: message.body.length, connection: this.spid }
    // The driver's pool sends this before it lends a connection. It is no statement of the program under test.
    const ofThePool = statement.sql === 'SELECT 1;'
    if (!ofThePool) this.#record(statement)
    const fate = ofThePool ? UNHARMED : this.#server.faults.meet(statement.sql)
    if (fate.dropBefore) {
      this.destroy()
      return
    }
    const reply = new Reply(call !== undefined, this.#server.babelfish)
    let failed = false
    try {
      if (message.reset) {
        await session.reset(reply)
        reply.reset()
      }
      const descriptor = (call ?? batch ?? transaction)?.transaction ?? 0n
      // A client that asks for a reset does not know yet that its transaction is over.
      if (descriptor !== session.descriptor && !message.reset) {
        throw new SqlError(3989, 'New request is not allowed to start because it should come with valid transaction descriptor.')
      }
      if (fate.delay > 0) await session.sleep(fate.delay)
      if (fate.error !== null) throw errorByNumber(fate.error)
      if (call !== undefined) {
        failed = await this.#call(call, session, reply)
      } else if (ofThePool) {
        session.ping(reply)
      } else if (batch !== undefined) {
        const interpreter = new Interpreter(session, reply)
        await interpreter.run(batch.sql)
      } else if (transaction !== undefined) {
        await session.applyClock()
        const level = ISOLATION_LEVELS[transaction.isolation] ?? ''
        if (level !== '') await session.set({ isolation: level })
        if (transaction.operation === Operation.begin) await session.begin(reply)
        else if (transaction.operation === Operation.commit) await session.commit(reply)
        else if (transaction.operation === Operation.rollback) await session.rollback(reply)
        else if (transaction.operation === Operation.save) await session.run(`SAVEPOINT \`s_${transaction.name.replaceAll('`', '')}\``)
        reply.done(Command.none, null)
      }
    } catch (error) {
      failed = true
      if (error instanceof Cancelled) {
        if (session.settings.xactAbort) await session.undo(reply)
      } else if (error instanceof SqlError) {
        statement.error = error.number
        reply.error(error)
        if (error.endsTransaction || session.settings.xactAbort) await session.undo(reply)
      } else {
        throw error
      }
      reply.done(Command.none, null, true)
    }
    const first = reply.firstError
    if (first !== undefined) statement.error = first
    if (call !== undefined) reply.procedureDone(failed)
    this.#send(reply.bytes(), fate.dropAnswer)
  }

  #recorded (call: RemoteCall | undefined, sql: string | undefined, operation: number | undefined): Pick<RecordedStatement, 'sql' | 'params' | 'kind'> {
    if (operation !== undefined) {
      const word = operation === Operation.begin ? 'BEGIN' : operation === Operation.commit ? 'COMMIT' : operation === Operation.save ? 'SAVE' : 'ROLLBACK'
      return { sql: `${word} TRANSACTION`, params: [], kind: 'transaction' }
    }
    if (call === undefined) return { sql: sql ?? '', params: [], kind: 'batch' }
    const list = (parameters: readonly Parameter[]) => parameters.map(({ name, type: t, value }) => ({ name: name.replace(/^@/, ''), type: wireName(t), value }))
    const name = procedureName(call)
    if (name === 'sp_executesql') {
      return { sql: String(call.parameters[0]?.value ?? ''), params: list(call.parameters.slice(2)), kind: 'rpc' }
    }
    if (name === 'sp_execute') {
      const prepared = this.#prepared.get(Number(call.parameters[0]?.value))
      return { sql: prepared?.sql ?? 'EXEC sp_execute', params: list(call.parameters.slice(1)), kind: 'rpc' }
    }
    return { sql: `EXEC ${name}`, params: list(call.parameters), kind: 'rpc' }
  }

  /** Returns whether the call failed. */
  async #call (call: RemoteCall, session: Session, reply: Reply): Promise<boolean> {
    const name = procedureName(call)
    const [first, second, third] = call.parameters
    switch (name.toLowerCase()) {
      case 'sp_executesql': return await this.#executeSql(String(first?.value ?? ''), String(second?.value ?? ''), call.parameters.slice(2), session, reply)
      case 'sp_prepare': {
        const handle = this.#prepared.size + 1
        this.#prepared.set(handle, { params: String(second?.value ?? ''), sql: String(third?.value ?? '') })
        reply.returnStatus(0)
        reply.output(0, first?.name ?? '', type('int'), BigInt(handle))
        return false
      }
      case 'sp_execute': {
        const prepared = this.#prepared.get(Number(first?.value))
        if (prepared === undefined) throw new SqlError(8179, `Could not find prepared statement with handle ${String(first?.value)}.`, 16, 2)
        return await this.#executeSql(prepared.sql, prepared.params, call.parameters.slice(1), session, reply)
      }
      case 'sp_unprepare': reply.returnStatus(0); return false
      default: {
        await session.applyClock()
        const status = await runProcedure(name.replace(/^.*\./, ''), new Arguments(call.parameters), session)
        if (status === undefined) throw new SqlError(2812, `Could not find stored procedure '${name}'.`, 16, 62)
        reply.returnStatus(status)
        return false
      }
    }
  }

  async #executeSql (sql: string, declared: string, parameters: readonly Parameter[], session: Session, reply: Reply): Promise<boolean> {
    const declarations = parseDeclarations(declared)
    const variables = new Map<string, Variable>()
    declarations.forEach(({ name, type: t }, i) => {
      const sent = parameters.find((parameter) => parameter.name.toLowerCase() === name) ?? parameters[i]
      variables.set(name, { type: t, value: sent?.value ?? null })
    })
    if (parameters.length > 2100) {
      throw new SqlError(8003, 'The incoming request has too many parameters. The server supports a maximum of 2100 parameters. Reduce the number of parameters and resend the request.')
    }
    const before = session.transactions
    const { settings } = session
    const interpreter = new Interpreter(session, reply, variables)
    await interpreter.run(sql)
    // SET inside sp_executesql ends with it.
    await session.set(settings)
    if (session.transactions !== before && !interpreter.failed && !interpreter.beganImplicitly) {
      reply.error(new SqlError(266, `Transaction count after EXECUTE indicates a mismatching number of BEGIN and COMMIT statements. Previous count = ${before}, current count = ${session.transactions}.`, 16, 2))
      reply.done(Command.none, null, true)
    }
    reply.returnStatus(interpreter.status)
    parameters.forEach((parameter, i) => {
      if (!parameter.output) return
      const name = declarations[i]?.name ?? parameter.name
      const variable = interpreter.variables.get(name)
      if (variable !== undefined) reply.output(i, name, variable.type, variable.value)
    })
    return interpreter.failed
  }
}

function procedureName (call: RemoteCall): string {
  return typeof call.procedure === 'string' ? call.procedure : PROCEDURES[call.procedure] ?? `procedure ${call.procedure}`
}
