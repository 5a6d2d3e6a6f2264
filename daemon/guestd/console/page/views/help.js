/** The keys, and where more is said. */
import { html } from '../ui.js'
import { info } from '../app.js'
import { LIST, letters, setLetters } from '../keys.js'
import { Dialog } from '../parts/dialog.js'
import { Cell, useSources } from '../store.js'

export const helpIsOpen = new Cell(false)

export function Help() {
  useSources(helpIsOpen, letters, info)
  if (!helpIsOpen.value) return null
  return html`<${Dialog} title="Keyboard and help" wide onClose=${() => helpIsOpen.set(false)}>
    <ul class="keys">${LIST.map(([key, what]) => html`<li key=${key}><span>${what}</span><span>${key.split(' ').map((one) => html`<kbd>${one}</kbd> `)}</span></li>`)}</ul>
    <p class="acts"><label class="check"><input type="checkbox" checked=${letters.value} onChange=${(e) => setLetters(e.target.checked)} /> Letters do something</label></p>
    <p class="dim">Frames are filtered by words, <code>/regex/</code>, <code>in</code>, <code>out</code>, <code>class:</code> and <code>-</code> before any of them. Every figure is on <a href="metrics">/metrics</a> too, the API is described at <a href="v1/openapi.json">/v1/openapi.json</a>${info.value?.version ? `, and this is guestd ${info.value.version}` : ''}.</p><//>`
}
