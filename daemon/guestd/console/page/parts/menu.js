/**
 * A button with a menu, after the ARIA pattern: arrows move, Escape closes and gives the focus back.
 * And what cannot be undone: it is asked for within the button, and done at the second press.
 */
import { html, useEffect, useRef, useState } from '../ui.js'
import { IconButton } from './icons.js'

/** @typedef {{label: string, act: () => void, danger?: boolean, sure?: string}} Entry `sure`: asked before it is done */

/** So long the second press is waited for. */
const SURE_MS = 3000
/** A second press that comes sooner is the other half of a double click. */
const DOUBLE_MS = 300

/**
 * Whether the first press was made, and what a press does.
 * @param {() => void} act
 * @returns {{isAsked: boolean, press: () => void, forget: () => void}}
 */
function useTwice(act) {
  const [at, set] = useState(0)
  useEffect(() => {
    const timer = at ? setTimeout(() => set(0), SURE_MS) : 0
    return () => clearTimeout(timer)
  }, [at])
  const press = () => {
    if (!at) return set(Date.now())
    if (Date.now() - at < DOUBLE_MS) return undefined
    set(0)
    return act()
  }
  return { isAsked: at > 0, press, forget: () => set(0) }
}

/** A key that is held down presses once. @param {KeyboardEvent} e */
const onceOnly = (e) => e.repeat && e.key === 'Enter' && e.preventDefault()

/** @param {{label: string, sure: string, act: () => void}} props */
export function Sure({ label, sure, act }) {
  const { isAsked, press, forget } = useTwice(act)
  const key = (/** @type {KeyboardEvent} */ e) => {
    onceOnly(e)
    if (e.key !== 'Escape' || !isAsked) return
    e.preventDefault()
    forget()
  }
  return html`<button class=${`btn small danger wide sure ${isAsked ? 'asked' : ''}`} onClick=${press} onBlur=${forget} onKeyDown=${key}>${isAsked ? sure : label}</button><span class="vh" role="status">${isAsked ? `${sure} Press again within 3 seconds.` : ''}</span>`
}

/** @param {{one: Entry, done: () => void}} props */
function MenuItem({ one, done }) {
  const doIt = () => {
    done()
    one.act()
  }
  const { isAsked, press } = useTwice(doIt)
  return html`<li role="none"><button role="menuitem" tabindex="-1" class=${one.danger ? 'danger' : ''} onKeyDown=${onceOnly} onClick=${one.sure ? press : doIt}>${isAsked ? one.sure : one.label}</button></li>`
}

/** @param {{label: string, entries: Entry[]}} props */
export function Menu({ label, entries }) {
  const [isOpen, open] = useState(false)
  const box = /** @type {{current: HTMLElement | null}} */ (useRef(null))
  useEffect(() => {
    if (!isOpen) return undefined
    items()[0]?.focus()
    const outside = (/** @type {Event} */ e) => !box.current?.contains(/** @type {Node} */ (e.target)) && open(false)
    addEventListener('pointerdown', outside)
    return () => removeEventListener('pointerdown', outside)
  }, [isOpen])
  const items = () => [...(box.current?.querySelectorAll('[role=menuitem]') ?? [])].map((one) => /** @type {HTMLElement} */ (one))
  const close = () => {
    open(false)
    box.current?.querySelector('button')?.focus()
  }
  const key = (/** @type {KeyboardEvent} */ e) => {
    if (!isOpen) return
    const all = items()
    const at = all.indexOf(/** @type {HTMLElement} */ (document.activeElement))
    const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: all.length - 1 }[e.key]
    if (to !== undefined) all[(to + all.length) % all.length]?.focus()
    else if (e.key === 'Escape' || e.key === 'Tab') close()
    else return
    e.stopPropagation()
    if (e.key !== 'Tab') e.preventDefault()
  }
  return html`<div class="menu" ref=${box} onKeyDown=${key}>
    <${IconButton} name="more" label=${label} expanded=${isOpen} onClick=${() => open(!isOpen)} />
    ${isOpen && html`<ul role="menu" aria-label=${label}>${entries.map((one) => html`<${MenuItem} key=${one.label} one=${one} done=${close} />`)}</ul>`}
  </div>`
}
