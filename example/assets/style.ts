export const STYLE = `
:root {
  color-scheme: light dark;
  --ink: light-dark(#1c2430, #e6e9ef);
  --soft: light-dark(#566173, #a3adbd);
  --page: light-dark(#f4f6f9, #12161d);
  --card: light-dark(#ffffff, #1b212b);
  --line: light-dark(#e1e6ed, #2c3441);
  --field: light-dark(#8591a3, #6f7c90);
  --empty: light-dark(#d5dbe4, #3a4452);
  --accent: light-dark(#1f5fbf, #8ab8ff);
  --on-accent: light-dark(#ffffff, #0d1a2d);
  --notice: light-dark(#fff4d6, #3a2f14);
  --problem: light-dark(#b3261e, #ff9a92);
}
* { box-sizing: border-box }
body { margin: 0; background: var(--page); color: var(--ink); font: 1rem/1.55 system-ui, sans-serif }
main { max-width: 70rem; margin: 0 auto; padding: clamp(1rem, 4vw, 3rem) 1rem }
.narrow { max-width: 32rem; margin: 0 auto }
header { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .75rem 1.5rem }
h1 { margin: 0; font-size: clamp(1.6rem, 6vw, 2.1rem); line-height: 1.2; overflow-wrap: anywhere; min-width: 0 }
h2 { margin: 0 0 .75rem; font-size: 1.15rem }
h3 { margin: 1.25rem 0 .5rem; font-size: 1rem }
p { margin: .75rem 0 }
a { color: var(--accent) }
code { font: .875em/1.5 ui-monospace, monospace; overflow-wrap: anywhere }
.columns { display: grid; gap: 0 1.25rem }
.columns > div { min-width: 0 }
@media (min-width: 56rem) { .columns { grid-template-columns: minmax(0, 1fr) minmax(0, 1fr) } }
.card { margin: 1.25rem 0; padding: 1.25rem; background: var(--card); border: 1px solid var(--line); border-radius: .75rem }
.card > :last-child, [data-part] > :last-child { margin-bottom: 0 }
.note { color: var(--soft); font-size: .9rem }
.notice { padding: .75rem 1rem; background: var(--notice); border: 1px solid var(--field); border-radius: .75rem }
.problem { color: var(--problem); margin: .35rem 0 0; font-weight: 600 }
label { display: block; font-weight: 600 }
label.check { display: flex; align-items: center; gap: .6rem; margin-top: 1rem; padding: .35rem 0; font-weight: 400 }
label.check + .note { margin-top: 0 }
input:not([type=checkbox]) { width: 100%; margin-top: .35rem; padding: .6rem .75rem; font: inherit; color: inherit; background: var(--page); border: 1px solid var(--field); border-radius: .5rem }
input[aria-invalid] { border-color: var(--problem) }
input[type=checkbox] { width: 1.15rem; height: 1.15rem; accent-color: var(--accent) }
button { min-height: 2.75rem; padding: .5rem 1rem; font: inherit; color: var(--ink); background: var(--page); border: 1px solid var(--field); border-radius: .5rem; cursor: pointer }
button:hover { border-color: var(--accent) }
button.primary { color: var(--on-accent); background: var(--accent); border-color: var(--accent); font-weight: 600 }
button[aria-disabled=true] { opacity: .6; cursor: progress }
:focus-visible { outline: 3px solid var(--accent); outline-offset: 2px }
dl { margin: 0 }
dl div { display: flex; flex-wrap: wrap; gap: .15rem 1rem; padding: .45rem 0; border-bottom: 1px solid var(--line) }
dl div:last-child { border-bottom: 0 }
dt { flex: 0 0 9rem; color: var(--soft) }
dd { flex: 1 1 12rem; margin: 0; overflow-wrap: anywhere }
.values dt { flex-basis: 6rem }
.race { margin-top: 1rem }
.race .number { min-width: 4.75rem }
.race dt, .race dd { flex: 1 0 100%; color: var(--ink) }
.race dd { display: flex; flex-wrap: wrap; align-items: center; gap: .25rem .75rem }
.dots { display: flex; flex-wrap: wrap; gap: .25rem }
.dots i { width: .7rem; height: .7rem; border-radius: 50%; background: var(--empty) }
.dots i.full { background: var(--accent) }
.number { font-variant-numeric: tabular-nums; font-weight: 600 }
.mark { margin-left: .25rem; padding: .05rem .5rem; border: 1px solid var(--accent); border-radius: 1rem; color: var(--accent); font-size: .8rem }
li .note { display: block; overflow-wrap: anywhere }
ol { margin: .5rem 0 1rem; padding-left: 1.4rem }
ol li { padding: .15rem 0 }
.choices { display: flex; flex-wrap: wrap; gap: .6rem }
ul.lines { margin: 0 0 1rem; padding: 0; list-style: none }
ul.lines li { display: flex; flex-wrap: wrap; align-items: center; justify-content: space-between; gap: .25rem 1rem; padding: .35rem 0; border-bottom: 1px solid var(--line) }
ul.devices li { flex-wrap: nowrap }
.devices li > div { min-width: 0 }
.devices form { flex: none }
#status { margin: .5rem 0; color: var(--soft); font-size: .9rem; min-height: 1.4rem }
[hidden] { display: none }
@media (forced-colors: active) { .dots i { border: 1px solid CanvasText } .dots i.full { background: CanvasText; forced-color-adjust: none } }
@media (prefers-reduced-motion: no-preference) { button { transition: border-color .15s } }
`
