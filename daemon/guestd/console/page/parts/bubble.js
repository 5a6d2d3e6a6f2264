/** One item of a conversation: a message with what belongs to it, or a line between. */
import { html } from '../ui.js'
import { clock, duration, utc } from '../time.js'
import { deliveryOf } from '../models/transcript.js'
import { words } from '../text.js'
import { Content } from './cards.js'
import { Icon } from './icons.js'
import { Text } from './text.js'

/** @typedef {import('../models/transcript.js').Item} Item */

/**
 * @typedef {object} BubbleProps
 * @property {Item} item
 * @property {boolean} isFirst of its sender's in a row
 * @property {boolean} [isDown] its session is not connected
 * @property {boolean} isMarked its frame is looked at
 * @property {number} now ms; 0: nothing of it changes any more
 * @property {import('./cards.js').Context} of
 * @property {() => void} onFrames shows its frames
 */

/** @param {BubbleProps} props */
export function Bubble({ item, isFirst, isMarked, isDown, now, of, onFrames }) {
  if (item.kind === 'line') return html`<${Line} item=${item} now=${now} />`
  const files = (item.content ?? []).filter((one) => one?.contentType === 'Attachment')
  const pendingFile = item.upload && !files.length
    ? [{ contentType: 'Attachment', attachment: { filename: item.upload.filename, fileSize: item.upload.size_bytes, mime: '' } }]
    : []
  return html`<div class=${`turn ${item.mine ? 'me' : ''} ${isMarked ? 'marked' : ''}`} id=${`item-${item.key}`}>
    ${!item.mine && isFirst && html`<p class="by"><b><bdi>${item.sender || 'Agent'}</bdi></b> · ${item.bot ? 'bot' : 'agent'} · <${Time} at=${item.at} />
      ${item.late && html` · <span class="late">late: it came after later ones</span>`}</p>`}
    ${item.text && html`<div class="bubble" onDblClick=${onFrames}><${Text} text=${item.text} /></div>`}
    <${Content} content=${[...(item.content ?? []), ...pendingFile]} of=${of} />
    ${item.mine && html`<${Meta} item=${item} isDown=${isDown} now=${now} onFrames=${onFrames} />`}
    ${!item.mine && html`<button class="frames-of" title="Show its frame" aria-label="Show its frame" onClick=${onFrames}>frame</button>`}
  </div>`
}

const MARKS = /** @type {const} */ ({ ok: 'check', wait: 'clock', bad: 'close', unsure: 'warn' })

/** @param {{item: Item, isDown?: boolean, now: number, onFrames: () => void}} props */
function Meta({ item, isDown, now, onFrames }) {
  const { mark, words: state } = deliveryOf(item, now, duration, isDown)
  const kind = item.action === 'reply' ? 'quick reply · ' : ''
  return html`<p class=${`meta ${mark}`}><span>${kind}<${Time} at=${item.acceptedAt || item.at} /></span><${Icon} name=${MARKS[mark]} />
    <button class="plain" title="Show its frames" onClick=${onFrames}>${state}</button>
    ${item.late && html`<span class="late">late</span>`}</p>`
}

/** @param {{at: number}} props */
export const Time = ({ at }) => (at ? html`<time title=${utc(at)}>${clock(at)}</time>` : null)

/** @param {{item: Item, now: number}} props */
function Line({ item, now }) {
  if (item.outage) return html`<${Outage} item=${item} outage=${item.outage} now=${now} />`
  return html`<p class=${`sys ${item.tone ?? ''}`} id=${`item-${item.key}`}><span>${item.text}${item.at ? html` · <${Time} at=${item.at} />` : null}</span></p>`
}

/** @param {{item: Item, outage: {lost: number, restored: number}, now: number}} props */
function Outage({ item, outage: { lost, restored }, now }) {
  const why = item.text && item.text !== 'lost' ? ` (${words(item.text)})` : ''
  const took = lost ? ` after ${duration(restored - lost)}` : ''
  return html`<p class="sys warn" id=${`item-${item.key}`}>Connection lost ${clock(lost)}${why} · ${restored ? `restored${took}` : now ? `not back yet, for ${duration(now - lost)}` : 'did not come back'}</p>`
}
