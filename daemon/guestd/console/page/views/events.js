/** The guest session's events, as the journal has them. */
import { html } from '../ui.js'
import { addressOf, needsToken } from '../api.js'
import { curl } from '../curl.js'
import { filter } from '../parts/filter.js'
import { Json, withoutQueries } from '../parts/json.js'
import { ListWindow } from '../parts/list-window.js'
import { copy } from '../parts/toast.js'
import { go, route } from '../route.js'
import { useSources } from '../store.js'
import { line, some, words } from '../text.js'
import { clock, instant, utc } from '../time.js'

const ROW_PX = 24

/** @param {{open: import('../models/talk.js').Talk}} props */
export function EventsPane({ open }) {
  useSources(open, route)
  const { filter: text = '', seq = '' } = route.value.query
  const wanted = filter(text)
  const shown = wanted.isEmpty ? open.events : open.events.filter((one) => wanted.fits({ kind: one.kind, class: one.kind, direction: directionOf(one) || 'in', text: JSON.stringify(one) }))
  const at = shown.findIndex((one) => one.seq === Number(seq))
  const selected = at >= 0 ? shown[at] : undefined
  const show = (/** @type {number} */ i) => go({ pane: 'events', query: { ...(text && { filter: text }), seq: String(shown[i].seq) } }, { replace: Boolean(seq) })
  return html`<div class="panel-box frames events"><div class="tools"><input class="field mono" aria-label="Filter events" value=${text} placeholder="text, /regex/, class:message, -typing"
      onInput=${(e) => go({ pane: 'events', query: { filter: e.target.value } }, { replace: true })} /></div>
    ${wanted.problem && html`<p class="problem-line" role="alert">${wanted.problem}</p>`}
    ${open.transcript.unknown.size > 0 && html`<p class="problem-line">${[...open.transcript.unknown].map(([kind, n]) => `${some(n, 'event')} of the unknown kind ${kind}`).join(', ')}</p>`}
    <div class="thead" aria-hidden="true"><span>Seq</span><span>Time</span><span>Kind</span><span></span></div>
    ${shown.length ? html`<${ListWindow} id="events" label="Events of this session" count=${shown.length} rowHeight=${ROW_PX} active=${at} selected=${at} follow=${!seq}
      keyOf=${(i) => shown[i].seq} row=${(i) => html`<${Row} event=${shown[i]} />`} onActive=${show} onOpen=${() => {}} />` : html`<div class="empty"><p>${open.events.length ? 'No event fits the filter.' : 'Nothing has happened yet.'}</p></div>`}
    ${selected && html`<section class="detail" aria-label=${`Event ${selected.seq}`}><header><b>Event ${selected.seq}</b><span class="dim">${selected.kind} ${directionOf(selected)}</span><span class="grow"></span>
      <button class="btn quiet small" onClick=${() => copy(JSON.stringify(withoutQueries(selected), null, 2), 'JSON')}>JSON</button>
      <button class="btn quiet small" onClick=${() => copy(curl({ url: addressOf(`v1/sessions/${open.id}/events`, { after: selected.seq - 1, limit: 1 }).href, token: needsToken() }), 'curl')}>curl</button></header><${Json} value=${withoutQueries(selected)} /></section>`}</div>`
}

/** As of its frame: the platform calls what goes out from a guest inbound. @param {Record<string, any>} event */
const directionOf = ({ direction }) => (direction ? (direction === 'Inbound' ? 'out' : 'in') : '')

/** @param {Record<string, any>} event */
const summary = (event) => line([directionOf(event), words(event.state), event.presence, event.status, event.action, event.reason, event.text, event.filename].filter(Boolean).join(' · '), 90)

/** @param {{event: Record<string, any>}} props */
function Row({ event }) {
  const at = instant(event.at) || instant(event.time)
  return html`<span class="t">${event.seq}</span><span class="t" title=${utc(at)}>${clock(at)}</span><span>${event.kind}</span><span class="t"><bdi>${summary(event)}</bdi></span>`
}
