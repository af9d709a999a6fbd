import { html, type Html } from './html.js'

/** A whole page. */
export function page (title: string, content: Html): string {
  return html`<!doctype html>
<html lang="en">
<head>
  <meta charset="utf-8">
  <meta name="viewport" content="width=device-width, initial-scale=1">
  <meta name="color-scheme" content="light dark">
  <title>${title} – fastify-sql-sessions</title>
  <link rel="icon" href="data:,">
  <link rel="stylesheet" href="/style.css">
  <script src="/script.js" defer></script>
</head>
<body>
  <main>${content}</main>
</body>
</html>
`.text
}

export function errorPage (title: string, advice: string): string {
  return page(title, html`
    <div class="narrow">
      <h1>${title}</h1>
      <p>${advice}</p>
      <p><a href="/">To the start</a></p>
    </div>`)
}

/** A part of a page that its script can fetch anew. */
export function part (name: string, content: Html): Html {
  return html`<div id="${name}" data-part tabindex="-1">${content}</div>`
}

/** The page's script turns it into the reader's own time zone. */
export function time (date: Date): Html {
  return html`<time datetime="${date.toISOString()}">${date.toISOString().slice(0, 16).replace('T', ' ')} UTC</time>`
}
