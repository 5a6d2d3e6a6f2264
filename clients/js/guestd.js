/**
 * Talk as a guest through guestd's simulator, from a browser or from Node.
 *
 * Connections are lost, and what is in them with them. Two rules make that harmless:
 *
 * - Events have a `seq` without holes. The client remembers the last one that it has shown and
 *   asks, on the next connection, for what came after it. So no event is missed or shown twice.
 * - Commands have a `command_id` drawn here. What was not answered is sent again on the next
 *   connection with the same id, and guestd does it once, however often it is asked. So no message
 *   is lost or said twice.
 *
 * A name is not a guest session: when one has ended, the next of that name is another. So a client
 * that comes back says `create=false`, and compares the session's id with the one it knew, before
 * it sends anything again.
 */

const QUEUE_MAX = 1000
const ANSWER_MS = 30_000
const HELLO_MS = 15_000
const CLOSE_MS = 100 // from a socket's error to its close
const REASON_MS = 5000
const UPLOAD_TRIES_MAX = 8
/** Refused with 1008, but not for ever. */
const TEMPORARY = new Set(['draining', 'overloaded', 'rate_limited', 'limit_exceeded', 'not_ready'])
const TEMPORARY_STATUS = new Set([408, 425, 429, 500, 502, 503, 504])
const GOING_AWAY = 1013
/**
 * By the status of a handshake that no further try changes.
 * @type {Record<number, string>}
 */
const FINAL = { 401: 'unauthorized', 403: 'refused', 404: 'not_found', 421: 'no_such_host' }

/** @typedef {import("./guestd.js").ConnectOptions} ConnectOptions */
/** @typedef {import("./guestd.js").Command} Command */
/**
 * @typedef {{resolve: (value: any) => void, reject: (error: Error) => void, promise: Promise<any>}}
 * Deferred
 */
/** @typedef {{frame: Record<string, unknown>, accepted: Deferred, sentAt: number}} Waiting */

/** Why something was refused or has failed: `code` is guestd's stable word for it. */
export class GuestdError extends Error {
  /**
   * @param {string} code
   * @param {string} message
   * @param {Record<string, unknown>} [more]
   */
  constructor(code, message, more = {}) {
    super(message)
    this.name = 'GuestdError'
    this.code = code
    Object.assign(this, more)
  }
}

/**
 * A guest session, created or picked by its name; it connects by itself until it is closed,
 * refused, or over.
 * @param {ConnectOptions} options
 */
export function connect(options) {
  return new GuestSession(options)
}

export class GuestSession {
  /** @type {Map<string, Set<(event: any) => void>>} */ #listeners = new Map()
  /**
   * Commands without an answer, in the order in which they were given.
   * @type {Map<string, Waiting>}
   */
  #waiting = new Map()
  /**
   * Messages whose outcome is not known.
   * @type {Map<string, Deferred>}
   */
  #unconfirmed = new Map()
  /** @type {WebSocket | undefined} */ #socket
  /** @type {ReturnType<typeof setTimeout> | undefined} */ #timer
  /** @type {ReturnType<typeof setInterval> | undefined} */ #watch
  /** @type {GuestdError | undefined} */ #refused
  /** @type {AbortController | undefined} */ #asking
  #tries = 0
  #opened = false
  #greeted = false
  #wasUp = false
  #trouble = '' // in the socket's words
  #helloSeq = 0
  #fileBytesMax = 0
  #limitMayBeOld = false // the platform may have said another one since
  /** @type {ConnectOptions} */ #options
  /** @type {URL} */ #url
  /** @type {Deferred} */ #known = deferred()
  /** @type {Deferred} */ #over = deferred()
  #online = () => this.#retryNow()

