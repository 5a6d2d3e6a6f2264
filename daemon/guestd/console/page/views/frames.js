/** What went over the wire: opens and closes are rows too. One click from a frame to its message. */
import { html, useEffect } from '../ui.js'
import { frames } from '../app.js'
import { addressOf, needsToken, said } from '../api.js'
import { curl } from '../curl.js'
import { saveBlob } from '../parts/file.js'
import { IconButton } from '../parts/icons.js'
import { Json, read } from '../parts/json.js'
import { ListWindow } from '../parts/list-window.js'
import { copy, copyLink, notice } from '../parts/toast.js'
import { format, go, route } from '../route.js'
import { useSources } from '../store.js'
import { count, line, ordinal, size, some } from '../text.js'
import { clockMs, utc } from '../time.js'

/** @typedef {import('../models/talk.js').Talk} Talk */

const ROW_PX = 24

/** What the daemon does with frames. */
export const RECORDED = 'Frames are recorded while somebody looks at the session, and kept for a minute after.'

/** @typedef {import('../models/frames.js').Frame} Frame */

/** @param {{open: Talk}} props */
export function FramesPane({ open }) {
  const all = frames.value
  useSources(frames, all, route)
  const { filter = '', n = '' } = route.value.query
  useEffect(() => all?.setFilter(filter), [filter, all])
  if (!all) return html`<div class="empty"><p>${open.problem ? said(open.problem) : ''}</p></div>`
  if (all.problem && !open.isOver) return html`<div class="empty"><h2>No frames</h2><p>${said(all.problem)}</p></div>`
  const shown = all.shown
  const at = n ? shown.findIndex((one) => one.n === Number(n)) : -1
  const selected = at >= 0 ? shown[at] : n ? all.byNumber(Number(n)) : undefined
  return html`<div class="panel-box frames"><${Tools} filter=${filter} all=${all} />
    ${all.filter.problem && html`<p class="problem-line" role="alert">${all.filter.problem}</p>`}
    <div class="thead" aria-hidden="true"><span>Time</span><span></span><span>Frame</span><span>Bytes</span></div>
    ${shown.length ? html`<${ListWindow} id="frames" label="Frames of this session" count=${shown.length} rowHeight=${ROW_PX} active=${at} selected=${at} follow=${!n}
      keyOf=${(i) => shown[i].n} classOf=${(i) => classOf(shown[i], selected)} row=${(i) => html`<${Row} frame=${shown[i]} />`}
      onActive=${(i) => show(shown[i])} onOpen=${() => {}} />` : html`<div class="empty"><p>${all.all.length ? 'No frame fits the filter.' : open.isOver ? `Its frames are not there any more. ${RECORDED}` : 'Frames are recorded from now on, while this page is open.'}</p></div>`}
    ${selected && selected.kind !== 'not_kept' ? html`<${Detail} frame=${selected} open=${open} />` : null}</div>`
}

/** @param {Frame} frame */
export const show = (frame) => go({ pane: 'frames', query: { ...keep(), n: String(frame.n), ...(frame.seq ? { seq: String(frame.seq) } : {}) } }, { replace: Boolean(route.value.query.n) })

/** @returns {Record<string, string>} */
const keep = () => (route.value.query.filter ? { filter: route.value.query.filter } : {})

/** The frame before or after the one that is looked at. @param {number} step */
export function stepFrame(step) {
  const shown = frames.value?.shown ?? []
  const n = Number(route.value.query.n)
  const at = n ? shown.findIndex((one) => one.n === n) : shown.length
  const to = shown[Math.min(shown.length - 1, Math.max(0, at + step))]
  if (to) show(to)
}

/** @param {{filter: string, all: import('../models/frames.js').Frames}} props */
function Tools({ filter, all }) {
  const write = (/** @type {any} */ e) => go({ pane: 'frames', query: { filter: e.target.value, ...(route.value.query.n ? { n: route.value.query.n } : {}) } }, { replace: true })
  const save = () => saveBlob(new Blob([all.shown.map((one) => `${JSON.stringify(one)}\n`).join('')], { type: 'application/octet-stream' }), `frames-${all.session}.jsonl`)
  return html`<div class="tools"><input class="field mono" id="frame-filter" aria-label="Filter frames" value=${filter} placeholder="text, /regex/, in, out, class:, -not" onInput=${write} />
    ${all.isPaused && all.meanwhile > 0 && html`<span class="dim nowrap">${count(all.meanwhile)} newer</span>`}
    <${IconButton} small name=${all.isPaused ? 'play' : 'pause'} label=${all.isPaused ? 'Go on' : 'Pause'} pressed=${all.isPaused} onClick=${() => all.pause(!all.isPaused)} />
    <${IconButton} small name="clear" label="Clear the view" onClick=${() => all.clear()} /><${IconButton} small name="save" label="Save as JSON lines" onClick=${save} /></div>`
}

