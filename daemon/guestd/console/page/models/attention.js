/** Which guests need attention, and why: it comes with time, and no change tells of it. */
import { LiveSource } from '../store.js'
import { ATTENTION } from './row.js'

const LISTED_MAX = 200
/** Of a large fleet the daemon is asked more rarely: a millisecond later for each guest. */
const EVERY_MS = 2000

export class Attention extends LiveSource {
  /** @param {import('./sessions.js').Sessions} sessions whose rows are marked */
  constructor(sessions) {
    super()
    this.sessions = sessions
    /** As the API lists them, the worst first. @type {any[]} */
    this.listed = []
    this.total = 0
    this.askedAt = 0
  }

  /** Asks, if it is time. */
  async read() {
    if (Date.now() - this.askedAt < Math.max(EVERY_MS, this.sessions.rows.size)) return
    this.askedAt = Date.now()
    try {
      const { sessions, total, next } = await this.sessions.list({ attention: ATTENTION.join(), sort: 'attention', limit: String(LISTED_MAX) })
      Object.assign(this, { listed: sessions, total })
      this.sessions.mark(sessions, !next)
      this.changed()
    } catch {
      // the next one tells
    }
  }
}
