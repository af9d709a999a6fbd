import type { Basket } from '../keys.js'
import type { RaceResult } from '../race.js'
import { basketCard, basketPart } from './basket-card.js'
import { devicesCard, devicesPart, type Devices } from './devices-card.js'
import { html, type Html } from './html.js'
import { page, part, time } from './page.js'
import { raceCard, racePart } from './race-card.js'

/** What the page shows of a session. */
export interface Shown {
  readonly name: string
  readonly visits: number
  readonly basket: Basket
  readonly race: RaceResult | undefined
  readonly devices: Devices
  readonly id: string
  readonly since: Date
  readonly deadline: Date
  readonly isRemembered: boolean
  /** Where sessions are kept. */
  readonly where: string
  /** All that the session holds. */
  readonly values: Readonly<Record<string, unknown>>
}

export function sessionPage (shown: Shown): string {
  return page('Your session', html`
    <header>
      <h1>Hello, ${shown.name}</h1>
      <form method="post" action="/sign-out"><button>Sign out</button></form>
    </header>
    <div id="alert" role="alert" data-id="${shown.id}"></div>
    <template id="ended"><p class="notice"><strong>This session has ended.</strong> It was ended in another window or on another device. <a href="/">Sign in again</a></p></template>
    <p id="status" role="status"></p>
    <div class="columns">
      <div>
      ${raceCard(shown.race)}
      ${devicesCard(shown.devices)}
      ${basketCard(shown.basket)}
      </div>
      <div>
      ${sessionCard(shown)}
      </div>
    </div>`)
}

/** The parts of the page that may have changed, for its script. */
export function sessionParts ({ basket, devices, race, values }: Shown): string {
  return html`${racePart(race)}${devicesPart(devices)}${basketPart(basket)}${valuesPart(values)}`.text
}

function sessionCard ({ id, since, deadline, isRemembered, visits, where, values }: Shown): Html {
  return html`
      <section class="card" aria-labelledby="session-title">
        <h2 id="session-title">Your session</h2>
        <dl>
          <div><dt>Visits to this page</dt><dd id="visits" class="number">${visits}</dd></div>
          <div><dt>Signed in</dt><dd>${time(since)}</dd></div>
          <div><dt>Ends</dt><dd>${time(deadline)}${isRemembered ? '' : ', or with this browser'}</dd></div>
          <div><dt>Kept</dt><dd>${where}</dd></div>
          <div><dt>Its id</dt><dd><code>${id}</code></dd></div>
        </dl>
        <h3>What it holds</h3>
        ${valuesPart(values)}
      </section>`
}

function valuesPart (values: Readonly<Record<string, unknown>>): Html {
  return part('values', html`<dl class="values">${Object.entries(values).map(([key, value]) => html`<div><dt><code>${key}</code></dt><dd><code>${JSON.stringify(value)}</code></dd></div>`)}</dl>`)
}
