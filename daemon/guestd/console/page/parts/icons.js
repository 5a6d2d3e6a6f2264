/** Icons of 16 px, drawn with the text's colour. */
import { html } from '../ui.js'

const SHAPES = {
  search: 'M7 12.5a5.5 5.5 0 1 0 0-11 5.5 5.5 0 0 0 0 11ZM11 11l3.5 3.5',
  pause: 'M5.5 3v10M10.5 3v10',
  play: 'M5 3.2v9.6L12.5 8z',
  moon: 'M13.5 9.5A6 6 0 0 1 6.5 2.5a6 6 0 1 0 7 7Z',
  sun: 'M8 5a3 3 0 1 0 0 6 3 3 0 0 0 0-6ZM8 1.5v1M8 13.5v1M1.5 8h1M13.5 8h1M3.4 3.4l.7.7M11.9 11.9l.7.7M12.6 3.4l-.7.7M4.1 11.9l-.7.7',
  system: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 0v12',
  help: 'M6 6a2 2 0 1 1 2.8 1.8c-.5.3-.8.7-.8 1.4M8 11.5v.1M8 1.5a6.5 6.5 0 1 0 0 13 6.5 6.5 0 0 0 0-13Z',
  more: 'M3 8h.01M8 8h.01M13 8h.01',
  back: 'M10 3 5 8l5 5',
  clip: 'm13.5 7.5-5.6 5.6a3.3 3.3 0 0 1-4.7-4.7L9 2.6a2.2 2.2 0 0 1 3.1 3.1L6.4 11.4a1.1 1.1 0 0 1-1.5-1.5l5.2-5.2',
  lines: 'M2.5 4h11M2.5 8h7M2.5 12h9',
  check: 'm3 8.5 3 3 7-7',
  clock: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2Zm0 2.8V8l2.2 1.6',
  warn: 'M8 2.2 14.5 13.500h-13zM8 6.500v3.200M8 11.600v.1',
  clear: 'M8 2a6 6 0 1 0 0 12A6 6 0 0 0 8 2ZM4 12l8-8',
  save: 'M8 2.5v8M4.5 7.5 8 11l3.5-3.5M3 13.5h10',
  copy: 'M7 5.500h5a1.5 1.5 0 0 1 1.5 1.5v5a1.5 1.5 0 0 1-1.5 1.5H7A1.5 1.5 0 0 1 5.500 12V7A1.5 1.5 0 0 1 7 5.500ZM10.5 5.500v-2a1 1 0 0 0-1-1h-6a1 1 0 0 0-1 1v6a1 1 0 0 0 1 1h2',
  link: 'M6.5 9.5 9.5 6.5M7 4.5l1.6-1.6a3 3 0 0 1 4.3 4.3L11.3 8.8M9 11.5l-1.6 1.6a3 3 0 0 1-4.3-4.3L4.7 7.2',
  close: 'm4 4 8 8M12 4l-8 8',
  file: 'M4 1.500h5l3 3v10H4zM9 1.500v3h3',
  chat: 'M2.5 3.500h11v7h-6l-3 2.5v-2.5h-2z',
  bars: 'M2.5 13.500h11M4 11V8M8 11V4M12 11V6.500',
  bolt: 'M9 1.500 3.500 9H8l-1 5.500L12.500 7H8z',
  load: 'M2.5 12.5 6 7l3 3 4.5-6.5',
}

/** @typedef {keyof typeof SHAPES} IconName */

/** @param {{name: IconName}} props */
export const Icon = ({ name }) => html`<svg class=${`i i-${name}`} viewBox="0 0 16 16" aria-hidden="true"><path d=${SHAPES[name]} /></svg>`

/** The mark beside the name. */
export const Logo = () => html`<svg viewBox="0 0 20 20" aria-hidden="true" class="logo">
  <path d="M3 3.500h14v10H9.500L6 16.500v-3H3z" /><path d="M6 8.500h2l1-2 1.600 4 1-2H14" /></svg>`

/** @param {{name: IconName, label: string, onClick: (e: MouseEvent) => void, pressed?: boolean, small?: boolean, expanded?: boolean}} props */
export const IconButton = ({ name, label, onClick, pressed, small, expanded }) => html`<button type="button"
  class=${small ? 'icon small' : 'icon'} aria-label=${label} title=${label} aria-pressed=${pressed} aria-expanded=${expanded} onClick=${onClick}><${Icon} name=${name} /></button>`
