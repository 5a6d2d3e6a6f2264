/** The daemon's figures: a row a second for the header, and those of a longer window for the overview. */
import { ask } from '../api.js'
import { subscribe } from '../live.js'
import { LiveSource } from '../store.js'

export const RECENT_MAX = 64
const STATES = ['waiting', 'dialing', 'joining', 'live', 'resting', 'leaving']

/** A row tells of the `step` seconds before `at`. @typedef {Record<string, number>} Figures */

export class Stats extends LiveSource {
  constructor() {
    super()
    /** The last minute, by seconds. @type {Figures[]} */
    this.recent = []
    /** The window of the overview, while that is shown. @type {Figures[]} */
    this.rows = []
    /** @type {any[]} */
    this.budgets = []
    this.window = RECENT_MAX
    this.step = 1
    this.stop = () => {}
  }

  start() {
    this.stop()
    void this.read()
    this.stop = subscribe('stats', {}, { data: (row) => this.take(row) })
  }

  /** Reads the rows of the window. @param {number} [window] seconds */
  async read(window = this.window) {
    this.window = window
    try {
      const found = await ask('GET', 'v1/stats', { query: { window } })
      const { step_s: step = 1, columns = {} } = found.history ?? {}
      this.step = step
      this.rows = (columns.at ?? []).map((/** @type {number} */ _, /** @type {number} */ i) => rowOf(columns, i))
      this.budgets = found.budgets ?? []
      if (!this.recent.length && step === 1) this.recent = this.rows.slice(-RECENT_MAX)
      this.changed()
    } catch {
      // the figures stay away; the header says whether the daemon is there
    }
  }

  /** @param {Figures} row */
  take(row) {
    this.recent.push(row)
    if (this.recent.length > RECENT_MAX) this.recent.shift()
    const last = this.rows[this.rows.length - 1]
    if (this.step === 1 && !(last?.at >= row.at)) {
      this.rows.push(row)
      this.rows.splice(0, this.rows.length - this.window)
    } else if (last && row.at - last.at > this.step * 1000) void this.read()
    this.changed()
  }

  /** @returns {Figures} the newest */
  get last() {
    return this.recent[this.recent.length - 1] ?? {}
  }
}

/**
 * At most so many rows: the highest of each span, from the same instants whenever it is asked for.
 * @param {Figures[]} rows @param {number} most
 */
export function highest(rows, most) {
  const span = Math.ceil((rows[rows.length - 1]?.at - rows[0]?.at) / 1000 / most) * 1000
  if (!(span > 1000)) return rows
  /** @type {Map<number, Figures>} */
  const spans = new Map()
  for (const row of rows) {
    const n = Math.floor(row.at / span)
    const one = spans.get(n) ?? {}
    for (const name in row) one[name] = Math.max(one[name] ?? 0, row[name])
    spans.set(n, one)
  }
  return [...spans.values()]
}

/** @param {Record<string, number[]>} columns @param {number} i @returns {Figures} */
function rowOf(columns, i) {
  return Object.fromEntries(Object.entries(columns).flatMap(([name, values]) => (values[i] == null ? [] : [[name, values[i]]])))
}

/** How many are not live. @param {Figures} row */
export const downOf = (row) => STATES.reduce((sum, state) => sum + (state === 'live' ? 0 : row[state] ?? 0), 0)

/** How often the platform asked to wait. @param {Figures} row */
export const throttledOf = (row) => Object.entries(row).reduce((sum, [name, n]) => sum + (name.startsWith('throttled.') ? n : 0), 0)
