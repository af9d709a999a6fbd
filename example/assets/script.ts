/** Everything works without it but requests at once. With it the page changes in place. */
export const SCRIPT = `
const status = document.getElementById('status')
for (const form of document.querySelectorAll('form[data-race]')) form.hidden = false
localTimes(document)

document.addEventListener('submit', async event => {
  const { target: form, submitter } = event
  const { live, race } = form.dataset
  if (live === undefined && race === undefined) return
  event.preventDefault()
  if (submitter.ariaDisabled === 'true') return
  submitter.ariaDisabled = 'true'
  try {
    await (race === undefined ? post(form, submitter) : sendAtOnce(form, Number(race)))
    await refresh()
  } catch (error) {
    // The page of the server says what has happened to the session.
    if (error instanceof Refused) location.reload()
    else status.textContent = 'The server does not answer. Please try again.'
  } finally {
    submitter.ariaDisabled = null
  }
})

async function sendAtOnce (form, times) {
  await answered(form.action, { method: 'POST' })
  await Promise.all(Array.from({ length: times }, () => answered(form.action + '/one', { method: 'POST' })))
}

async function post (form, submitter) {
  await answered(form.action + '?live', { method: 'POST', body: new URLSearchParams(new FormData(form, submitter)) })
}

/** Fetches what has changed, and puts it in its place. */
async function refresh () {
  const parts = document.createElement('template')
  parts.innerHTML = await (await answered('/parts')).text()
  localTimes(parts.content)
  for (const part of parts.content.querySelectorAll('[data-part]')) {
    const place = document.getElementById(part.id)
    if (place.innerHTML === part.innerHTML) continue
    const hadFocus = place.contains(document.activeElement)
    place.replaceChildren(...part.childNodes)
    if (hadFocus) place.focus()
    const says = place.querySelector('[data-says]')
    if (says !== null) status.textContent = says.dataset.says
  }
}

async function answered (url, options) {
  const answer = await fetch(url, options)
  if (!answer.ok || answer.redirected) throw new Refused()
  return answer
}

class Refused extends Error {}

function localTimes (root) {
  for (const time of root.querySelectorAll('time')) time.textContent = new Date(time.dateTime).toLocaleString(undefined, { dateStyle: 'medium', timeStyle: 'short' })
}
`
