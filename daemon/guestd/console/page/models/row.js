/** One guest of the list: what its row shows, and where it stands. */
import { route } from '../route.js'
import { words } from '../text.js'
import { instant, roughly } from '../time.js'

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} name
 * @property {string} state
 * @property {number} seq
 * @property {number} activity ms
 * @property {number} waiting own messages that are not settled
 * @property {string} reason why its connection was lost
 * @property {string} attention why it needs attention, as last told
 * @property {number} uncertain
 * @property {number} unanswered since when a heartbeat is, ms; 0: none is
 * @property {number} [failed] of one that has ended: messages that were not confirmed, as far as its last events tell
 * @property {boolean} [isEnding] it was asked to end, and has not yet
 * @property {number} opened ms
 * @property {number} nextTry ms
 * @property {number} attempt
 * @property {number} detailSeq the seq at which the texts, or how it ended, were read; -1: never
 * @property {any} [last]
 * @property {Record<string, string>} [attributes]
 */

export const DOWN = new Set(['waiting', 'dialing', 'joining', 'resting', 'leaving'])

/** How many have not ended. @param {Record<string, number>} counts by state */
export const openOf = ({ ended, ...open }) => Object.values(open).reduce((sum, n) => sum + n, 0)

/** The worst first, as the API has them. */
export const ATTENTION = ['uncertain', 'down', 'unanswered', 'unconfirmed', 'leaving', 'connecting']

/** Why it needs attention, or "". @param {Row} row */
export function attentionOf(row) {
  if (row.state === 'ended') return ''
  if (row.uncertain) return 'uncertain'
  return row.state === 'resting' ? 'down' : row.attention
}

/** Its mark in a list, or "". @param {Row} row @param {number} now */
export function flagOf(row, now) {
  const why = attentionOf(row)
  if (row.failed) return `${row.failed} not confirmed`
  if (why === 'uncertain') return `${row.uncertain} uncertain`
  if (why === 'unanswered') return `no answer for ${roughly(now - row.unanswered)}`
  if (why === 'unconfirmed') return `${row.waiting} not confirmed`
  if (row.state === 'resting' && row.nextTry > now) return `retry in ${roughly(row.nextTry - now)}`
  if (DOWN.has(row.state)) return words(row.state)
  return row.isEnding && row.state !== 'ended' ? 'ending' : ''
}

/**
 * @param {string} state @param {boolean} [isHeld] it does not get on
 * @returns {'live' | 'wait' | 'rest' | 'end'} what its dot shows
 */
export function dotOf(state, isHeld = false) {
  if (state === 'live') return isHeld ? 'wait' : 'live'
  if (state === 'ended') return 'end'
  return state === 'resting' ? 'rest' : 'wait'
}

/**
 * @param {any} one as the API lists it
 * @returns {Row}
 */
export function rowOf(one) {
  return {
    id: one.session_id,
    name: one.name,
    state: one.state,
    seq: one.seq ?? 0,
    activity: instant(one.last_activity_at) || instant(one.last_message_at) || instant(one.opened_at),
    waiting: one.waiting ?? 0,
    reason: one.reason ?? '',
    attention: one.attention ?? '',
    uncertain: one.uncertain ?? 0,
    unanswered: instant(one.unanswered_since),
    opened: instant(one.opened_at),
    nextTry: instant(one.next_try_at),
    attempt: one.attempt ?? 0,
    detailSeq: 'last_message' in one && one.state !== 'ended' ? one.seq : -1,
    last: one.last_message,
    attributes: one.attributes,
  }
}

/** @type {Record<string, (a: Row, b: Row) => number>} */
export const ORDERS = {
  activity: (a, b) => b.activity - a.activity || (a.id < b.id ? -1 : 1),
  opened: (a, b) => b.opened - a.opened || (a.id < b.id ? -1 : 1),
  name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1),
  attention: (a, b) => rank(a) - rank(b) || ORDERS.activity(a, b),
}

/** @typedef {{q: string, state: string, sort: string}} ListQuery */

const ORDER_KEY = 'guestd-order'

/** What the address asks the list for; its order is the one that was chosen last. @returns {ListQuery} */
export function listQuery() {
  const { q = '', state = 'all', sort = localStorage.getItem(ORDER_KEY) ?? '' } = route.value.query
  return { q, state, sort: sort in ORDERS ? sort : 'attention' }
}

/** The same in the API's words. @param {ListQuery} query @returns {Record<string, string>} */
export function askedBy({ q, state, sort }) {
  /** @type {Record<string, string>} */
  const words = { sort }
  if (q) words.q = q
  if (state === 'live') words.state = 'live'
  if (state === 'down') words.state = [...DOWN].join(',')
  if (state === 'ended') words.ended = 'only'
  return words
}

/** @param {string} sort */
export const keepOrder = (sort) => localStorage.setItem(ORDER_KEY, sort)

/** @param {Row} row */
function rank(row) {
  const at = ATTENTION.indexOf(attentionOf(row))
  return at < 0 ? ATTENTION.length : at
}
