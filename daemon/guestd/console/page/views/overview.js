/** The daemon at a glance: figures, plots, what needs attention, causes, budgets. */
import { html, useEffect } from '../ui.js'
import { attention, sessions, stats } from '../app.js'
import { openOf, rowOf } from '../models/row.js'
import { downOf, highest, RECENT_MAX, throttledOf } from '../models/stats.js'
import { Choice } from '../parts/facts.js'
import { Counted, number, Panel, Tiles as TileRow } from '../parts/panel.js'
import { Graph } from '../parts/plot.js'
import { go, linkTo, route } from '../route.js'
import { useNow, useSources } from '../store.js'
import { count, size, some, words } from '../text.js'
import { duration, instant } from '../time.js'
import { keyOf } from './guests.js'

const WINDOWS = [['5m', '5 min'], ['15m', '15 min'], ['1h', '1 h']]
/** @type {Record<string, number>} */
const SECONDS = { '5m': 300, '15m': 900, '1h': 3600 }
const ATTENTION_MAX = 10
const POINTS_MAX = 300

export function Overview() {
  useSources(stats, route)
  const chosen = route.value.query.window in SECONDS ? route.value.query.window : '15m'
  useEffect(() => {
    void stats.read(SECONDS[chosen])
    return () => { stats.window = RECENT_MAX }
  }, [chosen])
  return html`<main class="page" id="main" tabindex="-1"><div><header><h1>Overview</h1><${Choice} label="How far back" choices=${WINDOWS} value=${chosen} onChoose=${(key) => go({ view: 'overview', query: { window: key } }, { replace: true })} />
      <span class="grow"></span><p class="dim">Every figure is also on <a href="metrics">/metrics</a>.</p></header>
    <${Tiles} rows=${stats.rows} window=${chosen} /><${Plots} rows=${highest(stats.rows, POINTS_MAX)} />
    <div class="cols"><${Attention} failed=${unsettledOf(stats.rows)} /><${Causes} rows=${stats.rows} /><${Budgets} /></div></div></main>`
}

/** @param {any[]} rows @param {string} name */
const total = (rows, name) => rows.reduce((sum, row) => sum + (row[name] ?? 0), 0)

/** Messages that were not confirmed, for good. @param {any[]} rows */
const unsettledOf = (rows) => total(rows, 'uncertain') + total(rows, 'failed')

/** @param {{rows: any[], window: string}} props */
function Tiles({ rows, window }) {
  const { last } = stats
  const lost = total(rows, 'lost')
  const minutes = Math.max(1, (rows.length * stats.step) / 60)
  const unsettled = unsettledOf(rows)
  const within = WINDOWS.find(([key]) => key === window)?.[1]
  const tiles = [
    ['Guests', count((last.live ?? 0) + downOf(last)), '', `${count(last.waiting ?? 0)} queued, ${count(last.resting ?? 0)} disconnected`, ''],
    ['Messages in', count(last.in ?? 0), '/s', `${count(total(rows, 'in'))} in ${within}`, ''],
    ['Messages out', count(last.out ?? 0), '/s', unsettled ? `all confirmed but ${count(unsettled)}` : `${count(total(rows, 'out'))} in ${within}`, unsettled ? 'warn' : '', unsettled && endedOnes()],
    ['Echo, p99', number(last.echo_p99), ' ms', `p50 ${number(last.echo_p50)} · p95 ${number(last.echo_p95)}`, ''],
    ['Lost connections', (lost / minutes).toFixed(1), '/min', `${count(lost)} in ${within}`, lost ? 'warn' : ''],
    ['Loop lag, p99', number(last.loop_lag_p99), ' ms', `CPU ${count((last.cpu ?? 0) * 100)} %, ${size(last.rss ?? 0)}`, 'ok'],
  ]
  return html`<${TileRow} tiles=${tiles} />`
}

