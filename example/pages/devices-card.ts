import type { Device } from '../devices.js'
import { html, type Html } from './html.js'
import { part, time } from './page.js'

/** The sessions of a user, or why they are not shown. */
export type Devices = readonly Device[] | string

export function devicesCard (devices: Devices): Html {
  return html`
      <section class="card" aria-labelledby="devices-title">
        <h2 id="devices-title">Your devices</h2>
        ${devicesPart(devices)}
      </section>`
}

export function devicesPart (devices: Devices): Html {
  return part('devices', typeof devices === 'string' ? html`<p class="note">${devices}</p>` : deviceList(devices))
}

function deviceList (devices: readonly Device[]): Html {
  const others = devices.filter(({ isThisOne }) => !isThisOne).length
  return html`
          <ul class="lines devices" data-says="${others === 0 ? 'You are signed in here, and nowhere else.' : `You are signed in here, and in ${others} other ${others === 1 ? 'place' : 'places'}.`}">${devices.slice(0, MOST).map(line)}</ul>
          ${devices.length > MOST ? html`<p>And ${devices.length - MOST} more.</p>` : ''}
          ${others === 0
            ? html`<p class="note">Sign in with the same name in a private window or another browser, and it is listed here.</p>`
            : html`<form method="post" action="/devices/sign-out-others" data-live="devices"><button>Sign out everywhere else</button></form>`}`
}

/** So many are listed. */
const MOST = 20

function line ({ id, isThisOne, name, address, began, lastUsed }: Device): Html {
  return html`
            <li>
              <div>
                <strong id="device-${id}">${name}</strong>${isThisOne ? html` <span class="mark">this one</span>` : ''}
                <span class="note">Last used ${time(lastUsed)}</span>
                <span class="note">Signed in ${time(began)} from ${address}</span>
              </div>
              ${isThisOne
                ? ''
                : html`<form method="post" action="/devices/sign-out" data-live="devices"><input type="hidden" name="id" value="${id}"><button id="out-${id}" aria-labelledby="out-${id} device-${id}">Sign out</button></form>`}
            </li>`
}
