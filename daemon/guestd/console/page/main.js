/** Begins: the theme, the address, the keys, the page, the daemon. */
import { html, render } from './ui.js'
import { refusal, useToken } from './api.js'
import { pause, paused, start, talk } from './app.js'
import { focusSoon, listen } from './keys.js'
import { copyLink, told } from './parts/toast.js'
import { followAddress, format, go, parse, route } from './route.js'
import { changeTheme, startTheme } from './theme.js'
import { redeem, takeTicket } from './ticket.js'
import { copyCurl, selectedFrame, stepFrame } from './views/frames.js'
import { openCursor, step } from './views/guests.js'
import { helpIsOpen } from './views/help.js'
import { Shell } from './views/shell.js'

/** @param {string} pane */
const pane = (pane) => () => {
  if (!talk.value) return
  go({ pane })
  setTimeout(() => focusSoon(pane === 'frames' || pane === 'events' || pane === 'explain' ? pane : `tab-${pane}`))
}

/** Back: out of a field, out of a pane, out of the session. */
function escape() {
  const active = /** @type {HTMLElement | null} */ (document.activeElement)
  const { session, pane: shown, query } = route.value
  if (active?.matches('input, textarea, select')) active.blur()
  else if (query.n || query.seq) go({ pane: shown })
  else if (shown && innerWidth <= 1100) go({ pane: '' })
  else if (session && innerWidth <= 700) go({ session: '' })
  document.getElementById('guests')?.focus()
}

function linkHere() {
  const open = talk.value
  void copyLink((open ? format({ ...route.value, session: `~${open.id}` }) : location.hash) || '#/guests')
}

function curlOfFrame() {
  const frame = selectedFrame()
  if (frame && talk.value) void copyCurl(frame, talk.value)
}

listen({
  '/': () => document.getElementById('search')?.focus(),
  j: () => step(1), k: () => step(-1), Enter: openCursor, Escape: escape,
  i: () => focusSoon('composer'),
  f: pane('frames'), v: pane('events'), e: pane('explain'), a: pane('agent'), x: pane('faults'),
  'g o': () => go({ view: 'overview' }), 'g g': () => go({ view: 'guests' }), 'g f': () => go({ view: 'faults' }), 'g l': () => go({ view: 'load' }),
  '[': () => stepFrame(-1), ']': () => stepFrame(1), y: curlOfFrame, l: linkHere,
  p: () => pause(!paused.value), t: changeTheme, '?': () => helpIsOpen.set(true),
})

const ticket = takeTicket()
if (ticket) route.set(parse(location.hash))
startTheme()
followAddress()
refusal.watch(() => {
  if (refusal.value) document.getElementById('main')?.focus()
})

async function begin() {
  const tokens = ticket ? await told(redeem(ticket)) : undefined
  if (tokens) useToken(tokens.api_token ?? '', false, tokens.simulator_token ?? '')
  await start()
}

/** In a task of its own: reading the modules was a long one. */
setTimeout(() => {
  render(html`<${Shell} />`, /** @type {HTMLElement} */ (document.getElementById('app')))
  void begin()
})
