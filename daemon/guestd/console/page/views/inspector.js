/** Beside the conversation: why it waits, and what lies beneath it. */
import { html } from '../ui.js'
import { explained, frames, hasEmulator, info, talk } from '../app.js'
import { emulator } from '../models/emulator.js'
import { Tabs } from '../parts/facts.js'
import { go, linkTo, route } from '../route.js'
import { useSources } from '../store.js'
import { count } from '../text.js'
import { AgentPane } from './agent.js'
import { EventsPane } from './events.js'
import { Explain } from './explain.js'
import { FaultsPane } from './faults.js'
import { FramesPane } from './frames.js'
import { NarrowHead } from './head.js'

const PANELS = { frames: FramesPane, events: EventsPane, agent: AgentPane, faults: FaultsPane }

/** The pane that the route names; frames unless it does. */
const paneOf = () => /** @type {keyof typeof PANELS} */ (route.value.pane in PANELS ? route.value.pane : 'frames')

export function Inspector() {
  useSources(talk, talk.value, frames, frames.value, explained, route, info, emulator)
  const open = talk.value
  if (!open || open.isMissing) return html`<aside class="pane inspect" aria-label="Inspector"></aside>`
  const pane = paneOf()
  const tabs = [
    { key: 'frames', text: 'Frames', count: frames.value?.all.length ? count(frames.value.all.length) : '' },
    { key: 'events', text: 'Events', count: open.transcript.lastSeq ? count(open.transcript.lastSeq) : '' },
    { key: 'agent', text: 'Agent’s desk' },
    { key: 'faults', text: 'Faults', count: hasEmulator() && emulator.rules.length ? emulator.rules.length : '' },
  ]
  return html`<aside class="pane inspect" aria-label="Inspector"><${NarrowHead} open=${open} /><${NarrowTabs} />
    <${Explain} open=${open} found=${explained.value} />
    <div class="panel-box"><${Tabs} label="Beneath the conversation" tabs=${tabs} selected=${pane} panel="panel" onSelect=${(key) => go({ pane: key })} />
      <div class="panel-box" id="panel" role="tabpanel" aria-labelledby=${`tab-${pane}`}><${PANELS[pane]} key=${`${open.key} ${pane}`} open=${open} /></div></div></aside>`
}

const NARROW = [['', 'Chat'], ['frames', 'Frames'], ['events', 'Events'], ['explain', 'Explain'], ['agent', 'Agent'], ['faults', 'Faults']]

/** The same on a narrow screen, where one is seen at a time. */
export function NarrowTabs() {
  useSources(route)
  const { pane } = route.value
  return html`<nav class="mtabs" aria-label="Panes">${NARROW.map(([key, text]) => html`<a key=${key} href=${linkTo({ pane: key })} aria-current=${key === (pane === 'chat' ? '' : pane) ? 'page' : undefined}>${text}</a>`)}</nav>`
}
