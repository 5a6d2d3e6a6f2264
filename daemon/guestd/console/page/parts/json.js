/** JSON as text with colours: keys, strings, and what was hidden before it came here. */
import { html } from '../ui.js'
import { cut, visible } from '../text.js'

/** What is drawn of one document. */
const DRAWN_MAX = 60_000
const LINE_MAX = 64

/** A value that stands for a secret: guestd writes such in place of tokens and signatures. */
const HIDDEN = /^(?:<?hidden>?|\[?redacted\]?|\*{3,}|‹hidden›|…)$/i

/**
 * Text of some class.
 * @typedef {{text: string, of: '' | 'k' | 's' | 'h'}} Piece
 */

/**
 * The pieces of a JSON value: short objects on one line, long ones on several.
 * @param {unknown} value
 * @param {string} [indent]
 * @returns {Piece[]}
 */
export function pieces(value, indent = '') {
  if (typeof value === 'string') {
    return [{ text: HIDDEN.test(value) ? 'hidden' : visible(JSON.stringify(value)), of: HIDDEN.test(value) ? 'h' : 's' }]
  }
  if (value === null || typeof value !== 'object') return [{ text: String(value), of: '' }]
  const isList = Array.isArray(value)
  const entries = isList ? value.map((one) => [null, one]) : Object.entries(value)
  const [open, close] = isList ? '[]' : '{}'
  if (!entries.length) return [{ text: open + close, of: '' }]
  if (indent.length > 80) return [{ text: `${open} … ${close}`, of: '' }]
  const short = fits(value)
  const inner = `${indent}  `
  /** @type {Piece[]} */
  const all = [{ text: short ? `${open} ` : `${open}\n`, of: '' }]
  entries.forEach(([key, one], i) => {
    if (!short) all.push({ text: inner, of: '' })
    if (key !== null) all.push({ text: visible(JSON.stringify(key)), of: 'k' }, { text: ': ', of: '' })
    all.push(...pieces(one, inner))
    if (i < entries.length - 1) all.push({ text: short ? ', ' : ',\n', of: '' })
  })
  all.push({ text: short ? ` ${close}` : `\n${indent}${close}`, of: '' })
  return all
}

/** @param {object} value whether it is one line, and holds no list of objects */
function fits(value) {
  const values = Object.values(value)
  if (values.some((one) => one !== null && typeof one === 'object' && Object.keys(one).length)) return false
  return JSON.stringify(value).length <= LINE_MAX
}

/** @param {{value: unknown, text?: string}} props `text`: as it came, where it is no JSON */
export function Json({ value, text }) {
  if (value === undefined) return html`<pre class="json" tabindex="0">${visible(cut(text ?? '', DRAWN_MAX))}</pre>`
  let left = DRAWN_MAX
  const drawn = []
  for (const piece of pieces(value)) {
    const part = cut(piece.text, left)
    left -= part.length
    drawn.push(piece.of ? html`<span class=${piece.of}>${part}</span>` : part)
    if (left <= 0) {
      drawn.push('\n… (cut)')
      break
    }
  }
  return html`<pre class="json" tabindex="0">${drawn}</pre>`
}

/**
 * The value of a JSON text, or undefined.
 * @param {string} text
 */
export function read(text) {
  try {
    return JSON.parse(text)
  } catch {
    return undefined
  }
}

/** The same value, with the queries of addresses hidden: a signed one is a key. @param {unknown} value @returns {unknown} */
export function withoutQueries(value) {
  if (typeof value === 'string') return /^https?:\/\/\S+\?/.test(value) ? value.replace(/\?.*$/s, '?hidden') : value
  if (Array.isArray(value)) return value.map(withoutQueries)
  if (value === null || typeof value !== 'object') return value
  return Object.fromEntries(Object.entries(value).map(([key, one]) => [key, withoutQueries(one)]))
}
