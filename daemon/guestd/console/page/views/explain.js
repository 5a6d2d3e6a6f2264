/** What a session waits for, in the daemon's own sentences, with the time left and six facts. */
import { html, useState } from '../ui.js'
import { frames } from '../app.js'
import { Bar, Facts } from '../parts/facts.js'
import { linkTo } from '../route.js'
import { useNow } from '../store.js'
import { count, ordinal, words } from '../text.js'
import { clock, duration, instant, roughly, utc } from '../time.js'
import { titleOf } from './frames.js'

/** @typedef {import('../models/talk.js').Talk} Talk */
/** @typedef {{code: string, sentence: string, detail: string, since: any, until: any}} Wait */

/** @param {{open: Talk, found: any}} props */
export function Explain({ open, found }) {
  const clockNow = useNow()
  const [areAll, showAll] = useState(false)
  if (open.isOver) return html`<section class="why" aria-label="Explanation"><h2>It is over</h2><p>Nothing happens any more${open.transcript.reason ? `: ${words(open.transcript.reason)}` : ''}.</p></section>`
  if (!found) return html`<section class="why" aria-label="Explanation"><h2>${words(open.state) || 'Loading'}</h2></section>`
  /** @type {Wait[]} */
  const waits = found.waits_for ?? []
  const now = waits.length ? found.at : clockNow // of the same moment as the words
  const shown = areAll ? waits : waits.slice(0, SHOWN)
  return html`<section class="why" aria-label="Explanation" id="explain" tabindex="-1">
    ${waits.length ? shown.map((one) => html`<${Reason} key=${one.code} wait=${one} now=${now} />`) : html`<h2>Waits for nothing</h2><p>Messages flow in both directions.</p>`}
    ${shown.length < waits.length && html`<button class="more" onClick=${() => showAll(true)}>and ${waits.length - SHOWN} more</button>`}
    <p class="got">Last received: ${receivedOf(open, now)}</p><${Facts} facts=${factsOf(found, open, now)} /></section>`
}

/** So many reasons are said at once. */
const SHOWN = 3

/** What ends a wait; of all others that it is over at the latest. @type {Record<string, string>} */
const ENDS = { reconnect: 'Next try', connect_budget: 'Its turn comes', message_rate: 'Sent', request_rate: 'Sent', throttled: 'Sent' }

/** @param {{wait: Wait, now: number}} props */
function Reason({ wait: { code, sentence, detail, ...wait }, now }) {
  const since = instant(wait.since)
  const until = instant(wait.until)
  const share = since && until > since ? (now - since) / (until - since) : 0
  const end = until > now ? `${ENDS[code] ?? 'Over at the latest'} in ${duration(until - now)}. ` : ''
  return html`<h2>${sentence.replace(/\.$/, '')}</h2><p><b>${since ? `For ${roughly(now - since)}, since ${clock(since)}. ` : ''}${end}</b>${detail}</p>
    ${share > 0 && html`<${Bar} share=${share} label=${`${duration(now - since)} of ${duration(until - since)}`} />`}`
}

const FROM_PLATFORM = new Set(['message', 'typing', 'presence', 'receipt'])

/** The newest thing that came from the platform: a frame, or what the journal has of before. @param {Talk} open @param {number} now */
function receivedOf({ events }, now) {
  const received = events.findLast((one) => FROM_PLATFORM.has(one.kind))
  const frame = frames.value?.all.findLast((one) => one.direction === 'in' && !['open', 'close', 'not_kept'].includes(one.kind))
  const isFrame = frame && !(frame.at < (received?.at ?? 0))
  const at = isFrame ? frame.at : received?.at ?? 0
  if (!at) return 'nothing yet'
  const what = isFrame && frame.seq !== received?.seq ? titleOf(frame) : `${received?.kind} ${received?.presence ?? received?.type ?? ''}`.trim()
  return html`<b>${isFrame ? html`<a href=${linkTo({ pane: 'frames', query: { n: String(frame.n) } })}>${what}</a>` : what}</b>, <time title=${utc(at)}>${clock(at)}</time>, ${roughly(now - at)} ago`
}

/** @param {any} found @param {Talk} open @param {number} now @returns {[string, any, string?][]} */
function factsOf(found, open, now) {
  const { connection: link = {}, heartbeat = {}, hold = {}, buckets = [] } = found
  const at = instant(link.since)
  const ends = instant(found.expires_at) || open.endsAt
  const next = instant(heartbeat.next_at)
  const isAsked = found.waits_for?.some((/** @type {Wait} */ one) => one.code === 'heartbeat')
  const last = heartbeat.last_ms == null ? '' : `last ${duration(heartbeat.last_ms)}`
  /** @type {[string, any, string?][]} */
  const facts = [
    ['Connection', link.n ? `${ordinal(link.n)}${at ? `, ${duration(now - at)}` : ''}` : 'none', [link.host, link.address, link.last_close && `last one: ${words(link.last_close.cause)}`].filter(Boolean).join(' · ')],
    ['Heartbeat', [next > now && !isAsked ? `in ${duration(next - now)}` : next ? 'under way' : '', last].filter(Boolean).join(', ') || 'none'],
  ]
  const shown = [...buckets].sort((a, b) => rank(a) - rank(b)).slice(0, 2)
  for (const bucket of shown) {
    const frees = instant(bucket.frees_at)
    facts.push([nameOf(bucket.name), `${count(bucket.used)} of ${count(bucket.limit)}`, [bucket.name, bucket.by, frees > now ? `free in ${duration(frees - now)}` : ''].filter(Boolean).join(' · ')])
  }
  facts.push(['Reordering', `${count(hold.held ?? 0)} held`, hold.oldest_at ? `the oldest since ${clock(instant(hold.oldest_at))}` : ''])
  facts.push(['Session ends', ends ? `${clock(ends).slice(0, 5)}, in ${roughly(ends - now)}` : 'not known', utc(ends)])
  return facts
}

/** @param {any} bucket */
const rank = (bucket) => (bucket.name === 'requests' ? 0 : bucket.name === 'messages' ? 1 : 2)

/** @param {string} name a bucket's */
function nameOf(name) {
  const short = String(name ?? '').replace(/[_-]/g, ' ').replace(/ per .*$/, '')
  return short.charAt(0).toUpperCase() + short.slice(1)
}