/** @param {Frame} frame @param {Frame | undefined} selected */
function classOf(frame, selected) {
  if (frame.kind === 'not_kept') return 'skipped'
  const life = frame.kind === 'open' || frame.kind === 'close'
  const isBad = frame.kind === 'close' && !['1000', '1001', ''].includes(String(frame.code ?? ''))
  const isSame = selected && selected !== frame && ((frame.command_id && frame.command_id === selected.command_id) || (frame.tracing_id && frame.tracing_id === selected.tracing_id))
  return [life && 'life', isBad && 'bad', frame.repeated && 'again', isSame && 'mark'].filter(Boolean).join(' ')
}

/** @param {Frame} frame @returns {string} */
export function titleOf(frame) {
  if (frame.kind === 'open') return `open ${frame.host}${frame.attempt > 1 ? `, try ${frame.attempt}` : ''}`
  if (frame.kind === 'close') return `closed${frame.code ? ` ${frame.code}` : ''}${frame.by ? `, by ${frame.by === 'guestd' ? 'us' : `the ${frame.by}`}` : ''}${frame.reason ? `: ${line(frame.reason, 60)}` : ''}`
  return `${frame.repeated ? `${REPEATED} · ` : ''}${isAnswer(frame) ? 'health check answered' : frame.class || frame.kind}`
}

/** A health check's answer: guestd asks by an echo of “ping”, which leads to nothing. @param {Frame} frame */
const isAnswer = ({ direction, class: name, seq, command_id, text }) => direction === 'in' && name === 'StructuredMessage Text' && !seq && !command_id && /"text": ?"ping"/.test(text)

const REPEATED = 'repeated, shown once'

/** @param {{frame: Frame}} props */
function Row({ frame }) {
  if (frame.kind === 'not_kept') return html`<span></span><span aria-hidden="true">…</span><span>${some(frame.count, 'frame')} not kept</span><span></span>`
  const life = frame.kind === 'open' || frame.kind === 'close'
  const arrow = frame.kind === 'close' ? '×' : frame.kind === 'open' ? '•' : frame.direction === 'out' ? '↑' : '↓'
  return html`<span class="t" title=${utc(frame.at)}>${clockMs(frame.at)}</span><span class=${life ? '' : frame.direction} role="img" aria-label=${life ? 'connection' : frame.direction}>${arrow}</span>
    <span>${titleOf(frame)}${frame.code && frame.code !== 200 && !life ? ` ${frame.code}` : ''}</span><span class="t">${life ? (frame.kind === 'open' ? ordinal(frame.connection) : '') : count(frame.bytes)}</span>`
}

/** @param {{frame: Frame, open: Talk}} props */
function Detail({ frame, open }) {
  const value = read(frame.text ?? '')
  return html`<section class="detail" aria-label=${`Frame ${frame.n}`}><header><b>Frame ${frame.n}</b><span class="dim">${frame.repeated ? `${REPEATED} · ` : frame.kind === 'text' || frame.kind === 'binary' ? `${frame.direction} · ` : ''}${size(frame.bytes)}${frame.seq ? ` · seq ${frame.seq}` : ''}${frame.cut ? ' · cut' : ''}</span><span class="grow"></span>
    <button class="btn quiet small" onClick=${() => copy(frame.text ?? '', 'JSON')}>JSON</button>
    <button class="btn quiet small" onClick=${() => copyCurl(frame, open)}>curl</button>
    <button class="btn quiet small" onClick=${() => copyLink(format({ session: `~${open.id}`, pane: 'frames', query: { n: String(frame.n) } }))}>Link</button></header>
    <${Json} value=${value} text=${frame.text} /></section>`
}

/** The request that reads this frame. @param {Frame} frame @param {Talk} open */
export function copyCurl(frame, open) {
  const url = addressOf(`v1/sessions/${open.id}/frames`, { after: frame.n - 1, limit: 1, texts: 'true' }).href
  return copy(curl({ url, token: needsToken() }), 'curl')
}

/** The frame that is looked at, if one is. */
export function selectedFrame() {
  const n = Number(route.value.query.n)
  const found = n ? frames.value?.byNumber(n) : undefined
  if (!found) notice('No frame is chosen')
  return found
}
