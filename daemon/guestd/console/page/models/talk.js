/** One guest session that is looked at: its events as they come, and what can be done in it. */
import { ask, newId, Problem, request, ROOT, tokensInUse } from '../api.js'
import { connect } from '../client.js'
import { subscribe } from '../live.js'
import { LiveSource } from '../store.js'
import { instant } from '../time.js'
import { earlierOf, readSession } from './guest.js'
import { Transcript } from './transcript.js'

/** How many events are read at first, and how many older ones on demand. */
const EVENTS_READ = 400

export class Talk extends LiveSource {
  /** @param {string} key a name, or `~` and an id */
  constructor(key) {
    super()
    this.key = key
    /** @type {Record<string, any> | null} */
    this.session = null
    this.transcript = new Transcript()
    /** @type {Record<string, any>[]} */
    this.events = []
    /** Of more than these the oldest go, and can be read again. */
    this.eventsMax = 2000
    /** @type {any} */
    this.problem = null
    this.isLoading = true
    /** Seqs before this one have not been read. */
    this.firstSeq = 0
    /** @type {Record<string, any>[]} */
    this.earlier = []
    this.isStale = false
    /** Of the newest that was sent from here. */
    this.sentSeq = 0
    this.stop = () => {}
    /** Told of each new state. */
    this.onState = () => {}
    this.isClosed = false
    /** As any frontend: it comes back by seq and sends again by command_id. @type {import('../client.js').GuestSession | null} */
    this.client = null
  }

  /** What the API calls it. */
  get id() {
    return this.session?.session_id ?? this.key.replace(/^~/, '')
  }

  get name() {
    return this.session?.name ?? (this.key.startsWith('~') ? '' : this.key)
  }

  get isOver() {
    return this.state === 'ended'
  }

  /** It was asked to end, and still has something to settle. */
  get isEnding() {
    return this.transcript.isEnding && !this.isOver
  }

  get state() {
    return this.transcript.state === 'ended' ? 'ended' : this.session?.state ?? ''
  }

  async open() {
    try {
      this.session = await readSession(this.key, this.session?.session_id)
      this.problem = null
      if (this.isClosed) return
      const seq = this.session?.seq ?? 0
      this.firstSeq = Math.max(0, seq - EVENTS_READ)
      this.#follow(this.firstSeq)
    } catch (error) {
      this.problem = error
    }
    this.earlier = await earlierOf(this.name, this.session?.session_id)
    this.isLoading = false
    this.changed()
  }

  /** Asks what has become of it: a daemon that was started anew may know it as ended, or not at all. */
  async check() {
    if (!this.session || this.isOver) return
    try {
      const found = await readSession(this.key, this.session?.session_id)
      if (found.state === 'ended') this.#isGone(found)
      else Object.assign(this.session, found)
      this.changed()
    } catch (error) {
      if (error instanceof Problem && error.status === 404) this.#isGone({})
    }
  }

