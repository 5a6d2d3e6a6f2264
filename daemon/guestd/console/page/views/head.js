/** Whose conversation it is, in which state, and what can be done with it. */
import { html } from '../ui.js'
import { orgName, sessions } from '../app.js'
import { attentionOf, dotOf, flagOf } from '../models/row.js'
import { confirmed } from '../parts/dialog.js'
import { IconButton } from '../parts/icons.js'
import { Menu, Sure } from '../parts/menu.js'
import { copy, copyLink, told } from '../parts/toast.js'
import { format, go } from '../route.js'
import { useNow, useSources } from '../store.js'
import { words } from '../text.js'
import { clock, instant, roughly, utc } from '../time.js'

/** @typedef {import('../models/talk.js').Talk} Talk */

/** @param {{open: Talk}} props */
export function Head({ open }) {
  const org = orgName()
  const attributes = Object.entries(open.session?.attributes ?? {}).map(([key, value]) => `${key}=${value}`)
  return html`<header class="head"><span class="only-s"><${IconButton} name="back" label="Back to the list" onClick=${() => go({ session: '' })} /></span>
    <div class="grow"><h1><bdi>${open.name}</bdi></h1><p class="sub">${open.openedAt ? html`since <span title=${utc(open.openedAt)}>${clock(open.openedAt)}</span>` : ''}${attributes.map((one) => html` · <bdi>${one}</bdi>`)}</p></div>
    <${StateMark} open=${open} />
    ${!open.isOver && html`<button class="btn small wide drop-it" onClick=${() => told(open.reconnect('abort'))}>Drop connection</button>
    ${open.isEnding ? null : org ? html`<button class="btn small danger wide" onClick=${() => end(open)}>End in ${org}</button>` : html`<${Sure} label="End" sure="End now?" act=${() => end(open)} />`}`}
    <span class="only-narrow only-l"><button class="btn small" onClick=${() => go({ pane: 'frames' })}>Inspect</button></span>
    <${More} open=${open} /></header>`
}

/** The same above what lies beneath it, where that hides the conversation. @param {{open: Talk}} props */
export const NarrowHead = ({ open }) => html`<header class="head only-narrow"><${IconButton} name="back" label="Back to the conversation" onClick=${() => go({ pane: '' })} />
  <h2 class="grow"><bdi>${open.name}</bdi></h2><${StateMark} open=${open} /><${More} open=${open} /></header>`

/** @param {Talk} open */
async function end(open) {
  const org = orgName()
  if (org && !(await confirmed({ title: `End ${open.name}?`, text: `This ends the conversation in ${org}. The agent is told.`, act: `End in ${org}` }))) return
  void told(open.end())
}

/** @param {{open: Talk}} props */
function More({ open }) {
  const org = orgName()
  return html`<${Menu} label="More actions" entries=${[
    { label: 'Copy link', act: () => copyLink(format({ session: `~${open.id}` })) },
    { label: 'Copy id', act: () => copy(open.id, 'Id') },
    ...(open.isOver ? [] : [
      { label: 'Drop connection: close', act: () => told(open.reconnect('close')) },
      { label: 'Drop connection: abort', act: () => told(open.reconnect('abort')) },
      { label: org ? `End in ${org}` : 'End the session', danger: true, sure: org ? '' : 'End it now?', act: () => end(open) },
    ]),
  ]} />`
}

/** @param {{open: Talk}} props */
function StateMark({ open }) {
  useSources(sessions)
  const now = useNow()
  const row = sessions.rows.get(open.id)
  const flag = row && row.state === open.state && attentionOf(row) ? flagOf(row, now) : ''
  const dot = dotOf(open.state, Boolean(flag) || open.isEnding)
  const since = instant(open.session?.state_since) || (open.state === 'live' ? open.openedAt : 0)
  const told = flag ? `, ${flag}` : since && !open.isOver ? ` ${roughly(now - since)}` : ''
  const word = open.isEnding ? 'ending' : words(open.state) || 'loading'
  return html`<span class=${`state ${dot}`}><span class=${`dot ${dot}`}></span>${word}${told}${open.isStale ? ' (stale)' : ''}</span>`
}
