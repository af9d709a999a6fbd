import { SENT, WORK, type RaceResult } from '../race.js'
import { html, type Html } from './html.js'
import { part } from './page.js'

export function raceCard (result: RaceResult | undefined): Html {
  return html`
      <section class="card" aria-labelledby="race-title">
        <h2 id="race-title">Requests at once</h2>
        <p>Each request reads the session, works for ${WORK} ms, adds one to a number in the session, and saves it.</p>
        <noscript><p class="note">To send requests at once, the page needs JavaScript.</p></noscript>
        <form method="post" action="/race" data-race="${SENT}" hidden><button class="primary">Send ${SENT} requests at once</button></form>
        ${racePart(result)}
      </section>`
}

export function racePart (result: RaceResult | undefined): Html {
  return part('race', result === undefined ? html`` : raceResult(result))
}

function raceResult ({ arrived, counted, countedWhole }: RaceResult): Html {
  return html`
          <dl class="race" data-says="This plugin counted ${counted} of ${arrived} requests. A session that is saved whole counted ${countedWhole}.">
            ${score('This plugin counted', counted, arrived)}
            ${score('A session that is saved whole counted', countedWhole, arrived)}
          </dl>
          <p class="note">The same requests have counted twice: in this session, and in a copy beside it, which each request reads
            whole when it begins and saves whole when it ends. Most session libraries do that. A browser has about six requests to
            a server under way at a time.</p>`
}

function score (what: string, counted: number, arrived: number): Html {
  const dots = Array.from({ length: Math.min(arrived, MOST_DOTS) }, (_, i) => html`<i${i < counted ? html` class="full"` : ''}></i>`)
  return html`<div><dt>${what}</dt><dd><span class="number">${counted} of ${arrived}</span> <span class="dots" aria-hidden="true">${dots}</span></dd></div>`
}

const MOST_DOTS = 60
