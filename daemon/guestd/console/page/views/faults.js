/** Faults: once on one guest or on all, by rule, and what was injected. */
import { html, useEffect, useState } from '../ui.js'
import { frames, hasEmulator, info, paused, sessions, talk } from '../app.js'
import { addressOf, emulatorPath, needsToken, said } from '../api.js'
import { curl } from '../curl.js'
import { emulator, ruleOnly } from '../models/emulator.js'
import { openOf } from '../models/row.js'
import { confirmed } from '../parts/dialog.js'
import { Choice } from '../parts/facts.js'
import { IconButton } from '../parts/icons.js'
import { copy, told } from '../parts/toast.js'
import { linkTo } from '../route.js'
import { useSources } from '../store.js'
import { count, words } from '../text.js'
import { clock, duration } from '../time.js'
import { NoEmulator } from './agent.js'

/** @typedef {import('../models/talk.js').Talk} Talk */
/** @typedef {import('../models/emulator.js').Rule} Rule */

/** @type {{kind: string, label: string, note: string, fields?: Record<string, any>}[]} */
export const ONCE = [
  { kind: 'drop', label: 'Drop', note: 'TCP reset' },
  { kind: 'half_open', label: 'Half-open', note: 'silent, stays up' },
  { kind: 'close', label: 'Close 1001', note: 'going away', fields: { code: 1001 } },
  { kind: 'throttle', label: 'Throttle', note: '429, retry 1 s', fields: { retry_after_s: 1 } },
  { kind: 'duplicate', label: 'Duplicate', note: 'next message twice' },
  { kind: 'reorder', label: 'Reorder', note: 'next two swapped' },
  { kind: 'delay', label: 'Delay', note: 'next frame 2 s', fields: { ms: 2000 } },
  { kind: 'mute', label: 'Mute', note: 'history only' },
  { kind: 'expired_session', label: 'Expire', note: 'session is over' },
]

/** The counts of rules grow with what happens elsewhere, too. */
const READ_EVERY_MS = 2000

/** @param {{open: Talk}} props */
export function FaultsPane({ open }) {
  return html`<div class="scroll" tabindex="-1"><${Faults} open=${open} /></div>`
}

/** The page of its own. */
export const FaultsPage = () => html`<main class="page" id="main" tabindex="-1"><div><header><h1>Faults</h1><span class="dim">What the emulator breaks on purpose, for all guests.</span></header><div class="panel"><${Faults} /></div></div></main>`

/** @param {{open?: Talk}} props without a session: for all */
function Faults({ open }) {
  useSources(emulator, info, sessions)
  const [onAll, setOnAll] = useState(!open)
  const [last, setLast] = useState(/** @type {any} */ (null))
  useEffect(() => {
    if (!hasEmulator()) return undefined
    emulator.start()
    const timer = setInterval(() => !document.hidden && !paused.value && void emulator.read(), READ_EVERY_MS)
    return () => clearInterval(timer)
  }, [info.value])
  if (!hasEmulator()) return html`<${NoEmulator} />`
  const guest = open?.name ?? ''
  const isOver = !onAll && open?.isOver
  const all = openOf(sessions.counts)
  const inject = async (/** @type {typeof ONCE[number]} */ one) => {
    const body = { kind: one.kind, ...(onAll ? { all: true } : { guest }), ...one.fields }
    if (onAll && all > 1 && !(await confirmed({ title: `${one.label} for all?`, text: `This meets all ${count(all)} guest sessions of the emulator.`, act: `${one.label} ${count(all)} sessions` }))) return
    setLast(body)
    void told(emulator.inject(body), `${one.label}: ${one.note}`)
  }
  return html`${emulator.problem ? html`<p class="problem-line" role="alert">${said(emulator.problem)}</p>` : null}
    <div class="group"><h3>Inject once ${open ? html`<${Choice} label="On" choices=${[['', guest], ['all', `all ${count(all)}`]]} value=${onAll ? 'all' : ''} onChoose=${(key) => setOnAll(key === 'all')} />` : html`<small>on all ${count(all)}</small>`}</h3>
      ${isOver && html`<p class="dim">The session has ended: nothing of it can break.</p>`}
      <div class="grid3">${ONCE.map((one) => html`<button type="button" class="btn" key=${one.kind} disabled=${isOver || !(onAll || guest)} onClick=${() => inject(one)}>${one.label}<small>${one.note}</small></button>`)}</div>
      ${last && html`<${Request} body=${last} />`}</div>
    <${Rules} guest=${guest} /><${Recent} />`
}

/** @param {{body: any}} props */
function Request({ body }) {
  const request = curl({ url: addressOf(emulatorPath('inject')).href, body, token: needsToken() })
  return html`<div class="command"><code tabindex="0">${request.replace(/ \\\n\s*/g, ' ')}</code><${IconButton} small name="copy" label="Copy as curl" onClick=${() => copy(request, 'curl')} /></div>`
}

