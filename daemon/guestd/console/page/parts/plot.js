/** Lines over time as SVG: the theme's colours by class, no canvas, no style attributes. */
import { html, useLayoutEffect, useRef, useState } from '../ui.js'
import { count } from '../text.js'
import { clock } from '../time.js'
import { Panel } from './panel.js'

const [LEFT, TOP, BOTTOM] = [44, 10, 104]
/** For the labels at the lines' ends. */
const END = 40
/** Of one label of the axis below. */
const TIME_PX = 76
/** Labels at the lines' ends are at least so far apart. */
const APART = 12
/** Rows that lie further apart than so many steps have a gap between them. */
const GAP_STEPS = 3

/** @typedef {{label: string, tone: string, values: (number | null)[], fill?: boolean}} Series */

/**
 * The width in pixels of what is drawn: letters keep their size on every screen.
 * @returns {[{current: Element | null}, number]}
 */
function useWidth() {
  const box = /** @type {{current: Element | null}} */ (useRef(null))
  const [width, set] = useState(600)
  useLayoutEffect(() => {
    const observer = new ResizeObserver(([{ contentRect }]) => set(Math.max(200, Math.round(contentRect.width))))
    if (box.current) observer.observe(box.current)
    return () => observer.disconnect()
  }, [])
  return [box, width]
}

/** @param {{at: number[], series: Series[], label: string, limit?: number}} props `at`: ms; `limit`: a line across, if it is in reach */
function Plot({ at, series, label, limit }) {
  const [box, width] = useWidth()
  return html`<div class="plotbox" ref=${box}>${at.length < 2 ? html`<p class="dim">No figures yet.</p>` : html`<${Lines} at=${at} series=${series} label=${label} limit=${limit} width=${width} />`}</div>`
}

/** A plot in a box of its own. @param {{title: string, now?: string, at: number[], series: Series[], limit?: number}} props */
export const Graph = ({ title, now, ...plot }) => html`<${Panel} title=${title} now=${now}><${Plot} label=${title} ...${plot} /><//>`

/** Farther above the highest value a limit would press the lines to the ground. */
const IN_REACH = 4

/** @param {{at: number[], series: Series[], label: string, width: number, limit?: number}} props */
function Lines({ at, series, label, width, limit = 0 }) {
  const RIGHT = width - END
  const now = series.map((one) => `${one.label} ${count(one.values[one.values.length - 1] ?? 0)}`).join(', ')
  const highest = series.reduce((max, one) => one.values.reduce((/** @type {number} */ so, n) => Math.max(so, n ?? 0), max), 0)
  const hasLimit = limit > 0 && limit <= highest * IN_REACH
  const ticks = steps(hasLimit ? Math.max(highest, limit) : highest)
  const max = ticks[ticks.length - 1]
  const [from, to] = [at[0] ?? 0, at[at.length - 1] ?? 1]
  const x = (/** @type {number} */ t) => LEFT + ((t - from) / Math.max(1, to - from)) * (RIGHT - LEFT)
  const y = (/** @type {number} */ n) => BOTTOM - (n / max) * (BOTTOM - TOP)
  const ends = spread(series.map((one) => ({ one, y: y(one.values[one.values.length - 1] ?? 0) })))
  return html`<svg class="plot" viewBox=${`0 0 ${width} 124`} role="img" aria-label=${`${label}: now ${now}`}>
    ${ticks.map((n) => html`<line class="grid" x1=${LEFT} x2=${RIGHT} y1=${y(n)} y2=${y(n)} /><text x=${LEFT - 6} y=${y(n) + 3.5} text-anchor="end">${count(n)}</text>`)}
    ${times(from, to, (RIGHT - LEFT) / TIME_PX).map(({ at, text }) => html`<text x=${x(at)} y="119" text-anchor=${x(at) < LEFT + BESIDE ? 'start' : 'middle'}>${text}</text>`)}
    ${series.map((one) => html`${one.fill && html`<path class="fill" d=${`${path(at, one.values, x, y)}L${x(to)} ${BOTTOM}L${x(from)} ${BOTTOM}Z`} />`}<path class=${`ln ${one.tone}`} d=${path(at, one.values, x, y)} />`)}
    ${hasLimit && html`<line class="limit" x1=${LEFT} x2=${RIGHT} y1=${y(limit)} y2=${y(limit)}><title>limit ${count(limit)}</title></line>`}
    ${ends.map(({ one, y: at }) => html`<text class=${`end ${one.tone}`} x=${RIGHT + 6} y=${at + 3.5}>${one.label}</text>`)}</svg>`
}

