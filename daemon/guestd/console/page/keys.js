/** Keys: one letter each, off while one types, and off altogether for those who want that. */
import { Cell } from './store.js'

const KEY = 'guestd-letters'

/** Whether letters do something. */
export const letters = new Cell(globalThis.localStorage?.getItem(KEY) !== 'off')

/** @param {boolean} on */
export function setLetters(on) {
  letters.set(on)
  if (on) localStorage.removeItem(KEY)
  else localStorage.setItem(KEY, 'off')
}

/** What each does, for the list under `?`. @type {[string, string][]} */
export const LIST = [
  ['/', 'Search'], ['j', 'Next guest'], ['k', 'Previous guest'], ['Enter', 'Open it'], ['Esc', 'Back to its row'],
  ['i', 'Write a message'], ['f', 'Frames'], ['v', 'Events'], ['e', 'Explain'], ['a', 'Agent’s desk'], ['x', 'Faults'],
  ['g o', 'Overview'], ['g g', 'Guests'], ['g l', 'Load run'], ['[', 'Previous frame'], [']', 'Next frame'], ['y', 'Copy as curl'], ['l', 'Copy the link'],
  ['p', 'Pause live updates'], ['t', 'Theme'], ['?', 'This list'],
]

const SOON_MS = 100

/** Gives the focus to what is there, or will be in a moment. @param {string} id @param {number} [tries] */
export function focusSoon(id, tries = 20) {
  const found = document.getElementById(id)
  if (found) found.focus()
  else if (tries) setTimeout(() => focusSoon(id, tries - 1), SOON_MS)
}

const TYPING = 'input, textarea, select, [contenteditable]'
const SECOND_WITHIN_MS = 1500

/**
 * Listens. `g` waits for a second letter.
 * @param {Record<string, () => void>} actions by key, or by `g` and a letter
 */
export function listen(actions) {
  let isSecond = 0
  addEventListener('keydown', (e) => {
    if (e.ctrlKey || e.metaKey || e.altKey || e.defaultPrevented) return
    const target = /** @type {HTMLElement} */ (e.target)
    if (e.key === 'Escape' && !document.querySelector('dialog[open]')) {
      actions.Escape?.()
      return
    }
    if (target.closest?.(TYPING) || document.querySelector('dialog[open]') || !letters.value) return
    if (e.key === 'g' && Date.now() > isSecond) {
      isSecond = Date.now() + SECOND_WITHIN_MS
      return
    }
    const name = Date.now() < isSecond ? `g ${e.key}` : e.key
    isSecond = 0
    if (e.key === 'Enter' && target.closest?.('button, a, [role=option], [role=listbox], [tabindex="0"]')) return
    const act = actions[name]
    if (!act) return
    e.preventDefault()
    act()
  })
}