/** @param {{guest: string}} props */
function Rules({ guest }) {
  const [isAdding, add] = useState(false)
  const { plan, rules } = emulator
  return html`<div class="group"><h3>Active rules <small>${plan.seed == null ? '' : `seed ${plan.seed}`}</small></h3>
    ${rules.length ? html`<table class="list"><thead><tr><th>Kind</th><th>When</th><th>On</th><th class="num">Injected</th><th><span class="vh">Action</span></th></tr></thead><tbody>
      ${rules.map((one, i) => html`<tr key=${one.id ?? i}><td class="nowrap">${words(one.kind)}</td><td>${oftenOf(one)}</td><td class="name"><bdi>${onWhom(one)}</bdi></td><td class="num">${count(one.injected ?? 0)}</td>
        <td class="num nowrap"><button class="plain" onClick=${() => told(emulator.removeRule(String(one.id)))}>remove</button></td></tr>`)}</tbody></table>` : html`<p class="dim">None: nothing breaks by itself.</p>`}
    <div class="acts"><button type="button" class="btn small" aria-expanded=${isAdding} onClick=${() => add(!isAdding)}>Add a rule</button>
      <button type="button" class="btn small quiet" onClick=${() => copy(JSON.stringify({ seed: plan.seed, rules: rules.map(ruleOnly) }, null, 2), 'Rules')}>Copy as JSON</button><span class="grow"></span>
      ${rules.length > 0 && html`<button type="button" class="btn small danger quiet" onClick=${() => told(emulator.clearRules(), 'No rules any more')}>Clear all</button>`}</div>
    ${isAdding && html`<${NewRule} guest=${guest} onDone=${() => add(false)} />`}</div>`
}

/** @param {Rule} rule */
function onWhom({ guest, token, session }) {
  const name = guest ?? (sessions.rows.get(session) ?? sessions.over.get(session))?.name
  return name ?? (token || session ? 'one session' : 'all')
}

/** @param {Rule} rule */
function oftenOf(rule) {
  const { rate, every, count: first, ms } = rule
  const often = rate != null ? (rate >= 0.5 ? `${Math.round(rate * 100)} % of the occasions` : `1 in ${count(1 / rate)}`) : every != null ? `every ${count(every)}.` : first != null ? `the first ${count(first)}${(rule.injected ?? 0) < first ? '' : ', used up'}` : ''
  return ms != null && ['delay', 'reorder'].includes(rule.kind) ? `${often}, ≤ ${ms} ms` : often
}

/** @param {{guest: string, onDone: () => void}} props */
function NewRule({ guest, onDone }) {
  const kinds = Object.keys(emulator.kinds)
  const [kind, setKind] = useState('drop')
  const [how, setHow] = useState('rate')
  const [much, setMuch] = useState('0.01')
  const [one, setOne] = useState(true)
  const save = async (/** @type {Event} */ e) => {
    e.preventDefault()
    if (await told(emulator.addRule({ kind, [how]: Number(much), ...(one && guest && { guest }) }).then(() => true), 'The rule is active')) onDone()
  }
  const about = emulator.kinds[kind]
  return html`<form class="group" onSubmit=${save}><div class="formrow"><label for="rule-kind">Kind</label><select class="field" id="rule-kind" value=${kind} onChange=${(e) => setKind(e.target.value)}>${kinds.map((name) => html`<option key=${name} value=${name}>${words(name)}</option>`)}</select></div>
    ${about && html`<div class="formrow"><span></span><span class="dim">${about.meaning}</span></div>`}
    <div class="formrow"><label for="rule-how">How often</label><div class="line"><select class="field grow" id="rule-how" value=${how} onChange=${(e) => { setHow(e.target.value); setMuch(e.target.value === 'rate' ? '0.01' : '10') }}><option value="rate">share of the occasions</option><option value="every">every so many</option><option value="count">the first so many</option></select>
      <input class="field mono grow" aria-label="How much" inputmode="decimal" value=${much} onInput=${(e) => setMuch(e.target.value)} /></div></div>
    ${guest && html`<div class="formrow"><span class="label">On</span><div><${Choice} label="Of the rule" choices=${[['one', guest], ['all', 'all']]} value=${one ? 'one' : 'all'} onChoose=${(key) => setOne(key === 'one')} /></div></div>`}
    <p class="acts"><button class="btn small primary">Add</button><button type="button" class="btn small" onClick=${onDone}>Cancel</button></p></form>`
}

const ONCE_WITHIN_MS = 10_000

/** How a fault ended. @param {any} one */
function outcomeOf({ outcome, fault, guest, at, took_ms: took }) {
  if (outcome === 'restored') return `restored after ${duration(took)}`
  if (outcome === 'broken') return 'not back yet'
  if (fault !== 'duplicate') return words(outcome)
  const seen = talk.value?.name === guest ? frames.value?.all ?? [] : []
  const isShownOnce = seen.some((one) => one.repeated && Math.abs(one.at - at) < ONCE_WITHIN_MS)
  return isShownOnce ? 'came twice; shown once' : 'came twice'
}

function Recent() {
  useSources(frames, frames.value)
  const { recent } = emulator
  return html`<div class="group"><h3>Injected recently</h3>${recent.length ? html`<table class="list"><tbody>${recent.slice(0, 20).map((one, i) => html`<tr key=${one.injection ?? i}><td class="dim nowrap">${clock(one.at)}</td><td class="nowrap">${words(one.fault)}</td>
    <td class="name">${one.guest ? html`<a href=${linkTo({ view: 'guests', session: one.guest })}><bdi>${one.guest}</bdi></a>` : ''}</td><td class="dim">${outcomeOf(one)}</td></tr>`)}</tbody></table>` : html`<p class="dim">Nothing yet.</p>`}</div>`
}