/** @param {number[]} at @param {(number | null)[]} values @param {(t: number) => number} x @param {(n: number) => number} y */
function path(at, values, x, y) {
  const usual = at.length > 1 ? (at[at.length - 1] - at[0]) / (at.length - 1) : 0
  let isOn = false
  let d = ''
  values.forEach((n, i) => {
    const isAlone = !isOn && (values[i + 1] ?? null) === null
    if (n !== null) d += isAlone ? `M${x(at[i]) - 2} ${y(n).toFixed(1)}h4` : `${isOn && at[i] - at[i - 1] <= usual * GAP_STEPS + 1000 ? 'L' : 'M'}${x(at[i]).toFixed(1)} ${y(n).toFixed(1)}`
    isOn = n !== null
  })
  return d || `M${LEFT} ${BOTTOM}`
}

/** Steps of the clock, in seconds. */
const STEPS_S = [5, 10, 15, 30, 60, 120, 300, 600, 900, 1800, 3600, 7200, 14_400, 21_600]
const TIMES_MAX = 5

/**
 * Round times of the viewer's clock, from one end to the other: with seconds where the steps are
 * shorter than a minute.
 * @param {number} from @param {number} to ms
 * @param {number} [room] how many labels there is room for
 * @returns {{at: number, text: string}[]}
 */
export function times(from, to, room = TIMES_MAX) {
  const most = Math.max(2, Math.min(TIMES_MAX, room))
  const step = (STEPS_S.find((s) => (to - from) / (s * 1000) < most) ?? 86_400) * 1000
  const zone = new Date(from).getTimezoneOffset() * 60_000
  const first = Math.ceil((from - zone) / step) * step + zone
  const all = Array.from({ length: TIMES_MAX }, (_, i) => first + i * step).filter((at) => at <= to && to > from)
  return all.map((at) => ({ at, text: clock(at).slice(0, step < 60_000 ? 8 : 5) }))
}

/** Nearer to the left end a label would touch those of the other axis. */
const BESIDE = 24

/** Three or four steps of a round size. @param {number} highest */
function steps(highest) {
  const rough = Math.max(highest, 4) / 4
  const power = 10 ** Math.floor(Math.log10(rough))
  const step = power * ([1, 2, 5, 10].find((n) => n * power >= rough) ?? 10)
  return Array.from({ length: Math.ceil(Math.max(highest, 1) / step) + 1 }, (_, i) => i * step)
}

/** Labels, moved apart. @param {{one: Series, y: number}[]} ends */
function spread(ends) {
  const sorted = [...ends].sort((a, b) => a.y - b.y)
  sorted.forEach((end, i) => {
    if (i) end.y = Math.max(end.y, sorted[i - 1].y + APART)
  })
  const over = Math.max(0, (sorted[sorted.length - 1]?.y ?? 0) - BOTTOM)
  return sorted.map((end) => ({ ...end, y: end.y - over }))
}

/** A small line without axes. @param {{values: number[]}} props */
export function Spark({ values }) {
  if (values.length < 2) return null
  const max = Math.max(1, ...values)
  const d = values.map((value, i) => `${i ? 'L' : 'M'}${((i * 64) / (values.length - 1)).toFixed(1)} ${(18 - (value / max) * 16).toFixed(1)}`).join('')
  return html`<svg class="spark" viewBox="0 0 64 20" aria-hidden="true"><path d=${d} /></svg>`
}
