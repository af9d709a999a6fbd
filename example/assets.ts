export const STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1c2430, #e6e9ef);
  --soft: light-dark(#566173, #a3adbd);
  --page: light-dark(#f4f6f9, #12161d);
  --card: light-dark(#ffffff, #1b212b);
  --line: light-dark(#d5dbe4, #343d4b);
  --field: light-dark(#8591a3, #6f7c90);
  --accent: light-dark(#1f5fbf, #8ab8ff);
  --on-accent: light-dark(#ffffff, #0d1a2d);
  --problem: light-dark(#b3261e, #ff9a92);
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
main { max-width: 42rem; margin: 0 auto; padding: clamp(1rem, 5vw, 3.5rem) 1rem }
h1 { margin: 0 0 .5rem; font-size: clamp(1.6rem, 6vw, 2.1rem); line-height: 1.2; overflow-wrap: anywhere }
h2 { margin: 0 0 .75rem; font-size: 1.15rem }
h3 { margin: 1.25rem 0 .5rem; font-size: 1rem }
a { color: var(--accent) }
.card { margin: 1.25rem 0; padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
.note { color: var(--soft); font-size: .9rem; margin: .25rem 0 1rem }
.note:last-child { margin-bottom: 0 }
#add { margin-bottom: .5rem }
.problem { color: var(--problem); margin: .35rem 0 0; font-weight: 600 }
label { display: block; font-weight: 600 }
label.check { display: flex; align-items: center; gap: .6rem; margin-top: 1rem; padding: .35rem 0; font-weight: 400 }
input:not([type=checkbox]) { width: 100%; margin-top: .35rem; padding: .6rem .75rem; font: inherit; color: inherit; background: var(--page); border: 1px solid var(--field); border-radius: .5rem }
input[aria-invalid] { border-color: var(--problem) }
input[type=checkbox] { width: 1.15rem; height: 1.15rem; accent-color: var(--accent) }
button { min-height: 2.75rem; padding: .5rem 1rem; font: inherit; color: var(--ink); background: var(--page); border: 1px solid var(--field); border-radius: .5rem; cursor: pointer }
button:hover { border-color: var(--accent) }
button.primary { color: var(--on-accent); background: var(--accent); border-color: var(--accent); font-weight: 600 }
button[aria-disabled=true] { opacity: .6; cursor: progress }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
dl { margin: 0 0 1.25rem }
dl div { display: flex; flex-wrap: wrap; gap: .15rem 1rem; padding: .45rem 0; border-bottom: 1px solid var(--line) }
dt { flex: 0 0 11rem; color: var(--soft) }
dd { margin: 0; overflow-wrap: anywhere }
.number { font-variant-numeric: tabular-nums; font-weight: 600 }
.choices { display: flex; flex-wrap: wrap; gap: .6rem }
.together { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .75rem; margin: .75rem 0 0 }
.together .note { margin: 0 }
[hidden] { display: none }
ul { margin: 0 0 1rem; padding: 0; list-style: none }
li { display: flex; justify-content: space-between; padding: .35rem 0; border-bottom: 1px solid var(--line) }
#status:empty { display: none }
@media (prefers-reduced-motion: no-preference) { button { transition: border-color .15s } }
`

/** Everything works without it; with it the basket changes in place, and ten requests can be sent at once. */
export const SCRIPT = `
for (const time of document.querySelectorAll('time')) time.textContent = new Date(time.dateTime).toLocaleString()
for (const hidden of document.querySelectorAll('.together')) hidden.hidden = false

document.addEventListener('submit', async event => {
  const { target: form, submitter } = event
  if (!('live' in form.dataset)) return
  event.preventDefault()
  if (submitter.ariaDisabled === 'true') return
  submitter.ariaDisabled = 'true'
  const times = Number(submitter.dataset.times ?? 1)
  const body = () => new URLSearchParams(new FormData(form, submitter))
  const send = () => fetch(form.action + '?live', { method: 'POST', body: body() })
  try {
    const answers = await Promise.all(Array.from({ length: times }, send))
    const basket = await fetch('/basket')
    if (answers.some(({ ok }) => !ok) || !basket.ok) return location.reload()
    const place = document.getElementById('basket')
    const hadFocus = place.contains(document.activeElement)
    place.innerHTML = await basket.text()
    if (hadFocus) place.focus()
    const total = document.getElementById('total')?.textContent ?? 0
    document.getElementById('status').textContent = 'The basket holds ' + total + '. Saved in ' + times + (times === 1 ? ' request.' : ' requests at once.')
  } catch {
    document.getElementById('status').textContent = 'The server does not answer. Please try again.'
  } finally {
    submitter.ariaDisabled = null
  }
})
`