  /** @param {ConnectOptions} options */
  constructor(options) {
    this.#options = options
    this.#url = baseOf(options.url)
    /** Its name. */
    this.guest = options.guest ?? `guest-${drawId(8)}`
    /** The session's id, "" until it is known. */
    this.session = options.cursor?.session ?? ''
    /**
     * The seq of the last event that was shown.
     * @type {number | undefined}
     */
    this.seq = options.cursor?.seq ?? options.since
    /** The guest session's state, "" until it is known. */
    this.state = ''
    /** What the connection to guestd does: connecting, up, down, ended or closed. */
    this.connection = /** @type {import("./guestd.js").ConnectionStatus} */ ('connecting')
    globalThis.addEventListener?.('online', this.#online)
    this.#dial()
  }

  /** The largest file that the guest session took when it said hello, in bytes; 0: none. */
  get fileBytesMax() {
    return this.#fileBytesMax
  }

  /** What to give as `cursor` to go on from here, in another page for instance. */
  get cursor() {
    return { session: this.session, seq: this.seq ?? 0 }
  }

  /** How many commands wait for an answer. */
  get waiting() {
    return this.#waiting.size
  }

  /** When the guest session is over; rejected if this client was closed or refused before. */
  get ended() {
    return this.#over.promise
  }

  // -- what happens

  /**
   * @param {string} kind
   * @param {(event: any) => void} listener
   * @returns {() => void} takes it off again
   */
  on(kind, listener) {
    const all = this.#listeners.get(kind) ?? new Set()
    this.#listeners.set(kind, all.add(listener))
    return () => {
      all.delete(listener)
    }
  }

  /**
   * The next event of that kind, for which `test` is true.
   * @param {string} kind
   * @param {(event: any) => boolean} [test]
   * @param {number} [timeoutMs]
   * @returns {Promise<any>}
   */
  next(kind, test = () => true, timeoutMs = 0) {
    return new Promise((resolve, reject) => {
      const off = this.on(kind, event => {
        if (test(event)) done(() => resolve(event))
      })
      const late = () =>
        done(() => reject(new GuestdError('timeout', `no ${kind} came within ${timeoutMs} ms`)))
      const timer = timeoutMs ? setTimeout(late, timeoutMs) : undefined
      const offEnd = this.on('connection', ({ status, error }) => {
        if (status === 'ended' || status === 'closed')
          done(() => reject(error ?? new GuestdError(status, `the guest session is ${status}`)))
      })
      /** @param {() => void} then */
      const done = then => {
        off()
        offEnd()
        clearTimeout(timer)
        then()
      }
    })
  }

  /**
   * @param {string} kind
   * @param {unknown} event
   */
  #tell(kind, event) {
    for (const listener of [...(this.#listeners.get(kind) ?? [])]) {
      try {
        listener(event)
      } catch (error) {
        // an error of the page's own, which must not cost the other listeners their event
        queueMicrotask(() => {
          throw error
        })
      }
    }
  }

  // -- what a guest does

  /**
   * @param {string} text
   * @param {import("./guestd.js").SendOptions} [options]
   * @returns {Command}
   */
  send(text, options = {}) {
    return this.#message({ action: 'send', text }, options)
  }

  /**
   * @param {import("./guestd.js").Choice} choice
   * @param {import("./guestd.js").SendOptions} [options]
   * @returns {Command}
   */
  reply({ type = 'QuickReply', text, payload, inReplyTo }, options = {}) {
    return this.#message(
      { action: 'reply', type, text, payload: payload ?? text, in_reply_to: inReplyTo },
      options,
    )
  }

  /** @param {Record<string, unknown>} data */
  context(data) {
    return this.#command({ action: 'context', data })
  }

  /** Not sent again: what the guest typed a while ago says nothing now. */
  typing() {
    if (this.connection === 'up') this.#write({ action: 'typing' })
  }

  /**
   * Withdraw an upload that was not sent yet.
   * @param {string} commandId
   */
  withdraw(commandId) {
    return this.#command({ action: 'withdraw', target: commandId })
  }

  /**
   * A fresh download URL of a file.
   * @param {string} attachmentId
   */
  link(attachmentId) {
    return this.#command({ action: 'link', attachment_id: attachmentId }).then(
      answer => answer.result,
    )
  }

  /** End the conversation. Fulfilled when it has ended, rejected if that was refused. */
  end() {
    const ended = this.#command({ action: 'end' }).then(() => this.ended)
    ended.catch(() => {})
    return ended
  }

  /** Leave. The conversation goes on without this client; `end` ends it. */
  close() {
    if (!this.#isOver) this.#finish('closed', new GuestdError('closed', 'the client was closed'))
  }

  get #isOver() {
    return this.connection === 'ended' || this.connection === 'closed'
  }

