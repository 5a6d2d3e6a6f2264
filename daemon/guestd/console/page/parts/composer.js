/** Where the guest writes: text, files by choice, paste or drop, custom attributes. */
import { html, useEffect, useRef, useState } from '../ui.js'
import { bytesOf, count, size } from '../text.js'
import { Icon, IconButton } from './icons.js'
import { notice } from './toast.js'

const TEXT_BYTES_MAX = 4096
const TYPING_EVERY_MS = 5000

/**
 * @typedef {object} ComposerProps
 * @property {string} session its id
 * @property {string} name of the guest
 * @property {string} org "" or the region: the button names it
 * @property {number} fileBytesMax 0: no files
 * @property {boolean} isDown
 * @property {(text: string) => Promise<boolean>} onSend
 * @property {(file: File) => void} onFile
 * @property {() => void} onTyping
 * @property {(attributes: Record<string, string>) => void} onAttributes
 * @property {Record<string, string>} attributes
 */

/** What is written and not sent yet, by session; as long as the page. @type {Map<string, string>} */
const drafts = new Map()

/** @param {ComposerProps} props */
export function Composer({ session, name, org, fileBytesMax, isDown, onSend, onFile, onTyping, onAttributes, attributes }) {
  const [text, draw] = useState(drafts.get(session) ?? '')
  const write = (/** @type {string} */ text) => {
    if (text) drafts.set(session, text)
    else drafts.delete(session)
    draw(text)
  }
  const [isSending, setSending] = useState(false)
  const [areOpen, openAttributes] = useState(false)
  const input = /** @type {{current: HTMLInputElement | null}} */ (useRef(null))
  const area = /** @type {{current: HTMLTextAreaElement | null}} */ (useRef(null))
  const typed = useRef(0)
  const bytes = bytesOf(text)
  useEffect(() => {
    if (!area.current) return
    area.current.style.height = 'auto'
    area.current.style.height = `${Math.min(140, area.current.scrollHeight)}px`
  }, [text])
  const send = async () => {
    if (!text.trim() || isSending || bytes > TEXT_BYTES_MAX) return
    setSending(true)
    const isSent = await onSend(text)
    setSending(false)
    if (isSent) write('')
    area.current?.focus()
  }
  const take = (/** @type {ArrayLike<File> | undefined} */ files) => {
    for (const file of Array.from(files ?? [])) {
      if (file.size > fileBytesMax) notice(fileBytesMax ? `${file.name} is larger than ${size(fileBytesMax)}` : 'this deployment takes no files', 'bad')
      else onFile(file)
    }
  }
  const key = (/** @type {KeyboardEvent} */ e) => {
    if (e.key !== 'Enter' || e.shiftKey || e.isComposing) return
    e.preventDefault()
    void send()
  }
  const written = (/** @type {any} */ e) => {
    write(e.target.value)
    if (Date.now() - typed.current > TYPING_EVERY_MS) {
      typed.current = Date.now()
      onTyping()
    }
  }
  return html`<footer class="say">
    ${areOpen && html`<${Attributes} attributes=${attributes} onSet=${(all) => { openAttributes(false); onAttributes(all) }} />`}
    <div class="box">
      <${IconButton} name="clip" label="Attach a file" small onClick=${() => input.current?.click()} />
      <input type="file" ref=${input} multiple hidden aria-label="File" onChange=${(e) => { take(e.target.files); e.target.value = '' }} />
      <textarea id="composer" ref=${area} rows="1" aria-label=${`Message as ${name}`} placeholder=${`Message as ${name}`} value=${text} dir="auto"
        onInput=${written} onKeyDown=${key} onPaste=${(e) => e.clipboardData?.files.length && (e.preventDefault(), take(e.clipboardData.files))}></textarea>
      <${IconButton} name="lines" label="Custom attributes" small pressed=${areOpen} onClick=${() => openAttributes(!areOpen)} />
      <button type="button" class="btn primary" disabled=${!text.trim() || isSending || bytes > TEXT_BYTES_MAX} onClick=${send}>${org ? `Send to ${org}` : 'Send'}</button>
    </div>
    <p class="hint"><span><span class="by-keys"><kbd>Enter</kbd> sends · <kbd>Shift Enter</kbd> new line · drop a file anywhere</span>${isDown && html`<span class="late"><span class="by-keys"> · </span>waits until the connection is back</span>`}</span>
      ${text && html`<span class=${bytes > TEXT_BYTES_MAX ? 'late' : ''}>${count(bytes)} of ${count(TEXT_BYTES_MAX)} bytes</span>`}</p></footer>`
}

/** @param {{attributes: Record<string, string>, onSet: (all: Record<string, string>) => void}} props */
function Attributes({ attributes, onSet }) {
  const [rows, set] = useState([...Object.entries(attributes), ['', '']])
  const change = (/** @type {number} */ i, /** @type {number} */ part, /** @type {string} */ value) =>
    set(rows.map((row, k) => (k === i ? (part ? [row[0], value] : [value, row[1]]) : row)))
  return html`<form class="attributes" onSubmit=${(e) => { e.preventDefault(); onSet(Object.fromEntries(rows.filter(([key]) => key))) }}>
    ${rows.map(([key, value], i) => html`<input class="field mono" aria-label=${`Name ${i + 1}`} placeholder="name" value=${key} onInput=${(e) => change(i, 0, e.target.value)} />
      <input class="field mono" aria-label=${`Value ${i + 1}`} placeholder="value" value=${value} onInput=${(e) => change(i, 1, e.target.value)} />`)}
    <span class="acts"><button type="button" class="btn small" onClick=${() => set([...rows, ['', '']])}>One more</button>
    <button class="btn small primary">Set attributes</button></span></form>`
}

/** Over the conversation while a file is dragged above it. */
export const DropHint = () => html`<div class="drop"><${Icon} name="clip" /> Drop to send as the guest</div>`
