/** Texts of others, as text: links are links, long ones are cut until asked for whole. */
import { html, useState } from '../ui.js'
import { count, cut, TEXT_MAX, withLinks } from '../text.js'

/** @param {{url: URL, children: any}} props */
export const Link = ({ url, children }) => html`<a href=${url.href} target="_blank" rel="noopener noreferrer" title=${url.href}>${children}</a>`

/** @param {{text: string}} props */
export function Text({ text }) {
  const [isWhole, showAll] = useState(false)
  const shown = isWhole ? text : cut(text, TEXT_MAX)
  return html`<span class="text" dir="auto">${withLinks(shown).map(({ text: part, url }) => (url ? html`<${Link} url=${url}>${part}<//>` : part))}</span>
    ${shown.length < text.length && html`<button class="more" onClick=${() => showAll(true)}>Show all ${count(text.length)} characters</button>`}`
}

/** The first so many of a list, and a button for the others. @param {{items: any[], max?: number, draw: (one: any, i: number) => any}} props */
export function Some({ items, max = 20, draw }) {
  const [isWhole, showAll] = useState(false)
  const shown = isWhole ? items : items.slice(0, max)
  return html`${shown.map(draw)}${shown.length < items.length && html`<button class="more" onClick=${() => showAll(true)}>${items.length - max} more</button>`}`
}