  /**
   * @param {Record<string, unknown>} frame
   * @param {import("./guestd.js").SendOptions} options
   * @returns {Command}
   */
  #message(frame, options) {
    return this.#confirmed(options.commandId, command_id =>
      this.#command({ ...frame, command_id, when_down: options.whenDown }),
    )
  }

  /**
   * A command whose outcome is told later, by a `delivery`.
   * @param {string | undefined} given
   * @param {(commandId: string) => Promise<any>} give
   * @returns {Command}
   */
  #confirmed(given, give) {
    const commandId = given ?? drawId()
    const confirmed = deferred()
    if (this.#unconfirmed.has(commandId)) {
      const conflict = new GuestdError('conflict', `${commandId} is under way; draw a new id`)
      this.#reject(commandId, conflict, confirmed)
      return { commandId, accepted: confirmed.promise, confirmed: confirmed.promise }
    }
    this.#unconfirmed.set(commandId, confirmed)
    const accepted = give(commandId)
    accepted.catch(error => {
      if (this.#unconfirmed.get(commandId) !== confirmed) return // it was told already
      this.#unconfirmed.delete(commandId)
      this.#reject(commandId, error, confirmed)
    })
    return { commandId, accepted, confirmed: confirmed.promise }
  }

  /**
   * Sent now, or on the next connection, and again until it is answered.
   * @param {Record<string, unknown>} given
   * @returns {Promise<any>}
   */
  #command(given) {
    const frame = { command_id: drawId(), ...given }
    const accepted = deferred()
    const max = this.#options.queueMax ?? QUEUE_MAX
    if (this.#isOver) {
      this.#fail(frame.command_id, this.#refused, accepted)
    } else if (this.#waiting.size >= max) {
      const full = `${max} commands wait for an answer already; send fewer at once`
      this.#fail(frame.command_id, new GuestdError('queue_full', full), accepted)
    } else {
      const waiting = { frame, accepted, sentAt: 0 }
      this.#waiting.set(frame.command_id, waiting)
      if (this.connection === 'up') this.#give(waiting)
    }
    return accepted.promise
  }

  /**
   * Neither answered nor confirmed any more.
   * @param {string} commandId
   * @param {any} why
   * @param {Deferred | undefined} accepted
   */
  #fail(commandId, why, accepted) {
    const confirmed = this.#unconfirmed.get(commandId)
    this.#unconfirmed.delete(commandId)
    const error = new GuestdError(why.code, why.message, why)
    this.#reject(commandId, error, accepted, confirmed)
  }

  /**
   * Nobody may wait for the promises, so it is an event too; told when the caller has returned.
   * @param {string} commandId
   * @param {any} error
   * @param {(Deferred | undefined)[]} promises
   */
  #reject(commandId, error, ...promises) {
    for (const one of promises) one?.reject(error)
    if (!(error instanceof GuestdError)) return // an upload that its caller has given up
    Object.assign(error, { commandId })
    queueMicrotask(() => this.#tell('error', error))
  }

  // -- files

  /**
   * Over HTTP, because a file may be large; again, with the same id, while guestd is away.
   * @param {Blob | ArrayBuffer | Uint8Array} file
   * @param {import("./guestd.js").UploadOptions} [options]
   * @returns {Command}
   */
  upload(file, options = {}) {
    return this.#confirmed(options.commandId, id => this.#upload(file, options, id))
  }

  /**
   * @param {any} file
   * @param {import("./guestd.js").UploadOptions} options
   * @param {string} commandId
   */
  async #upload(file, options, commandId) {
    const over = this.#isOver && this.#refused
    if (over) throw new GuestdError(over.code, over.message, { ...over })
    await this.#known.promise
    const size = file.size ?? file.byteLength
    if (this.#fileBytesMax && size > this.#fileBytesMax && !this.#limitMayBeOld) {
      throw new GuestdError(
        'too_large',
        `the file has ${size} bytes, the limit is ${this.#fileBytesMax}; send a smaller one`,
      )
    }
    const path = `v1/sessions/${encodeURIComponent(this.session)}/attachments`
    const url = new URL(path, httpOf(this.#url))
    url.searchParams.set('filename', options.filename ?? file.name ?? 'file')
    if (options.caption) url.searchParams.set('caption', options.caption)
    if (options.whenDown) url.searchParams.set('when_down', options.whenDown)
    /** @type {Record<string, string>} */
    const headers = {
      'Content-Type': options.contentType || file.type || 'application/octet-stream',
      'Idempotency-Key': commandId,
    }
    if (this.#options.apiToken) headers.Authorization = `Bearer ${this.#options.apiToken}`
    for (let tries = 1; ; tries++) {
      const found = await this.#post(url, headers, file, options)
      if (found.status === 202) return { seq: found.body.seq }
      const temporary = found.status === 0 || TEMPORARY_STATUS.has(found.status)
      if (!temporary || tries >= UPLOAD_TRIES_MAX || this.connection === 'closed')
        throw refusalOf(found)
      await pause(Math.max(this.#backoffMs(tries), found.retryAfterMs), options.signal)
    }
  }

  /**
   * One try; status 0: guestd was not reached.
   * @param {URL} url
   * @param {Record<string, string>} headers
   * @param {any} file
   * @param {import("./guestd.js").UploadOptions} options
   */
  async #post(url, headers, file, options) {
    const { signal, onProgress } = options
    signal?.throwIfAborted()
    const Request = this.#options.XMLHttpRequest ?? globalThis.XMLHttpRequest
    if (onProgress && Request)
      return postWithProgress(new Request(), url, headers, file, onProgress, signal)
    try {
      const send = this.#options.fetch ?? globalThis.fetch
      const answer = await send(url, { method: 'POST', headers, body: file, signal })
      const size = file.size ?? file.byteLength
      onProgress?.({ sent: size, size })
      return outcome(answer.status, answer.headers.get('Retry-After'), await answer.text())
    } catch (error) {
      signal?.throwIfAborted()
      return outcome(0, null, String(error))
    }
  }

  // -- the connection

  #dial() {
    if (this.#isOver) return // a listener has closed it
    const Socket = this.#options.WebSocket ?? globalThis.WebSocket
    if (!Socket)
      throw new GuestdError('no_websocket', 'no WebSocket is here; give one as option WebSocket')
    this.#opened = this.#greeted = false
    this.#refused = undefined
    this.#trouble = ''
    this.#become('connecting')
    if (this.#isOver) return
    const socket = /** @type {WebSocket} */ (new Socket(this.#address()))
    this.#socket = socket
    this.#after(HELLO_MS, () => this.#drop('guestd did not answer in time'))
    socket.onopen = () => {
      if (socket === this.#socket) this.#introduce()
    }
    socket.onmessage = ({ data }) => {
      if (socket === this.#socket) this.#receive(data)
    }
    socket.onclose = ({ code, reason }) => {
      if (socket === this.#socket) this.#lost(code, reason)
    }
    socket.onerror = event => {
      if (socket !== this.#socket) return
      this.#trouble = /** @type {any} */ (event).message ?? ''
      // `onclose` follows, and says more; but not in Node 20 where a handshake fails
      this.#after(CLOSE_MS, () => this.#drop(''))
    }
  }

  #address() {
    const { name, email, token, whenDown, metadata, create } = this.#options
    const address = new URL(this.#url)
    address.searchParams.set('guest', this.guest)
    if (this.seq !== undefined) address.searchParams.set('since', String(this.seq))
    if (this.session || create === false) address.searchParams.set('create', 'false')
    else {
      if (name) address.searchParams.set('name', name)
      if (email) address.searchParams.set('email', email)
      if (metadata) address.searchParams.set('details', 'first_frame')
    }
    if (whenDown) address.searchParams.set('when_down', whenDown)
    if (token) address.searchParams.set('access_token', token)
    return address.href
  }

  /** What the address announced. */
  #introduce() {
    this.#opened = true
    this.#stopAsking()
    const { metadata } = this.#options
    if (metadata && !this.session) this.#write({ action: 'guest', metadata })
  }

  /** @param {string} data */
  #receive(data) {
    let frame
    try {
      frame = JSON.parse(data)
    } catch {
      return this.#tell('error', new GuestdError('bad_frame', 'a frame is not JSON'))
    }
    if (frame.kind === 'hello') this.#hello(frame)
    else if (frame.ok) this.#settle(frame.command_id, frame)
    else if (frame.error !== undefined) this.#failed(frame)
    else if (this.#greeted) this.#event(frame)
  }

  /** @param {import("./guestd.js").HelloEvent} hello */
  #hello(hello) {
    if (this.session && hello.session !== this.session) return this.#replaced(hello.session)
    this.#greeted = this.#wasUp = true
    this.#refused = undefined
    this.#tries = Math.min(this.#tries, 2)
    this.session = hello.session
    this.guest = hello.guest
    this.seq ??= hello.seq
    this.#helloSeq = hello.seq
    this.#fileBytesMax = hello.file_bytes_max
    this.#limitMayBeOld = hello.state !== 'live'
    this.state = hello.state
    clearTimeout(this.#timer)
    this.#known.resolve(hello)
    this.#become('up')
    this.#tell('hello', hello)
    if (this.connection !== 'up') return // a listener has closed it
    for (const waiting of this.#waiting.values()) this.#give(waiting)
    clearInterval(this.#watch)
    const every = this.#options.answerMs ?? ANSWER_MS
    this.#watch = setInterval(() => this.#dropIfUnanswered(every), every / 4)
  }

  /** @param {any} event */
  #event(event) {
    const isOfEvents = event.kind !== 'lagging'
    const goneForEver = event.kind === 'gap' && event.before === ''
    if (isOfEvents && event.seq <= (this.seq ?? 0) && !goneForEver) return
    if (isOfEvents) this.seq = event.seq
    if (event.kind === 'session' && (event.seq > this.#helloSeq || event.state === 'ended')) {
      this.state = event.state
      this.#limitMayBeOld = true
    }
    if (event.kind === 'accepted') this.#settle(event.command_id, { seq: event.seq })
    if (event.kind === 'delivery') this.#delivered(event)
    this.#tell(event.kind, event)
    this.#tell('event', event)
    if (event.kind === 'session' && event.state === 'ended') this.#finish('ended', event)
  }

  /** @param {import("./guestd.js").DeliveryEvent} event */
  #delivered(event) {
    const { command_id: commandId, status, code, reason } = event
    const confirmed = this.#unconfirmed.get(commandId)
    this.#unconfirmed.delete(commandId)
    if (status === 'confirmed' || status === 'sent') confirmed?.resolve(event)
    else confirmed?.reject(new GuestdError(code || status, reason || status, { delivery: event }))
  }

  /**
   * @param {string} commandId
   * @param {any} answer
   */
  #settle(commandId, answer) {
    const waiting = this.#waiting.get(commandId)
    this.#waiting.delete(commandId)
    waiting?.accepted.resolve(answer)
  }

  /** @param {any} frame */
  #failed(frame) {
    const { code, command_id: commandId, field, state, retry_after_ms: retryAfterMs } = frame
    const error = new GuestdError(code, frame.error, { commandId, field, state, retryAfterMs })
    if (code === 'unknown_since') this.seq = 0 // all events of this session follow
    const waiting = this.#waiting.get(commandId)
    this.#waiting.delete(commandId)
    if (waiting) {
      waiting.accepted.reject(error)
      this.#unconfirmed.get(commandId)?.reject(error)
      this.#unconfirmed.delete(commandId)
    }
    if (!this.#greeted) {
      this.#refused = error // the socket is closed next
      if (code === 'not_found' && this.session) return // it has ended, and that is told then
    }
    this.#tell('error', error)
  }

  /** @param {Waiting} waiting */
  #give(waiting) {
    waiting.sentAt = Date.now()
    this.#write(waiting.frame)
  }

  /** @param {Record<string, unknown>} frame */
  #write(frame) {
    if (this.#socket?.readyState === 1) this.#socket.send(JSON.stringify(frame))
  }

  // -- when it is lost

  /**
   * A connection that is dead on the way says nothing; an answer that does not come does.
   * @param {number} withinMs
   */
  #dropIfUnanswered(withinMs) {
    const [oldest] = this.#waiting.values()
    if (oldest?.sentAt && Date.now() - oldest.sentAt > withinMs)
      this.#drop('guestd did not answer in time')
  }

  /**
   * Give the connection up, and begin another.
   * @param {string} reason
   */
  #drop(reason) {
    const socket = this.#socket
    this.#lost(1006, reason)
    socket?.close()
  }

  /**
   * @param {number} code
   * @param {string} reason
   */
  #lost(code, reason) {
    this.#forget()
    if (this.#isOver) return
    const refused = this.#refused
    if (code === 1000 && this.#greeted)
      return this.#finish('ended', { kind: 'session', state: 'ended', reason: 'unknown' })
    if (refused?.code === 'not_found' && this.session) return this.#replaced('')
    if (code === 1008 && !TEMPORARY.has(refused?.code ?? '')) {
      const why = new GuestdError('refused', reason || 'the connection was refused')
      return this.#finish('closed', refused ?? why)
    }
    const retryInMs = Math.max(this.#backoffMs(++this.#tries), code === GOING_AWAY ? 1000 : 0)
    this.#after(retryInMs, () => this.#dial())
    if (!this.#opened) this.#askWhy()
    this.#become('down', {
      code,
      reason: refused?.message || reason || this.#trouble,
      attempt: this.#tries,
      retryInMs,
    })
  }

  /**
   * A page is told on its socket why it is refused. To others it is the status of the handshake,
   * which a WebSocket does not show; the same address has it over HTTP.
   */
  async #askWhy() {
    const ask = this.#options.fetch ?? globalThis.fetch
    if (this.#asking || !ask || globalThis.document) return
    const asking = (this.#asking = new AbortController())
    const timer = setTimeout(() => this.#stopAsking(), REASON_MS)
    const found = await refusalAt(ask, httpOf(this.#address()), asking.signal)
    clearTimeout(timer)
    if (asking !== this.#asking) return // too late: it is open again, or over
    this.#asking = undefined
    // behind a proxy, 404 may be a guestd that starts again
    const isFinal = found && (!this.#wasUp || found.status < 404)
    if (!isFinal) return
    const refused = refusalOf(found)
    this.#tell('error', refused)
    if (!this.#isOver) this.#finish('closed', refused)
  }

  #stopAsking() {
    this.#asking?.abort()
    this.#asking = undefined
  }

  /**
   * The session that we knew has ended meanwhile; `session` is another of its name, or "".
   * @param {string} session
   */
  #replaced(session) {
    const socket = this.#socket
    const was = this.session
    this.#forget()
    socket?.close(1000)
    if (!this.#options.reopen)
      return this.#finish('ended', { kind: 'session', state: 'ended', reason: 'unknown' })
    for (const id of this.#open()) {
      const waiting = this.#waiting.get(id)
      if (waiting && !waiting.sentAt) continue // else it may have been done in the one that is over
      this.#waiting.delete(id)
      const what = waiting ? 'answered' : 'confirmed'
      const why = new GuestdError('uncertain', `the guest session ended before this was ${what}`)
      this.#fail(id, why, waiting?.accepted)
    }
    this.session = ''
    this.seq = 0
    const before = this.#known
    this.#known = deferred()
    this.#known.promise.then(before.resolve, before.reject) // an upload may wait for it
    this.#tell('replaced', { was, session })
    this.#dial()
  }

  /** The commands without an answer, or whose outcome is not known. */
  #open() {
    return new Set([...this.#unconfirmed.keys(), ...this.#waiting.keys()])
  }

  #retryNow() {
    if (this.connection === 'down') {
      clearTimeout(this.#timer)
      this.#dial()
    }
  }

  /** @param {number} tries */
  #backoffMs(tries) {
    const { firstMs = 250, maxMs = 15_000 } = this.#options.backoff ?? {}
    const random = this.#options.random ?? Math.random
    return Math.min(maxMs, firstMs * 2 ** (tries - 1)) * (0.5 + random() / 2)
  }

  /**
   * @param {import("./guestd.js").ConnectionStatus} status
   * @param {object} [more]
   */
  #become(status, more = {}) {
    this.connection = status
    this.#tell('connection', { status, ...more })
  }

  /** No more of this socket. */
  #forget() {
    clearTimeout(this.#timer)
    clearInterval(this.#watch)
    this.#socket = undefined
  }

  /**
   * @param {number} ms
   * @param {() => void} then
   */
  #after(ms, then) {
    clearTimeout(this.#timer)
    this.#timer = setTimeout(then, ms)
  }

  /**
   * @param {"ended" | "closed"} status
   * @param {any} why the event, or the error
   */
  #finish(status, why) {
    const socket = this.#socket
    const error =
      why instanceof Error ? why : new GuestdError('ended', 'the guest session has ended')
    this.#refused = /** @type {GuestdError} */ (error)
    if (status === 'ended') this.state = 'ended'
    this.#forget()
    this.#stopAsking()
    globalThis.removeEventListener?.('online', this.#online)
    socket?.close(1000)
    this.#become(status, {
      reason: why.message ?? why.reason,
      error: why instanceof Error ? why : undefined,
    })
    for (const id of this.#open()) {
      const waiting = this.#waiting.get(id)
      this.#waiting.delete(id)
      if (status === 'ended' && waiting?.frame.action === 'end') waiting.accepted.resolve({})
      else this.#fail(id, error, waiting?.accepted)
    }
    this.#known.reject(error)
    if (status === 'ended') this.#over.resolve(why)
    else this.#over.reject(error)
  }
}

/** @returns {Deferred} whose rejection is no error by itself: events tell it too */
function deferred() {
  /** @type {any} */ const found = {}
  found.promise = new Promise((resolve, reject) => Object.assign(found, { resolve, reject }))
  found.promise.catch(() => {})
  return found
}

/**
 * `crypto.randomUUID` is missing in pages of plain HTTP on other machines.
 * @param {number} [bytes]
 */
function drawId(bytes = 16) {
  return [...crypto.getRandomValues(new Uint8Array(bytes))]
    .map(byte => byte.toString(16).padStart(2, '0'))
    .join('')
}

/**
 * Where the simulator's socket is; relative to the page if there is one.
 * @param {string | URL} [given]
 */
function baseOf(given) {
  const url = new URL(given ?? './', globalThis.document?.baseURI)
  if (!/^(http|ws)s?:$/.test(url.protocol))
    throw new GuestdError('bad_url', `${url} is not an address of http, https, ws or wss`)
  url.protocol = url.protocol.replace('http', 'ws')
  url.search = url.hash = ''
  if (!url.pathname.endsWith('/')) url.pathname += '/'
  return url
}

/** @param {string | URL} socket */
function httpOf(socket) {
  const url = new URL(socket)
  url.protocol = url.protocol.replace('ws', 'http')
  return url
}

/**
 * @param {number} status
 * @param {string | null} retryAfter
 * @param {string} text
 */
function outcome(status, retryAfter, text) {
  let body
  try {
    body = JSON.parse(text)
  } catch {
    body = { detail: text }
  }
  return { status, retryAfterMs: 1000 * (Number(retryAfter) || 0), body }
}

/** @param {{status: number, body: any}} found */
function refusalOf({ status, body }) {
  const code = body.code ?? (status ? 'refused' : 'unreachable')
  const { detail, field, state } = body
  return new GuestdError(code, detail || `guestd answered ${status}`, { status, field, state })
}

/**
 * Why a handshake is refused for good; undefined if it is not, or nobody says.
 * @param {typeof globalThis.fetch} ask
 * @param {URL} url
 * @param {AbortSignal} signal
 */
async function refusalAt(ask, url, signal) {
  try {
    const answer = await ask(url, { signal, redirect: 'manual' })
    const code = FINAL[answer.status]
    const isForReaders = /^text\/plain|json/.test(answer.headers.get('Content-Type') ?? '')
    const said = outcome(answer.status, null, isForReaders ? (await answer.text()).trim() : '')
    return code && { ...said, body: { code, ...said.body } }
  } catch {
    return undefined
  }
}

/**
 * Only an XMLHttpRequest says how much has gone out.
 * @param {XMLHttpRequest} request
 * @param {URL} url
 * @param {Record<string, string>} headers
 * @param {any} file
 * @param {(progress: {sent: number, size: number}) => void} onProgress
 * @param {AbortSignal} [signal]
 * @returns {Promise<ReturnType<typeof outcome>>}
 */
function postWithProgress(request, url, headers, file, onProgress, signal) {
  return new Promise((resolve, reject) => {
    const abort = () => request.abort()
    request.upload.onprogress = ({ loaded, total }) => onProgress({ sent: loaded, size: total })
    request.onload = () =>
      resolve(
        outcome(request.status, request.getResponseHeader('Retry-After'), request.responseText),
      )
    request.onerror = () => resolve(outcome(0, null, 'guestd was not reached'))
    request.onabort = () =>
      reject(signal?.reason ?? new GuestdError('aborted', 'the upload was given up'))
    request.onloadend = () => signal?.removeEventListener('abort', abort)
    request.open('POST', url)
    for (const [name, value] of Object.entries(headers)) request.setRequestHeader(name, value)
    signal?.addEventListener('abort', abort)
    request.send(file)
  })
}

/**
 * @param {number} ms
 * @param {AbortSignal} [signal]
 * @returns {Promise<void>}
 */
function pause(ms, signal) {
  return new Promise((resolve, reject) => {
    const stop = () => {
      clearTimeout(timer)
      reject(signal?.reason)
    }
    const timer = setTimeout(() => {
      signal?.removeEventListener('abort', stop)
      resolve()
    }, ms)
    signal?.addEventListener('abort', stop)
  })
}
