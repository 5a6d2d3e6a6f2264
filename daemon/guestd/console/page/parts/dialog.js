/** Dialogs: the browser's own, so that the focus stays inside and comes back. */
import { html, useEffect, useRef } from '../ui.js'
import { Cell, useSources } from '../store.js'
import { IconButton } from './icons.js'

/** @param {{title: string, onClose: () => void, children: any, wide?: boolean}} props */
export function Dialog({ title, onClose, children, wide }) {
  const box = /** @type {{current: HTMLDialogElement | null}} */ (useRef(null))
  useEffect(() => {
    box.current?.showModal()
  }, [])
  return html`<dialog ref=${box} class=${wide ? 'dialog wide' : 'dialog'} aria-labelledby="dialog-title" onClose=${onClose}
    onClick=${(e) => e.target === box.current && box.current?.close()}>
    <header><h2 id="dialog-title">${title}</h2><${IconButton} name="close" label="Close" onClick=${() => box.current?.close()} /></header>
    <div class="inside">${children}</div></dialog>`
}

/** @typedef {{title: string, text: string, act: string, resolve: (yes: boolean) => void}} Question */

const question = new Cell(/** @type {Question | null} */ (null))

/**
 * Asks once, naming what will happen to how many.
 * @param {{title: string, text: string, act: string}} what
 * @returns {Promise<boolean>}
 */
export const confirmed = (what) => new Promise((resolve) => question.set({ ...what, resolve }))

/** Where questions are asked. */
export function Questions() {
  useSources(question)
  const asked = question.value
  if (!asked) return null
  const answer = (/** @type {boolean} */ yes) => {
    asked.resolve(yes)
    if (question.value === asked) question.set(null)
  }
  return html`<${Dialog} title=${asked.title} onClose=${() => answer(false)}>
    <p>${asked.text}</p>
    <p class="acts"><button class="btn" type="button" onClick=${() => answer(false)}>Cancel</button>
    <button class="btn danger" type="button" onClick=${() => answer(true)}>${asked.act}</button></p><//>`
}