  /** It ended while nothing of it was heard. @param {Record<string, any>} found what is known of it */
  #isGone(found) {
    if (this.isClosed || this.isOver || !this.session) return
    const stop = this.stop
    this.client = null
    this.#followByApi(this.transcript.lastSeq)
    stop()
    Object.assign(this.session, found, { state: 'ended' })
    this.#staleIs(false)
  }

  #path(rest = '') {
    return `v1/sessions/${encodeURIComponent(this.id)}${rest}`
  }

  /** @param {number} after */
  #follow(after) {
    if (this.isOver) {
      this.#followByApi(after)
      return
    }
    const tokens = tokensInUse()
    const client = connect({ url: ROOT, guest: this.name, create: false, since: after, token: tokens.simulator || undefined, apiToken: tokens.api || undefined, whenDown: 'queue' })
    this.client = client
    this.stop = () => client.close()
    client.on('event', (/** @type {any} */ event) => this.take(event))
    client.on('error', () => {})
    client.ended.catch(() => {})
    client.on('connection', ({ status }) => {
      if (this.client !== client) return
      this.#staleIs(status === 'down')
      if (status === 'ended' && !this.isOver) void this.#lost()
      if (status === 'closed' && !this.isClosed) this.#followByApi(this.transcript.lastSeq || after)
    })
  }

  /** The simulator says that it has ended, and not how. */
  async #lost() {
    await this.check()
    this.#isGone({})
  }

  /** What has ended, and where the simulator's token is another one. @param {number} after */
  #followByApi(after) {
    this.client = null
    this.stop = subscribe('events', { session: this.id, after }, {
      data: (event) => this.take(event),
      stale: (is) => this.#staleIs(is),
      failed: () => void this.check(),
      after: () => this.transcript.lastSeq,
    })
  }

  /** @param {boolean} is */
  #staleIs(is) {
    this.isStale = is
    this.changed()
  }

  /** @param {Record<string, any>} event */
  take(event) {
    if (!(event.seq > this.firstSeq) || !this.transcript.apply(event)) return
    const last = this.events[this.events.length - 1]
    this.events.push(event)
    if (last && last.seq > event.seq) this.events.sort((a, b) => a.seq - b.seq)
    if (this.events.length > this.eventsMax) this.#draw(this.events[EVENTS_READ].seq - 1, this.events.slice(EVENTS_READ))
    if (event.kind === 'session' && this.session) {
      if (event.state !== this.session.state) this.session.state_since = event.at
      Object.assign(this.session, { state: event.state, read_only: event.read_only, seq: event.seq })
      if (event.state === 'ended') this.session.ended_at = event.at
      if (event.state === 'live') void this.#again()
      this.onState()
    }
    this.isLoading = false
    this.changed()
  }

  /** What a session says of itself changes with its life: its end, the size of its files. */
  async #again() {
    try {
      const found = await ask('GET', this.#path())
      if (this.session && this.state !== 'ended') Object.assign(this.session, found)
      this.changed()
    } catch {
      // the next one will tell
    }
  }

  /** Reads what came before the first event that is here. */
  async readEarlier() {
    this.eventsMax += EVENTS_READ
    const after = Math.max(0, this.firstSeq - EVENTS_READ)
    const found = /** @type {any[]} */ ([])
    for (let next = after, page; next < this.firstSeq; next = page.next) {
      page = await ask('GET', this.#path('/events'), { query: { after: next, limit: this.firstSeq - next } })
      found.push(...page.events)
      if (!page.more) break
    }
    this.#draw(after, [...found.filter(({ seq }) => seq <= this.firstSeq), ...this.events])
    this.acted()
  }

  /** The conversation anew. @param {number} firstSeq @param {Record<string, any>[]} events after it */
  #draw(firstSeq, events) {
    const transcript = Object.assign(new Transcript(), { isEnding: this.transcript.isEnding })
    for (const event of events) transcript.apply(event)
    Object.assign(this, { firstSeq, events, transcript })
  }

  close() {
    this.isClosed = true
    this.stop()
  }

  // ------------------------------------------------------------------ what can be done

  /** Whether a message would reach the platform now, or later. */
  get canWrite() {
    return Boolean(this.session) && !this.isOver && !this.session?.read_only
  }

  /** @param {string} text */
  async send(text) {
    if (this.client) return this.#given(this.client.send(text), { action: 'send', text })
    return this.#posted({ text, command_id: newId(), when_down: 'queue' }, { action: 'send', text })
  }

  /** @param {string} type @param {string} text @param {string} payload @param {string} messageId */
  async reply(type, text, payload, messageId) {
    const heard = { action: 'reply', text }
    if (this.client) return this.#given(this.client.reply({ type, text, payload, inReplyTo: messageId }), heard)
    const reply = { type, choices: [{ text, payload }], ...(messageId && { in_reply_to: messageId }) }
    return this.#posted({ reply, command_id: newId(), when_down: 'queue' }, heard)
  }

  /**
   * @param {import('../client.js').Command} command
   * @param {Record<string, any>} heard as it will be heard
   */
  async #given(command, heard) {
    command.confirmed.catch(() => {}) // its delivery is drawn
    const { seq } = await command.accepted
    return this.#soon({ ...heard, command_id: command.commandId, seq })
  }

  /** @param {Record<string, any>} body @param {Record<string, any>} heard */
  async #posted(body, heard) {
    const { seq } = await ask('POST', this.#path('/messages'), { body })
    return this.#soon({ ...heard, command_id: body.command_id, seq })
  }

  /** Shows what was accepted, before its event comes. @param {Record<string, any>} heard */
  #soon(heard) {
    this.take({ kind: 'accepted', at: Date.now(), ...heard })
    this.sentSeq = Math.max(this.sentSeq, heard.seq ?? 0)
    this.acted()
    return heard
  }

  /** @param {File} file */
  async attach(file) {
    if (this.client) {
      const command = this.client.upload(file, { filename: file.name })
      command.confirmed.catch(() => {})
      return command.accepted
    }
    return request('POST', this.#path('/attachments'), {
      query: { filename: file.name, when_down: 'queue' }, raw: file,
      headers: { 'Content-Type': file.type || 'application/octet-stream', 'Idempotency-Key': newId() },
    })
  }

  typing() {
    if (this.client) this.client.typing()
    else ask('POST', this.#path('/typing'), { body: {} }).catch(() => {})
  }

  /** @param {Record<string, string>} attributes */
  async setAttributes(attributes) {
    await ask('PUT', this.#path('/context'), { body: { context: attributes } })
    if (this.session) this.session.attributes = attributes
    this.acted()
    return true
  }

  end() {
    return ask('DELETE', this.#path())
  }

  /** Closes our own connection and lets the session come back. @param {'close' | 'abort'} how */
  reconnect(how) {
    return ask('POST', this.#path('/reconnect'), { body: { how } })
  }

  /** When its agreed time is over, ms. */
  get endsAt() {
    return instant(this.session?.expires_at) || instant(this.session?.ends_at)
  }

  get openedAt() {
    return instant(this.session?.opened_at)
  }

  get isMissing() {
    return this.problem instanceof Problem && this.problem.status === 404
  }
}
