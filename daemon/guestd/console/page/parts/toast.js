/** Short notices in the page's header, where they cover nothing that is read: what was copied, what was refused. */
import { html } from '../ui.js'
import { Cell, useSources } from '../store.js'
import { said } from '../api.js'

const SHOWN_MS = 4000

/** @typedef {{key: number, text: string, tone: string}} Notice */

const notices = new Cell(/** @type {Notice[]} */ ([]))
let last = 0

/** @param {string} text @param {string} [tone] bad for what was refused */
export function notice(text, tone = '') {
  const key = ++last
  notices.set([{ key, text, tone }])
  setTimeout(() => notices.set(notices.value.filter((one) => one.key !== key)), tone ? SHOWN_MS * 2 : SHOWN_MS)
}

/**
 * Does it, and says what was refused. What was said before is of something else.
 * @template T
 * @param {Promise<T>} doing
 * @param {string} [done] said when it was done
 * @returns {Promise<T | undefined>}
 */
export async function told(doing, done) {
  notices.set([])
  try {
    const result = await doing
    if (done) notice(done)
    return result
  } catch (error) {
    notice(said(error), 'bad')
    return undefined
  }
}

/** @param {string} text @param {string} what */
export const copy = (text, what) => told(navigator.clipboard.writeText(text), `${what} copied`)

/** @param {string} address */
export const copyLink = (address) => copy(new URL(address, location.href).href, 'Link')

/** Where notices are shown. */
export function Toasts() {
  useSources(notices)
  return html`<div class="toasts" role="status" aria-live="polite">
    ${notices.value.map((one) => html`<p key=${one.key} class=${`toast ${one.tone}`}>${one.text}</p>`)}</div>`
}
