/** The frame of the page: header, what is wrong with the daemon, the view, the dock of a phone. */
import { html } from '../ui.js'
import { IS_EMULATOR, refusal } from '../api.js'
import { info, isLoadOnly, pause, paused, sessions, stats, talk, trouble } from '../app.js'
import { connection } from '../live.js'
import { Questions } from '../parts/dialog.js'
import { Icon, IconButton, Logo } from '../parts/icons.js'
import { Spark } from '../parts/plot.js'
import { Toasts } from '../parts/toast.js'
import { linkTo, route } from '../route.js'
import { useNow, useSources } from '../store.js'
import { count } from '../text.js'
import { clock, duration } from '../time.js'
import { changeTheme, theme } from '../theme.js'
import { Alone } from './alone.js'
import { FaultsPage } from './faults.js'
import { Guests } from './guests.js'
import { Help, helpIsOpen } from './help.js'
import { Inspector } from './inspector.js'
import { Load } from './load.js'
import { Login } from './login.js'
import { Overview } from './overview.js'
import { TalkPane } from './talk.js'

/** @typedef {[string, string, import('../parts/icons.js').IconName]} View */
/** @type {Record<string, View>} */
const VIEW = { guests: ['guests', 'Guests', 'chat'], overview: ['overview', 'Overview', 'bars'], faults: ['faults', 'Faults', 'bolt'], load: ['load', 'Load', 'load'] }

/** What there is here. @returns {View[]} */
function views() {
  if (isLoadOnly()) return [VIEW.load]
  if (IS_EMULATOR) return [VIEW.guests, VIEW.faults]
  return [VIEW.guests, VIEW.overview, VIEW.faults, ...(info.value?.load_runs?.length ? [VIEW.load] : [])]
}

export function Shell() {
  useSources(route, refusal, info)
  const view = isLoadOnly() ? 'load' : route.value.view
  const isRefused = Boolean(refusal.value)
  document.title = titleOf(view)
  return html`<div class="app"><a class="skip" href="#main" onClick=${skip}>To the content</a><${Top} isRefused=${isRefused} /><${Notices} />
    ${isRefused ? html`<${Login} />` : view === 'load' ? html`<${Load} />` : view === 'overview' ? html`<${Overview} />` : view === 'faults' ? html`<${FaultsPage} />` : IS_EMULATOR ? html`<${Alone} />` : html`<${GuestsView} />`}
    ${!isRefused && html`<${Dock} />`}<${Toasts} /><${Questions} /><${Help} /></div>`
}

/** @param {Event} e */
function skip(e) {
  e.preventDefault()
  ;(document.getElementById('composer') ?? document.getElementById('guests') ?? document.getElementById('main'))?.focus()
}

/** @param {string} view */
function titleOf(view) {
  const { session } = route.value
  const name = view === 'guests' ? talk.value?.name || session || 'Guests' : view.charAt(0).toUpperCase() + view.slice(1)
  return `${name} · guestd`
}

function GuestsView() {
  const { session, pane } = route.value
  return html`<main class="main" id="main" tabindex="-1" data-open=${session ? '' : undefined} data-inspects=${session && pane && pane !== 'chat' ? '' : undefined} data-pane=${pane}><${Guests} /><${TalkPane} /><${Inspector} /></main>`
}

/** @param {string} view */
const isHere = (view) => (isLoadOnly() || route.value.view === view ? 'page' : undefined)

const THEMES = /** @type {const} */ ({ system: 'system', light: 'sun', dark: 'moon' })

/** @param {{isRefused: boolean}} props */
function Top({ isRefused }) {
  useSources(route, paused, theme, info)
  const target = info.value?.target
  return html`<header class="top"><a class="brand" href=${linkTo({ view: 'guests', session: '', query: {} })}><${Logo} />guestd</a>
    ${!isRefused && html`<nav class="nav" aria-label="Main">${views().map(([view, text]) => html`<a key=${view} href=${linkTo({ view, session: '', query: {} })} aria-current=${isHere(view)}>${text}</a>`)}</nav>${IS_EMULATOR || isLoadOnly() ? html`<span class="grow"></span>` : html`<${Strip} />`}`}
    ${isRefused && html`<span class="grow"></span>`}
    ${!isRefused && target && html`<span class=${`only-l tag ${target.kind === 'platform' ? '' : 'warn'}`}>${target.name}</span>`}
    <${IconButton} name=${paused.value ? 'play' : 'pause'} label=${paused.value ? 'Go on with live updates' : 'Pause live updates'} pressed=${paused.value} onClick=${() => pause(!paused.value)} />
    <${IconButton} name=${THEMES[theme.value]} label=${`Theme: ${theme.value}`} onClick=${changeTheme} />
    <${IconButton} name="help" label="Keyboard and help" onClick=${() => helpIsOpen.set(true)} /></header>`
}

function Strip() {
  useSources(stats, sessions)
  const { last, recent } = stats
  const echo = last.echo_p99
  return html`<div class="strip"><span><b>${count(last.live ?? sessions.counts.live ?? 0)}</b> live</span><span class="opt"><b>${count(last.in ?? 0)}</b> in/s</span><span class="opt"><b>${count(last.out ?? 0)}</b> out/s</span>
    ${echo != null && html`<span class="echo">echo p99 <b>${duration(echo)}</b><${Spark} values=${recent.slice(-32).map((row) => row.echo_p99 ?? 0)} /></span>`}</div>`
}

/** What is wrong: the daemon is away, or says that it is not well, or the page is paused. */
function Notices() {
  useSources(connection, trouble, paused)
  const { isUp } = connection.value
  return html`<div role="status">${!isUp && html`<${Lost} />`}
    ${isUp && trouble.value && html`<p class="notice">${trouble.value}</p>`}
    ${paused.value && html`<p class="notice">Live updates are paused. <button class="btn small" onClick=${() => pause(false)}>Go on</button></p>`}</div>`
}

function Lost() {
  const now = useNow()
  const { since, next } = connection.value
  return html`<p class="notice bad">guestd does not answer since ${clock(since)} (${duration(now - since)}). ${next > now ? `Next try in ${Math.ceil((next - now) / 1000)} s.` : 'Trying now.'} What is shown is from before.</p>`
}

function Dock() {
  useSources(route, info)
  return html`<nav class="dock" aria-label="Main, below">${views().map(([view, text, icon]) => html`<a key=${view} href=${linkTo({ view, session: '', query: {} })} aria-current=${isHere(view)}><${Icon} name=${icon} />${text}</a>`)}</nav>`
}
