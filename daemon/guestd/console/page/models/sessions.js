/**
 * The list of guests. The whole list is here by id, light; texts and attributes are asked for the
 * rows on the screen only. The server filters and sorts before paging; what changes is taken in as
 * it comes, and the order is made anew every two seconds at most, and never under the pointer.
 */
import { LiveSource } from '../store.js'
import { instant } from '../time.js'
import { askedBy, DOWN, openOf, ORDERS, rowOf } from './row.js'

/** @typedef {import('./row.js').Row} Row @typedef {import('./row.js').ListQuery} ListQuery */

export const FIRST_PAGE = 100
export const NEXT_PAGES = 1000
/** More guests than this are not listed without a search. */
export const ROWS_MAX = 20_000
/** What the rows beyond the first page need before they are seen. */
const LIGHT = 'name,state,seq,last_activity_at,waiting,uncertain,opened_at'
const ORDER_EVERY_MS = 2000
const SEARCH_EVERY_MS = 5000
const DETAILS_EVERY_MS = 250
const IDS_MAX = 100
const ENDED_EVERY_MS = 5000
/** As many as the API lists. */
const OVER_MAX = 1000

export class Sessions extends LiveSource {
  /**
   * @param {(query: Record<string, string>) => Promise<any>} list asks GET /v1/sessions
   * @param {(row: Row) => Promise<Partial<Row>>} [endOf] asks how one has ended
   */
  constructor(list, endOf = async () => ({})) {
    super()
    this.list = list
    this.endOf = endOf
    this.rows = /** @type {Map<string, Row>} */ (new Map())
    this.order = /** @type {string[]} */ ([])
    this.counts = /** @type {Record<string, number>} */ ({})
    this.query = /** @type {ListQuery} */ ({ q: '', state: 'all', sort: 'attention' })
    this.isLoading = true
    this.problem = /** @type {unknown} */ (null)
    /** Ids whose place would be another one. @type {Set<string>} */
    this.newer = new Set()
    this.isHeld = false
    this.seen = /** @type {Map<string, number>} */ (new Map())
    this.epoch = 0
    this.wantsOrder = false
    this.orderedAt = 0
    this.wanted = /** @type {Set<string>} */ (new Set())
    this.timer = /** @type {any} */ (0)
    this.isAsking = false
    /** Of a search: how many match, by state. @type {Record<string, number>} */
    this.matching = {}
    /** How many the journal keeps that have ended; one in memory keeps none. */
    this.endedKept = 0
    /** Those that this page has seen end, the newest last. @type {Map<string, Row>} */
    this.over = new Map()
    this.wantsEnded = false
    this.endedAskedAt = 0
  }

  /** How many of what is listed there are, by state. @returns {Record<string, number>} */
  get listed() {
    return this.query.q ? this.matching : { ...this.counts, ended: Math.max(this.endedKept, this.over.size) }
  }

  /** Of these, how many have not ended. */
  get openCount() {
    return openOf(this.listed)
  }

  /** Marks those that need attention. @param {any[]} listed by the API @param {boolean} areAll */
  mark(listed, areAll) {
    if (areAll) for (const row of this.rows.values()) row.attention = ''
    for (const one of listed) {
      const { attention, unanswered, nextTry, attempt, reason } = rowOf(one)
      Object.assign(this.rows.get(one.session_id) ?? {}, { attention, unanswered, nextTry, attempt, reason })
    }
    this.wantsOrder ||= this.query.sort === 'attention'
    this.#later()
    this.changed()
  }

  /** Asks how many the journal keeps that have ended. */
  async readEnded() {
    this.wantsEnded = false
    this.endedAskedAt = Date.now()
    try {
      this.endedKept = (await this.list({ ended: 'only', limit: '1', fields: 'name' })).total ?? 0
      this.changed()
    } catch {
      // the next end asks again
    }
  }

  /** @param {ListQuery} query */
  async ask(query) {
    this.query = query
    const epoch = ++this.epoch
    this.wanted.clear()
    this.isLoading = true
    this.problem = null
    this.changed()
    try {
      await this.#load(epoch)
    } catch (error) {
      if (epoch === this.epoch) Object.assign(this, { problem: error, rows: new Map(), order: [] })
    }
    if (epoch !== this.epoch) return
    this.isLoading = false
    this.changed()
  }

