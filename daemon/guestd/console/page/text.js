/** Texts of others: what must be seen of them, and how much. Nothing here makes markup. */

/** What is drawn of one text before "show all" is asked for, in characters. */
export const TEXT_MAX = 4000

/** Controls, and characters that change the order of others or cannot be seen. */
const UNSEEN = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u00ad\u061c\u180e\u200b-\u200f\u202a-\u202e\u2028\u2029\u2060-\u206f\ufeff\ufff9-\ufffb]|[\ud800-\udbff](?![\udc00-\udfff])|(?<![\ud800-\udbff])[\udc00-\udfff]/g

/**
 * The same text, with invisible and direction-changing characters as ‹U+202E›.
 * @param {string} text
 */
export const visible = (text) =>
  text.replace(UNSEEN, (one) => `‹U+${one.charCodeAt(0).toString(16).toUpperCase().padStart(4, '0')}›`)

/**
 * One line of it, for a row of a list.
 * @param {string} text
 * @param {number} [max]
 */
export function line(text, max = 120) {
  const one = text.slice(0, max * 2).replace(/\s+/g, ' ').trim()
  return one.length > max || text.length > max * 2 ? `${cut(one, max)}…` : one
}

/**
 * At most so many characters, and no half of a surrogate pair.
 * @param {string} text
 * @param {number} max
 */
export function cut(text, max) {
  if (text.length <= max) return text
  const last = text.charCodeAt(max - 1)
  return text.slice(0, last >= 0xd800 && last < 0xdc00 ? max - 1 : max)
}

/**
 * Where a link leads, if it may be one: only http and https.
 * @param {unknown} address
 * @returns {URL | null}
 */
export function link(address) {
  if (typeof address !== 'string' || address.length > 4096) return null
  try {
    const url = new URL(address)
    return url.protocol === 'https:' || url.protocol === 'http:' ? url : null
  } catch {
    return null
  }
}

const LINK = /\bhttps?:\/\/[^\s<>"'`]+[^\s<>"'`.,;:!?)\]}]/g

/**
 * The text in pieces, some of which are links.
 * @param {string} text
 * @returns {{text: string, url?: URL}[]}
 */
export function withLinks(text) {
  const pieces = []
  let from = 0
  for (const found of text.matchAll(LINK)) {
    const url = link(found[0])
    if (!url) continue
    if (found.index > from) pieces.push({ text: text.slice(from, found.index) })
    pieces.push({ text: found[0], url })
    from = found.index + found[0].length
  }
  if (from < text.length) pieces.push({ text: text.slice(from) })
  return pieces
}

const encoder = new TextEncoder()

/** @param {string} text @returns {number} its bytes in UTF-8 */
export const bytesOf = (text) => encoder.encode(text).length

/** @param {number} n @returns {string} 1,184 */
export const count = (n) => Math.round(n).toLocaleString('en-US')

/** @param {number} bytes @returns {string} 184 KB */
export function size(bytes) {
  if (bytes < 1000) return `${bytes} B`
  if (bytes < 1e6) return `${Math.round(bytes / 1000)} KB`
  return bytes < 1e9 ? `${(bytes / 1e6).toFixed(1)} MB` : `${(bytes / 1e9).toFixed(1)} GB`
}

/** @param {number} n @param {string} one @param {string} [many] @returns {string} 2 messages */
export const some = (n, one, many = `${one}s`) => `${count(n)} ${n === 1 ? one : many}`

/** @param {number} n @returns {string} 1st, 2nd, 3rd, 11th */
export function ordinal(n) {
  const tens = n % 100
  const ending = tens > 10 && tens < 14 ? 'th' : ['th', 'st', 'nd', 'rd'][n % 10] ?? 'th'
  return `${n}${ending}`
}

/** Stable words of the API that say little to a person. @type {Record<string, string>} */
const PLAIN = {
  waiting: 'waits to connect', dialing: 'connecting', joining: 'connecting', resting: 'disconnected', leaving: 'ending',
  lost: 'broken by the network', unanswered: 'no answer to a heartbeat', closed_by_peer: 'closed by the platform', reconnect_asked: 'reconnect asked for over /v1',
  finished: 'as it was asked to', leave_timeout: 'the platform did not confirm the goodbye', attempts_exhausted: 'it could not connect again',
}

/** A stable word of the API, for a person. @param {string} [word] */
export const words = (word = '') => PLAIN[word] ?? word.replaceAll('_', ' ')
