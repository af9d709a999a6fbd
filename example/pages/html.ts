/** Markup, as opposed to text that has yet to be escaped. */
export class Html {
  constructor (readonly text: string) {}
}

/** Markup in which every value is escaped, unless it is markup itself. */
export function html (strings: TemplateStringsArray, ...values: ReadonlyArray<string | number | Html | readonly Html[]>): Html {
  return new Html(strings.map((string, i) => i === 0 ? string : markup(values[i - 1] ?? '') + string).join(''))
}

function markup (value: string | number | Html | readonly Html[]): string {
  if (value instanceof Html) return value.text
  if (typeof value === 'object') return value.map(({ text }) => text).join('')
  return String(value).replace(/[&<>"']/g, character => `&#${character.charCodeAt(0)};`)
}
