/** A load run, live: whether it is healthy, its thresholds, its figures over time, what went wrong. */
import { html, useEffect } from '../ui.js'
import { ask } from '../api.js'
import { info, loadRun } from '../app.js'
import { limitOf } from '../models/load.js'
import { confirmed } from '../parts/dialog.js'
import { Bar } from '../parts/facts.js'
import { Counted, number, Panel, Tiles } from '../parts/panel.js'
import { Graph } from '../parts/plot.js'
import { copy, told } from '../parts/toast.js'
import { route } from '../route.js'
import { useSources } from '../store.js'
import { count, some, words } from '../text.js'
import { duration } from '../time.js'

/** @typedef {import('../models/load.js').Run} Run */
/** @typedef {import('../models/load.js').Point} Point */
/** @typedef {import('../types.js').LoadFigures} Figures */

const COMMAND = 'guestd load parcel.yml -u 50 -t 5m --console 0'
const STATES = ['live', 'opening', 'resting', 'waiting', 'leaving']
/** @param {string} state of a virtual guest */
const stateWords = (state) => (state === 'waiting' ? 'not started' : words(state))
/** @type {Record<string, string>} */
const TONES = { live: 'a', opening: 'w', resting: 'r', waiting: 'n', leaving: 'b' }

export function Load() {
  useSources(loadRun, info, route)
  const id = route.value.session || info.value?.load_runs?.[0] || ''
  useEffect(() => loadRun.follow(id), [id])
  const { run, points, problem } = loadRun
  return html`<main class="page" id="main" tabindex="-1"><div>${run ? html`<${Head} run=${run} />${run.now && html`<${Now} run=${run} now=${run.now} points=${points} />`}`
    : problem ? html`<${None} title="This run is not here" text=${problem} />` : info.value && !id ? html`<${None} title="No load run" text="A run shows itself while it lasts, on a port of its own:" />` : null}</div></main>`
}

/** @param {{title: string, text: string}} props */
const None = ({ title, text }) => html`<div class="empty"><h1>${title}</h1><p>${text}</p><div class="command"><code>${COMMAND}</code><button class="btn small" onClick=${() => copy(COMMAND, 'Command')}>Copy</button></div></div>`

/** @type {Record<string, string>} */
const WORDS = { starting: 'Starting', running: 'Running', stopping: 'Stopping: the guests end their conversations', comparing: 'Done; comparing with what the platform has', over: 'Over' }

/** @param {{run: Run}} props */
function Head({ run }) {
  const { now, verdict, state } = run
  const left = now?.left_s
  const elapsed = now?.at_s ?? 0
  const isOn = state === 'running' || state === 'stopping'
  return html`<header><h1><bdi>${run.name}</bdi></h1><span class="grow"></span>
    ${isOn && html`<button class="btn danger" onClick=${() => stop(run)}>${state === 'stopping' ? 'Stop at once' : 'Stop'}</button>`}</header>
    <div class="panel run"><p role="status"><b class=${verdict?.kind ?? ''}>${verdict ? verdict.words : WORDS[state]}</b>${run.stopped_by && !verdict ? ` (${run.stopped_by})` : ''}</p>
      <p>${duration(elapsed * 1000)}${isOn ? `, ${left == null ? 'until all guests are through' : `${duration(left * 1000)} left`}` : ''}<span class="dim"> · ${run.plan} · ${run.target} · seed ${run.seed} · ${some(run.workers, 'process', 'processes')}</span></p>
      ${isOn && left != null && html`<${Bar} share=${elapsed / Math.max(1, elapsed + left)} label="Time of the run" />`}
      ${verdict && html`<p>${verdict.what_went_wrong} ${verdict.validity} Exit code ${verdict.exit_code}.</p>`}
      ${!verdict && now?.too_slow.map((why) => html`<p class="warn" key=${why}>Not valid so far: ${why}.</p>`)}</div>`
}

/** @param {Run} run */
async function stop({ id, state, now }) {
  const open = STATES.reduce((sum, one) => sum + (now?.guests[one] ?? 0), 0)
  const at_once = state === 'stopping'
  const text = at_once ? `${some(open, 'guest')} may leave a conversation open at the platform; guestd load reap ends them.` : `${some(open, 'guest')} will end the conversation; then the run is judged.`
  if (await confirmed({ title: at_once ? 'Stop at once?' : 'Stop this run?', text, act: at_once ? 'Stop at once' : 'Stop' })) await told(ask('POST', `v1/load/${id}/stop`, { body: { at_once } }))
}

/** @param {{run: Run, now: Figures, points: Point[]}} props */
const Now = ({ run, now, points }) => html`<${Tiles} tiles=${tilesOf(now)} /><${Thresholds} now=${now} isOver=${run.state === 'over'} /><${Plots} run=${run} now=${now} points=${points} />
  <div class="cols even"><${Panel} title="Guests now"><${Counted} rows=${STATES.map((state) => [stateWords(state), now.guests[state] ?? 0])} none="" /><//>
    <${Panel} title="Waiting for"><${Counted} rows=${Object.entries(now.waits)} none="No guest waits." /><//>
    <${Panel} title="Errors by kind"><${Counted} rows=${Object.entries(now.errors)} none="None." /><//>
    <${Panel} title="Lost connections, 429"><${Counted} rows=${[...Object.entries(now.lost_connections).map(([cause, n]) => [words(cause), n]), ...Object.entries(now.throttled).map(([bucket, n]) => [`429: ${bucket}`, n])]} none="None." /><//>
    ${Object.keys(now.warnings).length > 0 && html`<${Panel} title="Warnings of the log"><${Counted} rows=${Object.entries(now.warnings)} none="" /><//>`}</div>`

