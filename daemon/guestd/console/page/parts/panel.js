/** A box of a page with its heading; a row of figures; a table of what was counted. */
import { html } from '../ui.js'
import { count } from '../text.js'

/** @param {{title: string, now?: string, children: any}} props */
export const Panel = ({ title, now, children }) => html`<section class="panel" aria-label=${title}><h2>${title}${now ? html`<span class="now">${now}</span>` : null}</h2>${children}</section>`

/** @param {{tiles: any[][]}} props each: name, value, unit, note, tone of the note, where that leads */
export const Tiles = ({ tiles }) => html`<div class="tiles">${tiles.map(([name, value, unit, note, tone, href]) => html`<div class="tile" key=${name}><span>${name}</span><b>${value}<small>${unit}</small></b><em class=${tone} title=${note}>${href ? html`<a href=${href}>${note}</a>` : note}</em></div>`)}</div>`

/** @param {{rows: [string, number][], none: string}} props */
export const Counted = ({ rows, none }) => rows.length ? html`<table class="list"><tbody>${rows.map(([what, n]) => html`<tr key=${what}><td><bdi>${what}</bdi></td><td class="num">${count(n)}</td></tr>`)}</tbody></table>` : html`<p class="dim">${none}</p>`

/** @param {number | null | undefined} n */
export const number = (n) => (n == null ? '–' : n < 10 ? n.toFixed(1) : count(n))
