/** The daemon's figures: one row a second for the last quarter of an hour, for header and overview. */
import { ask } from '../api.js'
import { subscribe } from '../live.js'
import { LiveSource } from '../store.js'

const ROWS_MAX = 3600

/** @typedef {Record<string, any>} Figures */

export class Stats extends LiveSource {
  constructor() {
    super()
    /** @type {Figures | null} */
    this.now = null
    /** @type {Figures[]} */
    this.rows = []
    this.window = 900
    this.stop = () => {}
  }

  start() {
    this.stop()
    void this.read()
    this.stop = subscribe('stats', {}, { data: (found) => this.take(found) })
  }

  /** Reads the rows of the window. @param {number} [window] seconds */
  async read(window = this.window) {
    this.window = window
    try {
      const found = await ask('GET', 'v1/stats', { query: { window } })
      this.rows = found.rows ?? []
      this.take(found)
    } catch {
      // the figures stay away; the header says whether the daemon is there
    }
  }

  /** @param {any} found */
  take(found) {
    const { rows, ...now } = found
    this.now = now
    const last = this.rows[this.rows.length - 1]
    for (const row of rows ?? []) if (!last || row.at > last.at) this.rows.push(row)
    if (this.rows.length > ROWS_MAX) this.rows.splice(0, this.rows.length - ROWS_MAX)
    this.changed()
  }
}