/** @param {Figures} now */
function tilesOf({ guests, guests_wanted: wanted, sessions, messages, per_s, echo_ms, first_reply_ms, errors, lost_connections }) {
  const failures = sum(errors)
  const lost = sum(lost_connections)
  return [
    ['Guests live', count(guests.live ?? 0), wanted == null ? '' : ` of ${count(wanted)}`, `${count(sessions.opened)} opened, ${count(sessions.ended)} ended`, ''],
    ['Messages out', number(per_s.sent), '/s', `${count(messages.confirmed)} of ${count(messages.sent)} confirmed`, ''],
    ['Messages in', number(per_s.received), '/s', `${count(messages.received)} in all`, ''],
    ['Echo, p99', number(echo_ms.p99), ' ms', `p50 ${number(echo_ms.p50)} · p95 ${number(echo_ms.p95)}`, ''],
    ['First reply, p95', number(first_reply_ms.p95), ' ms', `p50 ${number(first_reply_ms.p50)} · p99 ${number(first_reply_ms.p99)}`, ''],
    ['Errors', count(failures), '', `${some(sessions.failed, 'guest')} failed`, failures || sessions.failed ? 'warn' : ''],
    ['Lost connections', count(lost), '', Object.keys(lost_connections).map(words).join(', ') || 'none', lost ? 'warn' : ''],
  ]
}

/** @param {Record<string, number>} counts */
const sum = (counts) => Object.values(counts).reduce((so, n) => so + n, 0)

/** @type {Record<string, string>} */
const UNITS = { ms: ' ms', per_s: '/s' }

/** @param {number | null} value @param {string} unit */
const valued = (value, unit) => value == null ? '–' : unit === 'ratio' ? `${number(value * 100)} %` : `${unit === 'count' ? count(value) : number(value)}${UNITS[unit] ?? ''}`

/** @param {{now: Figures, isOver: boolean}} props */
function Thresholds({ now, isOver }) {
  const order = (/** @type {boolean | null} */ ok) => (ok === false ? 0 : ok === null ? 2 : 1)
  const all = [...now.thresholds].sort((a, b) => order(a.ok) - order(b.ok))
  return html`<${Panel} title=${isOver ? 'Thresholds' : 'Thresholds so far'}>${all.length ? html`<table class="list"><thead><tr><th>Verdict</th><th>Threshold</th><th class="num">Value</th><th class="num">Limit</th></tr></thead><tbody>${all.map(({ expression, about, ok, value, limit, unit, note }) => html`<tr key=${expression}>
    <td><b class=${ok === false ? 'bad' : ok ? 'ok' : 'dim'}>${ok === false ? (isOver ? 'failed' : 'not met') : ok ? 'met' : 'not known yet'}</b></td><td><span class="mono">${expression}</span><div class="dim">${[about, note].filter(Boolean).join('; ')}</div></td><td class="num nowrap">${valued(value, unit)}</td><td class="num nowrap">${valued(limit, unit)}</td></tr>`)}</tbody></table>` : html`<p class="dim">None is set; --threshold or the file sets them.</p>`}<//>`
}

/** @param {{run: Run, now: Figures, points: Point[]}} props */
function Plots({ run, now, points }) {
  const at = points.map((one) => run.started_at + (one.at_s + one.length_s) * 1000)
  const of = (/** @type {(one: Point) => number | null} */ take) => points.map(take)
  const rate = (/** @type {'sent' | 'received'} */ name) => of((one) => one[name] / Math.max(one.length_s, 0.001))
  const seen = STATES.filter((state) => state === 'live' || points.some((one) => one.guests[state]))
  const [a, b, c] = ['a', 'b', 'c']
  return html`<div class="plots spaced">
    <${Graph} title="Guests by state" now=${`${count(now.guests.live ?? 0)} live`} at=${at} series=${seen.map((state) => ({ label: stateWords(state), tone: TONES[state], fill: state === 'live', values: of((one) => one.guests[state] ?? 0) }))} />
    <${Graph} title="Messages per second" now=${`${number(now.per_s.sent)} out, ${number(now.per_s.received)} in`} at=${at} series=${[{ label: 'out', tone: a, values: rate('sent') }, { label: 'in', tone: 'n', values: rate('received') }]} />
    <${Graph} title="Echo latency, ms" now=${`p99 ${number(now.echo_ms.p99)}`} limit=${limitOf(run, 'echo_latency')} at=${at} series=${[{ label: 'p99', tone: a, values: of((one) => one.echo_ms.p99) }, { label: 'p95', tone: b, values: of((one) => one.echo_ms.p95) }, { label: 'p50', tone: c, values: of((one) => one.echo_ms.p50) }]} />
    <${Graph} title="First reply, ms" now=${`p95 ${number(now.first_reply_ms.p95)}`} limit=${limitOf(run, 'first_reply')} at=${at} series=${[{ label: 'p95', tone: a, values: of((one) => one.first_reply_ms.p95) }, { label: 'p50', tone: c, values: of((one) => one.first_reply_ms.p50) }]} />
    <${Graph} title="Lost connections, 429, failed steps" at=${at} series=${[{ label: 'lost', tone: a, values: of((one) => one.lost_connections) }, { label: '429', tone: 'w', values: of((one) => one.throttled) }, { label: 'failed', tone: 'r', values: of((one) => one.steps_failed) }]} />
    <${Graph} title="Load generator" now=${`CPU ${number(now.cpu * 100)} %, lag p99 ${number(now.lag_ms)} ms`} at=${at} series=${[{ label: 'CPU %', tone: a, values: of((one) => one.cpu * 100) }, { label: 'lag', tone: 'n', values: of((one) => one.lag_ms) }]} /></div>`
}
