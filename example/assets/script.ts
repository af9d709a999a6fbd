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
    await refresh(race === undefined ? live : 'race')
  } catch (error) {
    // The page of the server says what has happened to the session.
    if (error instanceof Refused) location.reload()
    else status.textContent = 'The server does not answer. Please try again.'
  } finally {
    submitter.ariaDisabled = null
  }
})

const alert = document.getElementById('alert')
if (alert !== null) {
  // Somebody comes back to this window, and may have done something in another.
  addEventListener('focus', async () => { if (await isAlive()) refresh().catch(() => {}) })
  document.addEventListener('visibilitychange', isAlive)
  setInterval(isAlive, 3000)
}

/** Looks whether the session of this page is alive, and tells if it is not. */
async function isAlive () {
  if (document.hidden || alert.hasChildNodes()) return false
  const answer = await fetch('/alive?id=' + alert.dataset.id).catch(() => undefined)
  if (answer?.status === 410 && !alert.hasChildNodes()) alert.append(document.getElementById('ended').content.cloneNode(true))
  return answer?.ok
}

async function sendAtOnce (form, times) {
  await answered(form.action, { method: 'POST' })
  await Promise.all(Array.from({ length: times }, () => answered(form.action + '/one', { method: 'POST' })))
}

async function post (form, submitter) {
  await answered(form.action + '?live', { method: 'POST', body: new URLSearchParams(new FormData(form, submitter)) })
}

/** Fetches what has changed, puts it in its place, and tells of it, and of the part that was asked for. */
async function refresh (asked) {
  const parts = document.createElement('template')
  parts.innerHTML = await (await answered('/parts')).text()
  localTimes(parts.content)
  const news = []
  for (const part of parts.content.querySelectorAll('[data-part]')) {
    const place = document.getElementById(part.id)
    if (place.innerHTML === part.innerHTML && part.id !== asked) continue
    const hadFocus = place.contains(document.activeElement)
    place.replaceChildren(...part.childNodes)
    if (hadFocus) place.focus()
    for (const { dataset } of place.querySelectorAll('[data-says]')) news.push(dataset.says)
  }
  if (news.length > 0) status.textContent = news.join(' ')
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