  /** @param {number} epoch */
  async #load(epoch) {
    let after = ''
    /** @type {Map<string, Row>} */
    const rows = new Map()
    do {
      /** @type {Record<string, string>} */
      const size = after ? { limit: String(NEXT_PAGES), after, fields: LIGHT } : { limit: String(FIRST_PAGE) }
      const page = await this.list({ ...askedBy(this.query), ...size })
      if (epoch !== this.epoch) return
      for (const one of page.sessions) {
        const row = rowOf(one)
        rows.set(row.id, row)
        if (!this.seen.has(row.id)) this.seen.set(row.id, row.seq)
      }
      if (this.query.q) this.matching = page.counts ?? {}
      else if (page.counts) this.counts = { ...this.counts, ...page.counts }
      this.rows = rows
      this.order = [...rows.keys()]
      this.newer.clear()
      this.isLoading = false
      this.changed()
      after = page.next ?? ''
    } while (after && rows.size < ROWS_MAX)
    if (this.query.state === 'ended' && !this.query.q) this.#addOver()
    const { q, state } = this.query
    if (!q) return
    const others = await this.list({ q, limit: '1', ...(state !== 'ended' && { ended: 'only' }) })
    if (epoch === this.epoch) this.matching = { ...this.matching, ...others.counts }
  }

  /** Those that the page has seen end and the journal does not list. */
  #addOver() {
    const others = [...this.over.values()].reverse().filter((row) => !this.rows.has(row.id))
    for (const row of others) this.rows.set(row.id, row)
    this.order = [...others.map((row) => row.id), ...this.order]
  }

  /**
   * Takes in a batch of `GET /v1/changes`.
   * @param {{counts?: Record<string, number>, changed?: any[][], gone?: string[]}} batch
   */
  apply({ counts, changed = [], gone = [] }) {
    if (counts) this.counts = counts
    for (const [id, state, seq, activity, waiting, uncertain] of changed) {
      const row = this.rows.get(id)
      if (!row) {
        if (this.query.state !== 'ended' && !this.query.q) this.wanted.add(id)
        continue
      }
      this.#became(row, state)
      Object.assign(row, { seq, activity: instant(activity), waiting: waiting ?? 0, uncertain: uncertain ?? 0 })
      if (!waiting) row.attention = ''
      this.newer.add(id)
    }
    for (const id of gone) {
      const row = this.rows.get(id)
      if (!row || row.state === 'ended') continue
      this.#became(row, 'ended')
      Object.assign(row, { waiting: 0, reason: '', detailSeq: -1 })
      this.over.set(id, row)
      const [oldest] = this.over.keys()
      if (this.over.size > OVER_MAX) this.over.delete(oldest)
    }
    this.wantsEnded ||= gone.length > 0
    this.wantsOrder ||= Boolean(changed.length || gone.length)
    this.#later()
    this.changed()
  }

  /** @param {Row} row @param {string} state */
  #became(row, state) {
    if (row.state === state) return
    const { matching } = this
    matching[row.state] = Math.max(0, (matching[row.state] ?? 0) - 1)
    matching[state] = (matching[state] ?? 0) + 1
    Object.assign(row, { state, attention: '' })
  }

  #later() {
    if (this.timer) return
    this.timer = setTimeout(() => {
      this.timer = 0
      this.#orderIfDue()
      void this.#details()
      if (this.wantsEnded && Date.now() - this.endedAskedAt >= ENDED_EVERY_MS) void this.readEnded()
      if (this.wantsEnded || this.wantsOrder || this.wanted.size) this.#later()
    }, DETAILS_EVERY_MS)
  }

  #orderIfDue() {
    const every = this.query.q ? SEARCH_EVERY_MS : ORDER_EVERY_MS
    if (this.wantsOrder && !this.isHeld && Date.now() - this.orderedAt >= every) this.putInOrder()
  }

  /** Makes the order anew: what changed is where it belongs. */
  putInOrder() {
    this.wantsOrder = false
    this.orderedAt = Date.now()
    this.newer.clear()
    const { state, sort, q } = this.query
    if (state !== 'ended') for (const [id, row] of this.rows) if (row.state === 'ended') this.rows.delete(id)
    let rows = [...this.rows.values()]
    if (state === 'live') rows = rows.filter((row) => row.state === 'live')
    if (state === 'down') rows = rows.filter((row) => DOWN.has(row.state))
    if (!q || sort !== 'activity') rows.sort(ORDERS[sort] ?? ORDERS.activity)
    this.order = rows.map((row) => row.id)
    this.changed()
  }

  /** @param {boolean} isHeld whether the order is fixed: the pointer or the focus is in the list */
  hold(isHeld) {
    if (isHeld === this.isHeld) return
    this.isHeld = isHeld
    if (!isHeld) this.#later()
    this.changed()
  }

  /** @param {string[]} ids the rows on the screen */
  see(ids) {
    for (const id of ids) {
      const row = this.rows.get(id)
      if (row && row.detailSeq !== row.seq) this.wanted.add(id)
    }
    if (this.wanted.size) this.#later()
  }

  async #details() {
    if (this.isAsking || !this.wanted.size) return
    const ids = new Set([...this.wanted].slice(-IDS_MAX))
    const ended = [...this.rows.values()].filter((row) => row.state === 'ended' && ids.delete(row.id))
    this.wanted.clear()
    this.isAsking = true
    const epoch = this.epoch
    try {
      await Promise.all(ended.map((row) => this.#end(row)))
      const page = ids.size && (await this.list({ ids: [...ids].join(), limit: String(IDS_MAX) }))
      if (epoch !== this.epoch) return
      for (const one of page ? page.sessions : []) this.#detail(rowOf(one))
      this.changed()
    } catch {
      // the next change asks again
    } finally {
      this.isAsking = false
    }
  }

  /** @param {Row} row */
  async #end(row) {
    row.detailSeq = row.seq
    Object.assign(row, await this.endOf(row))
  }

  /** @param {Row} row */
  #detail(row) {
    const known = this.rows.get(row.id)
    if (known?.state === 'ended') return
    if (known) Object.assign(known, row, { seq: Math.max(known.seq, row.seq) })
    else if (!this.query.q && this.query.state !== 'ended') {
      this.rows.set(row.id, row)
      this.seen.set(row.id, 0)
      this.newer.add(row.id)
      this.wantsOrder = true
    }
  }

  /** @param {string} id @param {number} seq the newest that was looked at */
  look(id, seq) {
    if ((this.seen.get(id) ?? 0) < seq) {
      this.seen.set(id, seq)
      this.changed()
    }
  }

  /** @param {Row} row @returns {number} events since it was looked at */
  unread(row) {
    return Math.max(0, row.seq - (this.seen.get(row.id) ?? row.seq))
  }

  /** @param {string} key a name, or `~` and an id @returns {Row | undefined} */
  find(key) {
    if (key.startsWith('~')) return this.rows.get(key.slice(1))
    for (const row of this.rows.values()) if (row.name === key && row.state !== 'ended') return row
    return undefined
  }
}
