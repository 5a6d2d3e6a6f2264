/** One guest of the list: what its row shows, and where it stands. */
import { instant } from '../time.js'

/**
 * @typedef {object} Row
 * @property {string} id
 * @property {string} name
 * @property {string} state
 * @property {number} seq
 * @property {number} activity ms
 * @property {number} waiting own messages that are not settled
 * @property {string} reason why its connection was lost
 * @property {string} attention
 * @property {number} uncertain
 * @property {number} opened ms
 * @property {number} nextTry ms
 * @property {number} attempt
 * @property {number} detailSeq the seq at which the texts were read; -1: never
 * @property {any} [last]
 * @property {Record<string, string>} [attributes]
 */

export const DOWN = new Set(['waiting', 'dialing', 'joining', 'resting', 'leaving'])

/** @param {string} state @returns {'live' | 'wait' | 'rest' | 'end'} what its dot shows */
export function dotOf(state) {
  if (state === 'live') return 'live'
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
    opened: instant(one.opened_at),
    nextTry: instant(one.next_try_at),
    attempt: one.attempt ?? 0,
    detailSeq: 'last_message' in one ? one.seq : -1,
    last: one.last_message,
    attributes: one.attributes,
  }
}

/** @type {Record<string, (a: Row, b: Row) => number>} */
export const ORDERS = {
  activity: (a, b) => b.activity - a.activity || (a.id < b.id ? -1 : 1),
  opened: (a, b) => b.opened - a.opened || (a.id < b.id ? -1 : 1),
  name: (a, b) => (a.name < b.name ? -1 : a.name > b.name ? 1 : a.id < b.id ? -1 : 1),
  attention: (a, b) => urgency(b) - urgency(a) || b.activity - a.activity,
}

/** @param {Row} row */
const urgency = (row) => (row.uncertain ? 4 : 0) + (row.state === 'resting' ? 2 : 0) + (row.state === 'live' ? 0 : 1)
