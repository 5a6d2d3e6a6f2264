/** An emulator's own page: its conversations, the agent's desk and the faults, without a guestd. */
import { html, useEffect, useState } from '../ui.js'
import { ask, emulatorPath, said } from '../api.js'
import { emulator } from '../models/emulator.js'
import { Transcript } from '../models/transcript.js'
import { Bubble } from '../parts/bubble.js'
import { Tabs } from '../parts/facts.js'
import { go, linkTo, route } from '../route.js'
import { useSources } from '../store.js'
import { count, line } from '../text.js'
import { clock, instant } from '../time.js'
import { AgentPane } from './agent.js'
import { FaultsPane } from './faults.js'

const EVERY_MS = 1500
const SHOWN_MAX = 200

/**
 * What a path of the emulator answers, asked again and again.
 * @param {string} path "": nothing
 * @returns {{found: any, problem: string}}
 */
function useAsked(path) {
  const [state, set] = useState(/** @type {{path: string, found: any, problem: string}} */ ({ path: '', found: null, problem: '' }))
  useEffect(() => {
    if (!path) return undefined
    let isOver = false
    const read = () => ask('GET', emulatorPath(path)).then((found) => !isOver && set({ path, found, problem: '' }), (error) => !isOver && set({ path, found: null, problem: said(error) }))
    void read()
    const timer = setInterval(() => !document.hidden && read(), EVERY_MS)
    return () => {
      isOver = true
      clearInterval(timer)
    }
  }, [path])
  return state.path === path ? state : { found: null, problem: '' }
}

export function Alone() {
  useSources(route, emulator)
  const { session, pane } = route.value
  const { found, problem } = useAsked(`sessions?limit=${SHOWN_MAX}`)
  useEffect(() => emulator.start(), [])
  const shown = pane === 'faults' ? 'faults' : 'agent'
  const open = /** @type {any} */ ({ name: session })
  return html`<main class="main" id="main" tabindex="-1" data-open=${session ? '' : undefined} data-inspects=${session && pane ? '' : undefined} data-pane=${pane}>
    <section class="pane listpane guests" aria-label="Guest sessions"><h1 class="vh">The emulator’s guest sessions</h1>
      <p class="order"><span>${found ? `${count(found.total)} guest sessions, ${count(found.connections)} connections` : problem}</span></p>
      ${found && !found.total ? html`<div class="empty"><h2>No guest has come yet</h2><p>Point a client, or guestd, at this emulator.</p></div>` : html`<${List} sessions=${found?.sessions ?? []} selected=${session} />`}</section>
    ${session ? html`<${Conversation} guest=${session} />` : html`<section class="pane talkpane" aria-label="Conversation"><div class="empty"><h2>No guest is chosen</h2></div></section>`}
    <aside class="pane inspect" aria-label="Inspector"><div class="panel-box"><${Tabs} label="The other side" panel="panel" selected=${shown} onSelect=${(key) => go({ pane: key })}
      tabs=${[{ key: 'agent', text: 'Agent’s desk' }, { key: 'faults', text: 'Faults', count: emulator.rules.length || '' }]} />
      <div class="panel-box" id="panel" role="tabpanel" aria-labelledby=${`tab-${shown}`}>${shown === 'faults' ? html`<${FaultsPane} key=${session} open=${session ? open : undefined} />` : session && html`<${AgentPane} open=${open} />`}</div></div></aside></main>`
}

/** @param {{sessions: any[], selected: string}} props */
const List = ({ sessions, selected }) => html`<ul class="scroll plain-list">${[...sessions].reverse().map((one) => html`<li key=${one.session || one.guest}>
  <a href=${linkTo({ session: one.guest, pane: route.value.pane })} aria-current=${one.guest === selected ? 'true' : undefined}><span class=${`dot ${one.connections ? 'live' : 'rest'}`} role="img" aria-label=${one.connections ? 'connected' : 'not connected'}></span>
    <b><bdi>${one.guest || 'a guest without a name'}</bdi></b><span class="dim"><bdi>${line(one.last_message?.text ?? '', 60)}</bdi></span></a></li>`)}</ul>`

/** @param {{guest: string}} props */
function Conversation({ guest }) {
  const { found, problem } = useAsked(`conversations/${encodeURIComponent(guest)}?limit=${SHOWN_MAX}`)
  const items = itemsOf(found?.messages ?? [])
  const of = { session: '', messageId: '', answered: null, canAnswer: false, choose: () => {} }
  return html`<section class="pane talkpane" aria-label=${`Conversation with ${guest}`}><header class="head"><div class="grow"><h1><bdi>${guest}</bdi></h1><p class="sub">${found ? `since ${clock(found.created * 1000)} · ${found.dialect}` : problem}</p></div></header>
    <div class="talkbox"><div class="talk" role="log" aria-label="Messages" tabindex="0"><div></div>${items.map((item, i) => html`<${Bubble} key=${item.key} item=${item} now=${0} isFirst=${items[i - 1]?.mine !== false} isMarked=${false} of=${of} onFrames=${() => {}} />`)}</div></div></section>`
}

/** The platform's own bodies as events. @param {any[]} bodies */
function itemsOf(bodies) {
  const transcript = new Transcript()
  bodies.forEach((body, i) => {
    const { channel = {}, direction, text = '', content = [], type } = body
    const common = { seq: i + 1, at: instant(channel.time), time: channel.time, direction }
    const presence = (body.events ?? []).find((/** @type {any} */ one) => one?.presence)?.presence?.type
    if (type === 'Event') {
      if (presence) transcript.apply({ ...common, kind: 'presence', presence })
    } else transcript.apply({ ...common, kind: 'message', text, content, sender: channel.from?.nickname, bot: body.originatingEntity === 'Bot' })
  })
  return transcript.list()
}
