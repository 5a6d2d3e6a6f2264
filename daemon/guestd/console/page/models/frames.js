/** The frames of one guest session: as they come, filtered, at most so many. */
import { subscribe } from '../live.js'
import { filter } from '../parts/filter.js'
import { LiveSource } from '../store.js'

export const FRAMES_MAX = 10_000

/**
 * @typedef {object} Frame
 * @property {number} n
 * @property {number} at
 * @property {'in' | 'out'} direction
 * @property {'text' | 'binary' | 'ping' | 'pong' | 'open' | 'close' | 'not_kept'} kind
 * @property {number} connection
 * @property {number} bytes
 * @property {string} class
 * @property {string | number} code
 * @property {string} tracing_id
 * @property {string} command_id
 * @property {number} seq
 * @property {string} text
 * @property {boolean} cut
 * @property {boolean} [repeated] its message had come before
 * @property {string} by of a close: platform, network or guestd
 * @property {string} reason
 * @property {number} attempt
 * @property {string} host
 * @property {number} count of those not kept
 */

export class Frames extends LiveSource {
  /** @param {string} session its id */
  constructor(session) {
    super()
    this.session = session
    /** @type {Frame[]} */
    this.all = []
    /** @type {Frame[]} */
    this.shown = []
    this.filterText = ''
    this.filter = filter('')
    this.isPaused = false
    /** Frames up to this one are out of view. */
    this.clearedTo = 0
    /** How many came while it was paused. */
    this.meanwhile = 0
    this.lastN = 0
    /** @type {any} */
    this.problem = null
    this.stop = subscribe('frames', { session, texts: true }, {
      data: (frame) => this.take(frame),
      failed: (problem) => {
        this.problem = problem
        this.changed()
      },
      after: () => this.lastN,
    })
  }

  /** @param {Frame} frame */
  take(frame) {
    if (frame.n <= this.lastN) return
    this.lastN = frame.n
    this.#add(frame)
    this.changed()
  }

  /** @param {Frame} frame */
  #add(frame) {
    this.all.push(frame)
    if (this.isPaused) this.meanwhile += 1
    else if (this.#isShown(frame)) this.shown.push(frame)
    if (this.all.length > FRAMES_MAX) this.#makeRoom()
  }

  /** The oldest go, and a row says how many those are. */
  #makeRoom() {
    const gone = this.all.splice(0, this.all.length - FRAMES_MAX + FRAMES_MAX / 10)
    const count = gone.reduce((sum, one) => sum + (one.kind === 'not_kept' ? one.count : 1), 0)
    this.all.unshift({ ...gone[gone.length - 1], kind: 'not_kept', text: '', count })
    if (!this.isPaused) this.shown = this.all.filter((one) => this.#isShown(one))
  }

  /** @param {Frame} frame */
  #isShown(frame) {
    return frame.n > this.clearedTo && (frame.kind === 'not_kept' || this.filter.fits(/** @type {any} */ (frame)))
  }

  #refilter() {
    this.shown = this.all.filter((one) => this.#isShown(one))
    this.acted()
  }

  /** @param {string} text */
  setFilter(text) {
    if (text === this.filterText) return
    this.filterText = text
    this.filter = filter(text)
    this.#refilter()
  }

  /** @param {boolean} on */
  pause(on) {
    this.isPaused = on
    this.meanwhile = 0
    if (!on) this.#refilter()
    this.acted()
  }

  clear() {
    this.clearedTo = this.lastN + 0.6
    this.#refilter()
  }

  /** @param {number} n @returns {Frame | undefined} */
  byNumber(n) {
    return this.all.find((one) => one.n === n)
  }

  /**
   * The frames of one message: by the command, by the message's event.
   * @param {{command?: string, seq?: number, tracing?: string}} of
   */
  of({ command, seq, tracing }) {
    return this.all.filter((one) => (command && one.command_id === command) || (seq && one.seq === seq) || (tracing && one.tracing_id === tracing))
  }

  close() {
    this.stop()
  }
}