/** @param {{rows: any[]}} props */
function Plots({ rows }) {
  const { last, step } = stats
  const at = rows.map((row) => row.at)
  const of = (/** @type {(row: any) => number | null} */ take) => rows.map(take)
  const rate = (/** @type {string} */ name) => of((row) => (row[name] ?? 0) / step)
  const as = (/** @type {string} */ name) => of((row) => row[name] ?? null)
  return html`<div class="plots">
    <${Graph} title="Guests by state" now=${`${count(last.live ?? 0)} live`} at=${at} series=${[{ label: 'live', tone: 'a', fill: true, values: as('live') }, { label: 'down', tone: 'r', values: of(downOf) }]} />
    <${Graph} title="Messages per second" now=${`${count(last.in ?? 0)} in, ${count(last.out ?? 0)} out`} at=${at} series=${[{ label: 'in', tone: 'a', values: rate('in') }, { label: 'out', tone: 'n', values: rate('out') }]} />
    <${Graph} title="Echo latency, ms" now=${`p99 ${number(last.echo_p99)}`} at=${at} series=${[{ label: 'p99', tone: 'a', values: as('echo_p99') }, { label: 'p95', tone: 'b', values: as('echo_p95') }, { label: 'p50', tone: 'c', values: as('echo_p50') }]} />
    <${Graph} title="Lost connections and 429 per second" now=${`${count(last.lost ?? 0)} and ${count(throttledOf(last))}`} at=${at} series=${[{ label: 'lost', tone: 'a', values: rate('lost') }, { label: '429', tone: 'w', values: of((row) => throttledOf(row) / step) }]} /></div>`
}

/** Where those are that ended, each with what was not confirmed. */
const endedOnes = () => linkTo({ view: 'guests', query: { state: 'ended' } })

/** @param {{failed: number}} props */
function Attention({ failed }) {
  useSources(attention)
  const now = useNow()
  const { listed, total } = attention
  const rows = listed.slice(0, ATTENTION_MAX).map((one) => ({ ...rowOf(one), since: sinceOf(one) }))
  return html`<${Panel} title="Needs attention" now=${total ? `${count(total)} of ${count(openOf(sessions.counts))}` : ''}>
    ${rows.length ? html`<table class="list"><thead><tr><th>Guest</th><th>Why</th><th class="num">Since</th></tr></thead><tbody>${rows.map((/** @type {any} */ row) => html`<tr key=${row.id}><td class="nowrap"><a href=${linkTo({ view: 'guests', session: keyOf(row), pane: 'explain' })}><bdi>${row.name}</bdi></a></td>
      <td>${whyOf(row, now)}</td><td class="num nowrap">${row.since ? duration(now - row.since) : ''}</td></tr>`)}</tbody></table>` : html`<p class="dim">Nothing: all open sessions are live, and no message of theirs waits too long.</p>`}
    ${failed > 0 && html`<p class="dim">${some(failed, 'message')} of this time failed or may not have arrived; the <a href=${endedOnes()}>ended sessions</a> mark theirs.</p>`}<//>`
}

/** Since when it needs attention, ms; 0: not known. @param {any} one */
function sinceOf(one) {
  if (one.attention === 'unconfirmed') return instant(one.waiting_since)
  if (one.attention === 'unanswered') return instant(one.unanswered_since)
  return one.state === 'live' ? 0 : instant(one.state_since)
}

/** @param {any} row @param {number} now */
function whyOf(row, now) {
  const parts = []
  if (row.uncertain) parts.push(`${some(row.uncertain, 'message')} uncertain`)
  if (row.state !== 'live') parts.push(row.attempt > 1 ? `${words(row.state)}, try ${row.attempt}` : words(row.state))
  if (row.reason) parts.push(words(row.reason))
  if (row.attention === 'unconfirmed') parts.push(`${some(row.waiting, 'message')} not confirmed`)
  if (row.attention === 'unanswered') parts.push('no answer to a heartbeat')
  if (row.nextTry > now) parts.push(`next in ${duration(row.nextTry - now)}`)
  return parts.join(', ')
}

/** @param {{rows: any[]}} props */
function Causes({ rows }) {
  const causes = new Set(rows.flatMap((row) => Object.keys(row).filter((name) => name.startsWith('lost.'))))
  const all = [...causes].map((name) => /** @type {[string, number]} */ ([name.slice(5), total(rows, name)])).filter(([, n]) => n).sort((a, b) => b[1] - a[1])
  return html`<${Panel} title="Lost connections by cause"><${Counted} rows=${all.map(([cause, n]) => [words(cause), n])} none="None was lost." /><//>`
}

function Budgets() {
  return html`<${Panel} title="Budgets"><table class="list"><tbody>${stats.budgets.map((/** @type {any} */ one) => html`<tr key=${one.name}><td>${words(one.name).replace('.', ' ')}</td><td class="num nowrap">${count(one.used)} of ${count(one.limit)}</td></tr>`)}</tbody></table><//>`
}
