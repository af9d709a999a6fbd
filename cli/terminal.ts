import { styleText } from 'node:util'

/** Where a command writes, and whom it asks. */
export interface Terminal {
  /** Writes what the command is asked for. Resolves when the reader can take more. */
  write (text: string): Promise<void>
  /** Writes what concerns the person alone: questions, progress, errors. */
  tell (text: string): void
  /** Asks a person, and resolves to the answer. Undefined: there is nobody to ask. */
  readonly ask: ((question: string) => Promise<string>) | undefined
  /** Whether what is written is coloured. */
  readonly isColored: boolean
  /** Whether what is told can be written over, as a progress bar is. */
  readonly isLive: boolean
  /** How many characters fit into a line. */
  readonly columns: number
}

export type Color = 'green' | 'yellow' | 'red' | 'dim' | 'bold'

export function colored (terminal: Terminal, color: Color, text: string): string {
  return terminal.isColored ? styleText(color, text, { validateStream: false }) : text
}

/**
 * Text of a session as a terminal may show it. What a visitor has typed could otherwise move the cursor, or turn the order of
 * the letters around.
 */
export function harmless (text: string): string {
  // eslint-disable-next-line no-control-regex -- these are what is looked for
  return text.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, character => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`)
}

/** Lines of names and values, the values below each other. */
export function aligned (rows: ReadonlyArray<readonly [name: string, value: string]>): string {
  const width = Math.max(...rows.map(([name]) => name.length))
  return rows.map(([name, value]) => `${name.padEnd(width)}  ${value}\n`).join('')
}

/** A number as people write it: 12,345. */
export function counted (count: number): string {
  return count.toLocaleString('en-US')
}

/** `1 session`, `2 sessions`. */
export function plural (count: number, noun: string): string {
  return `${counted(count)} ${noun}${count === 1 ? '' : 's'}`
}

/** A size as people read it. */
export function sized (bytes: number): string {
  if (bytes < 1024) return `${Math.round(bytes)} B`
  const units = ['KB', 'MB', 'GB', 'TB']
  let size = bytes / 1024
  let unit = 0
  for (; size >= 1024 && unit < units.length - 1; unit++) size /= 1024
  return `${size < 10 ? size.toFixed(1) : Math.round(size)} ${units[unit]}`
}

/** A time in UTC, to the second. */
export function timed (milliseconds: number): string {
  return `${new Date(milliseconds).toISOString().slice(0, 19).replace('T', ' ')}Z`
}

/** A bar that grows. It is drawn only where it can be written over. */
export class Progress {
  readonly #terminal: Terminal
  readonly #name: string
  readonly #total: number
  #done = 0
  #drawn = ''

  constructor (terminal: Terminal, name: string, total: number) {
    this.#terminal = terminal
    this.#name = name
    this.#total = total
    this.add(0)
  }

  get done (): number {
    return this.#done
  }

  add (count: number): void {
    this.#done += count
    if (!this.#terminal.isLive) return
    // Others add and remove meanwhile.
    const part = Math.min(1, this.#total === 0 ? 1 : this.#done / this.#total)
    const numbers = ` ${String(Math.floor(part * 100)).padStart(3)} %  ${counted(this.#done)} of ${counted(this.#total)}`
    const width = Math.max(10, Math.min(40, this.#terminal.columns - this.#name.length - numbers.length - 4))
    const full = Math.round(part * width)
    const line = `${this.#name} ${'█'.repeat(full)}${'░'.repeat(width - full)}${numbers}`
    if (line !== this.#drawn) this.#terminal.tell(`\r${line}`)
    this.#drawn = line
  }

  end (): void {
    if (this.#drawn !== '') this.#terminal.tell('\n')
  }
}
