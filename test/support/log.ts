import { Writable } from 'node:stream'

/** A line of the log. */
export interface LogLine {
  readonly level: number
  readonly msg: string
  readonly err?: { readonly message: string, readonly code?: string }
  readonly [detail: string]: unknown
}

const WARN = 40

/** Keeps what an application logs. */
export class Log extends Writable {
  text = ''

  override _write (chunk: Buffer, _encoding: BufferEncoding, done: () => void): void {
    this.text += chunk.toString()
    done()
  }

  get lines (): LogLine[] {
    return this.text.split('\n').filter(line => line !== '').map(line => JSON.parse(line) as LogLine)
  }

  /** The messages that say that something is wrong. */
  get complaints (): string[] {
    return this.lines.filter(({ level }) => level >= WARN).map(({ msg }) => msg)
  }
}
