/** A button with a menu, after the ARIA pattern: arrows move, Escape closes and gives the focus back. */
import { html, useEffect, useRef, useState } from '../ui.js'
import { IconButton } from './icons.js'

/** @typedef {{label: string, act: () => void, danger?: boolean}} Entry */

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
    ${isOpen && html`<ul role="menu" aria-label=${label}>${entries.map((one) => html`<li role="none" key=${one.label}>
      <button type="button" role="menuitem" tabindex="-1" class=${one.danger ? 'danger' : ''} onClick=${() => { close(); one.act() }}>${one.label}</button></li>`)}</ul>`}
  </div>`
}
