/**
 * A conversation as it is drawn, made from the events of a guest session. Pure: events in, items
 * out, in any portions and with repetitions.
 *
 * The guest's own message has three events: `accepted`, its `delivery`, and its echo, in any order
 * after the first. It stands where its echo stands, which is the conversation's order for everybody;
 * without an echo it waits at the end, and where it was refused it stays where it was accepted.
 */
import { words } from '../text.js'
import { instant } from '../time.js'

/** @typedef {Record<string, any>} GuestEvent */

/**
 * @typedef {object} Item
 * @property {string} key
 * @property {'message' | 'line'} kind
 * @property {number} seq its place
 * @property {number} at ms
 * @property {boolean} [mine]
 * @property {string} [text]
 * @property {string} [tone] of a line: "", warn or bad
 * @property {string} [sender]
 * @property {boolean} [bot]
 * @property {boolean} [late]
 * @property {any[]} [content]
 * @property {string} [id]
 * @property {string} [action] send, reply, attach
 * @property {string} [command] its command_id
 * @property {number} [acceptedAt]
 * @property {number} [echoSeq] 0: no echo yet
 * @property {GuestEvent} [delivery]
 * @property {GuestEvent} [upload]
 * @property {GuestEvent} [payload] what was chosen
 * @property {{lost: number, restored: number}} [outage] a lost connection; `restored` 0: not back yet
 * @property {number} [acceptedSeq]
 * @property {number} [shownAt] when guestd had it, ms
 */

const PENDING = Number.MAX_SAFE_INTEGER

const SAID = new Set(['send', 'reply', 'attach'])

export class Transcript {
  constructor() {
    /** @type {Map<string, Item>} */
    this.items = new Map()
    /** @type {Set<number>} */
    this.seqs = new Set()
    this.lastSeq = 0
    /** @type {{until: number, sender: string} | null} */
    this.typing = null
    this.state = ''
    this.reason = ''
    this.readOnly = false
    /** Whether it was asked to end. */
    this.isEnding = false
    /** The kinds that this page does not know, with how many there were. @type {Map<string, number>} */
    this.unknown = new Map()
    this.agent = ''
    /** @type {Item | null} */
    this.outage = null
    /** @type {Item[] | null} */
    this.sorted = null
  }

  /**
   * @param {GuestEvent} event
   * @returns {boolean} whether it was new
   */
  apply(event) {
    if (event.seq && this.seqs.has(event.seq)) return false
    if (event.seq) this.seqs.add(event.seq)
    this.lastSeq = Math.max(this.lastSeq, event.seq ?? 0)
    this.sorted = null
    const at = instant(event.at) || instant(event.time)
    switch (event.kind) {
      case 'message': this.#message(event, at); break
      case 'accepted': this.#accepted(event, at); break
      case 'delivery': this.#own(event.command_id).delivery = { ...event, at }; break
      case 'attachment': this.#own(event.command_id).upload = event; break
      case 'typing': this.#typing(event, at); break
      case 'session': this.#session(event, at); break
      case 'presence': this.#presence(event, at); break
      case 'gap': this.#line(event, at, `Something is missing here: ${event.reason}`, 'warn'); break
      case 'receipt': break
      default:
        this.unknown.set(event.kind, (this.unknown.get(event.kind) ?? 0) + 1)
        this.#line(event, at, JSON.stringify(event))
    }
    return true
  }

  /** @param {string} command @returns {Item} */
  #own(command) {
    const key = `c:${command}`
    let item = this.items.get(key)
    if (!item) {
      item = { key, kind: 'message', mine: true, seq: PENDING, at: 0, text: '', command, content: [], echoSeq: 0 }
      this.items.set(key, item)
    }
    return item
  }

  /** @param {GuestEvent} event @param {number} at */
  #accepted(event, at) {
    if (event.action === 'end') {
      this.isEnding = true
      this.#line(event, at, 'Asked to end')
    }
    if (!SAID.has(event.action)) return
    const item = this.#own(event.command_id)
    item.acceptedAt = at || item.acceptedAt
    item.action = event.action
    item.acceptedSeq = event.seq
    if (!item.echoSeq) Object.assign(item, { text: event.text, at: at || item.at })
  }

  /** @param {GuestEvent} event @param {number} at */
  #message(event, at) {
    const mine = event.direction === 'Inbound'
    const item = mine && event.command_id
      ? this.#own(event.command_id)
      : /** @type {Item} */ ({ key: `m:${event.seq}`, kind: 'message', mine })
    Object.assign(item, {
      seq: event.seq, echoSeq: event.seq, at: instant(event.time) || at, shownAt: at, id: event.id, text: event.text,
      content: Array.isArray(event.content) ? event.content : [], sender: event.sender,
      bot: event.bot, late: event.late,
    })
    this.items.set(item.key, item)
    if (!mine) {
      this.typing = null
      this.agent = event.sender || this.agent
    }
  }

  /** @param {GuestEvent} event @param {number} at */
  #typing(event, at) {
    const from = at || Date.now()
    this.typing = event.on ? { until: from + (event.duration_ms || 5000), sender: this.agent } : null
  }

  /** @param {GuestEvent} event @param {number} at */
  #session(event, at) {
    this.state = event.state
    this.reason = event.reason ?? ''
    this.readOnly = Boolean(event.read_only)
    this.typing = null
    if (event.state === 'live' && this.outage) {
      this.outage.outage = { lost: this.outage.at, restored: at || this.outage.at }
      this.outage = null
    } else if (event.state === 'live') {
      this.#line(event, at, event.read_only ? 'Live, read only' : 'Live')
    } else if (event.state === 'resting') {
      this.outage ??= Object.assign(this.#line(event, at, event.reason ?? '', 'warn'), { outage: { lost: at, restored: 0 } })
    } else if (event.state === 'ended') {
      this.outage = null
      this.#line(event, at, `Ended: ${words(event.reason)}`)
    } else if (event.state === 'leaving') this.#line(event, at, 'Says goodbye to the platform')
  }

  /** @param {GuestEvent} event @param {number} at */
  #presence(event, at) {
    const said = /** @type {Record<string, string>} */ ({
      Join: 'The conversation began',
      Disconnect: 'The other side ended the conversation',
      Clear: 'The conversation was cleared',
      SignIn: 'The guest signed in',
    })[event.presence] ?? event.presence
    this.#line(event, instant(event.time) || at, event.read_only ? `${said}; it is read only now` : said)
  }

  /**
   * @param {GuestEvent} event @param {number} at @param {string} text @param {string} [tone]
   * @returns {Item}
   */
  #line(event, at, text, tone = '') {
    const item = /** @type {Item} */ ({ key: `l:${event.seq}`, kind: 'line', seq: event.seq, at, text, tone })
    this.items.set(item.key, item)
    return item
  }

  /** The items in the conversation's order, but for the ends of what was said before. @returns {Item[]} */
  list() {
    if (this.sorted) return this.sorted
    const place = (/** @type {Item} */ item) => {
      if (item.kind === 'line' || item.echoSeq) return item.seq
      const status = item.delivery?.status
      return status === 'failed' || status === 'uncertain' ? item.acceptedSeq ?? PENDING : PENDING
    }
    const items = [...this.items.values()].filter((item) => item.kind === 'line' || item.echoSeq || item.acceptedSeq)
    this.sorted = linesByTime(items.sort((a, b) => place(a) - place(b) || (a.acceptedSeq ?? 0) - (b.acceptedSeq ?? 0)))
    return this.sorted
  }

  /**
   * What the guest chose from the choices of an item: the text of the next own answer.
   * @param {Item} offer
   * @returns {Item | undefined}
   */
  answerTo(offer) {
    const all = this.list()
    const chosen = (/** @type {Item} */ item) => item.mine && (item.action === 'reply' || isChoice(item))
    return all.slice(all.indexOf(offer) + 1).find(chosen)
  }
}

/**
 * A line stands below the messages of before it that were read from the history after it.
 * @param {Item[]} items in the journal's order
 * @returns {Item[]}
 */
function linesByTime(items) {
  /** @type {Item[]} */
  const placed = []
  /** @type {Item[]} */
  const lines = []
  for (const item of items) {
    if (item.kind === 'line') lines.push(item)
    else {
      while (lines.length && !(item.echoSeq && item.at < lines[0].at)) placed.push(...lines.splice(0, 1))
      placed.push(item)
    }
  }
  return [...placed, ...lines]
}

/** @param {Item} item */
const isChoice = (item) => Boolean(item.content?.some((part) => part?.contentType === 'ButtonResponse'))

/** Less than this is not worth two figures. */
const DIFFER_MS = 100

/**
 * How long it took: since it was accepted, and, where that differs, since it was last sent.
 * @param {GuestEvent} delivery
 * @param {number | undefined} acceptedAt
 * @param {(ms: number) => string} duration
 */
function times({ at, took_ms: took, latency_ms: latency, attempts = 0 }, acceptedAt, duration) {
  const whole = latency ?? (acceptedAt && at ? at - acceptedAt : null)
  if (took == null || whole == null) return took == null && whole == null ? '' : ` in ${duration(took ?? whole)}`
  if (attempts > 1) return ` after ${duration(whole)}, ${attempts} tries, the last took ${duration(took)}`
  return whole - took < DIFFER_MS ? ` in ${duration(took)}` : ` after ${duration(whole)}, ${duration(took)} after it was sent`
}

/**
 * The state of an own message, in words and as a mark.
 * @param {Item} item
 * @param {number} now
 * @param {(ms: number) => string} duration
 * @param {boolean} [isDown] its session is not connected
 * @returns {{mark: 'ok' | 'wait' | 'bad' | 'unsure', words: string}}
 */
export function deliveryOf(item, now, duration, isDown) {
  const { delivery, upload } = item
  const tries = upload && upload.attempt > 1 ? `, try ${upload.attempt} of the upload` : ''
  switch (delivery?.status) {
    case 'confirmed': {
      return { mark: 'ok', words: `confirmed${times(delivery, item.acceptedAt, duration)}${tries}` }
    }
    case 'sent': return { mark: 'ok', words: 'sent' }
    case 'failed': return { mark: 'bad', words: `failed: ${(delivery.reason || delivery.code || '').replace(/\w+$/, words)}` }
    case 'uncertain': return { mark: 'unsure', words: `uncertain: ${delivery.reason || 'it may have arrived'}` }
  }
  if (item.echoSeq) return { mark: 'ok', words: 'confirmed' }
  const since = !now ? ', and the session has ended' : item.acceptedAt ? `, for ${duration(now - item.acceptedAt)}` : ''
  if (upload) return { mark: 'wait', words: `${words(upload.status)}${upload.reason ? `: ${upload.reason}` : ''}${since}` }
  const then = !now ? '' : isDown ? '; sent, or looked up in the history, when the connection is back' : '; looked up in the history if no echo comes'
  return { mark: 'wait', words: `accepted, not confirmed yet${since}${then}` }
}
