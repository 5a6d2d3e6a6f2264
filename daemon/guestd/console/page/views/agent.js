/** The agent's desk: speaking as the other side, with the request that does the same. */
import { html, useEffect, useState } from '../ui.js'
import { hasEmulator, info, orgName } from '../app.js'
import { addressOf, emulatorPath, needsToken } from '../api.js'
import { curl } from '../curl.js'
import { emulator } from '../models/emulator.js'
import { Choice } from '../parts/facts.js'
import { IconButton } from '../parts/icons.js'
import { copy, notice, told } from '../parts/toast.js'
import { useSources } from '../store.js'
import { line } from '../text.js'
import { clock } from '../time.js'

const TYPING_MS = 5000
/** What the emulator takes in one request. */
const FILE_BYTES_MAX = 700_000

/** What is being written; it survives a change of the pane. */
const draft = { nickname: 'Leo', kind: 'text', bot: false, text: '', choices: [['Yes', 'yes'], ['No', 'no']], title: '', description: '', actions: [['Open', '']], json: '', file: /** @type {any} */ (null) }

const OVER = 'The session has ended'

/** How a conversation ends: word, route, more. @type {[string, string, any?][]} */
const ENDS = [['Disconnect', 'disconnect'], ['Read only', 'disconnect', { mode: 'ReadOnly' }], ['Sign out', 'logout'], ['Expire', 'expire']]

/** Why there is no desk, and how there would be one. */
export const NoEmulator = () => html`<div class="empty"><h2>${orgName() ? `${orgName()} is a real org` : 'The emulator is not in reach'}</h2><p>Only an emulator lets this page speak as the agent or break things on purpose. Start one, and let guestd use it:</p>
  <pre class="json" tabindex="0">guestd emulate --port 8080
GUESTD_PLATFORM__EMULATOR="the address that it prints" guestd serve</pre></div>`

/** @param {{open: import('../models/talk.js').Talk}} props */
export function AgentPane({ open }) {
  useSources(emulator, info)
  const [, draw] = useState(0)
  useEffect(() => {
    if (hasEmulator()) emulator.start()
  }, [info.value])
  if (!hasEmulator()) return html`<${NoEmulator} />`
  const set = (/** @type {Record<string, any>} */ change) => {
    Object.assign(draft, change)
    draw((/** @type {number} */ n) => n + 1)
  }
  const written = (/** @type {keyof typeof draft} */ name) => ({ value: draft[name], onInput: (/** @type {any} */ e) => set({ [name]: e.target.value }) })
  const { body, problem } = bodyOf(open.name)
  const isOver = open.isOver
  const send = async () => {
    if (isOver || problem) return notice(isOver ? OVER : problem, 'bad')
    if (!(await told(emulator.post('say', body), `Sent as ${draft.nickname}`))) return undefined
    return set({ text: draft.kind === 'json' ? draft.text : '', file: null })
  }
  const request = curl({ url: addressOf(emulatorPath('say')).href, body, token: needsToken() })
  return html`<div class="scroll" tabindex="-1"><${Said} open=${open} /><form class="group" aria-label="Answer as the agent" onSubmit=${(e) => { e.preventDefault(); void send() }}>
      <h3>Answer as the agent <small>emulator, not the platform</small></h3>${isOver && html`<p class="dim">${OVER}.</p>`}
      <div class="formrow"><label for="nickname">Nickname</label><div class="line"><input class="field grow" id="nickname" ...${written('nickname')} />
        <${Choice} label="Who speaks" choices=${[['', 'Human'], ['bot', 'Bot']]} value=${draft.bot ? 'bot' : ''} onChoose=${(key) => set({ bot: key === 'bot' })} /></div></div>
      <div class="formrow"><span class="label">Send a</span><div><${Choice} label="Send a" choices=${[['text', 'Text'], ['quick', 'Quick replies'], ['card', 'Card'], ['file', 'File'], ['json', 'JSON']]} value=${draft.kind} onChoose=${(kind) => set({ kind })} /></div></div>
      <div class="formrow"><label for="agent-text">Text</label><textarea class="field" id="agent-text" dir="auto" ...${written('text')}
        onKeyDown=${(e) => e.key === 'Enter' && !e.shiftKey && (e.preventDefault(), void send())}></textarea></div>
      ${draft.kind === 'quick' && html`<${Pairs} label="Choices" second="Payload" pairs=${draft.choices} onSet=${(choices) => set({ choices })} add="Add a choice" />`}
      ${draft.kind === 'card' && html`<div class="formrow"><label for="card-title">Title</label><input class="field" id="card-title" ...${written('title')} /></div>
        <div class="formrow"><label for="card-text">Description</label><input class="field" id="card-text" ...${written('description')} /></div>
        <${Pairs} label="Buttons" second="Address or payload" pairs=${draft.actions} onSet=${(actions) => set({ actions })} add="Add a button" />`}
      ${draft.kind === 'file' && html`<div class="formrow"><label for="agent-file">File</label><input type="file" id="agent-file" onChange=${(e) => take(e.target.files[0], set)} /></div>`}
      ${draft.kind === 'json' && html`<div class="formrow"><label for="agent-json">Content</label><textarea class="field mono" id="agent-json" placeholder='[{"contentType": "Card", "card": {…}}]' ...${written('json')}></textarea></div>`}
      <div class="formrow"><span></span><div class="line"><button class="btn primary" disabled=${isOver}>Send as ${draft.nickname || 'the agent'}</button><button type="button" class="btn" disabled=${isOver} onClick=${() => told(emulator.post('typing', { guest: open.name, duration_ms: TYPING_MS }))}>Type for 5 s</button></div></div></form>
    <div class="group"><h3>Scripted agent</h3><div class="formrow"><label for="script">Script</label><div class="line"><select class="field grow" id="script" value=${emulator.agent} onChange=${(e) => told(emulator.setAgent(e.target.value), 'The agent has changed, for all guests')}>
      ${!emulator.agents.includes(emulator.agent) && html`<option value=${emulator.agent}>${emulator.agent || 'a script of its own'}</option>`}${emulator.agents.map((one) => html`<option key=${one} value=${one}>${one}</option>`)}</select><span class="dim">for all guests</span></div></div></div>
    <div class="group"><h3>End the conversation</h3><div class="line">${ENDS.map(([label, path, more]) => html`<button type="button" key=${label} class="btn small" disabled=${isOver} onClick=${() => told(emulator.post(path, { guest: open.name, ...more }), 'Done')}>${label}</button>`)}</div></div>
    <div class="group"><h3>Equivalent request <${IconButton} small name="copy" label="Copy as curl" onClick=${() => copy(request, 'curl')} /></h3><pre class="mono curl" tabindex="0">${request}</pre></div></div>`
}

/** The end of the conversation, where the desk is over it. @param {{open: import('../models/talk.js').Talk}} props */
function Said({ open }) {
  useSources(open.transcript && open)
  const last = (open.transcript?.list() ?? []).filter((one) => one.kind === 'message').slice(-2)
  return last.length > 0 && html`<div class="group only-narrow"><h3>Said last</h3>${last.map((one) => html`<p key=${one.key}><time class="dim">${clock(one.at)}</time> ${one.mine ? 'Guest' : html`<bdi>${one.sender || 'Agent'}</bdi>`}: <bdi>${line(one.text || 'no text')}</bdi></p>`)}</div>`
}

/** @param {File | undefined} file @param {(change: any) => void} set */
async function take(file, set) {
  if (!file) return set({ file: null })
  if (file.size > FILE_BYTES_MAX) return notice('At most 700 KB from here', 'bad')
  const bytes = new Uint8Array(await file.arrayBuffer())
  let text = ''
  for (const byte of bytes) text += String.fromCharCode(byte)
  return set({ file: { name: file.name, mime: file.type || 'application/octet-stream', content: btoa(text) } })
}

/** What `say` is asked for. @param {string} guest @returns {{body: Record<string, any>, problem: string}} */
export function bodyOf(guest) {
  const { nickname, bot, text, kind } = draft
  /** @type {Record<string, any>} */
  const body = { guest, ...(nickname && { nickname }), ...(bot && { bot }), ...(text && { text }) }
  if (kind === 'quick') body.quick_replies = draft.choices.filter(([label]) => label).map(([label, payload]) => [label, payload || label])
  if (kind === 'card') body.card = { title: draft.title || text || 'Card', ...(draft.description && { description: draft.description }), actions: draft.actions.filter(([label]) => label).map(action) }
  if (kind === 'file') {
    if (!draft.file) return { body, problem: 'Choose a file first' }
    body.file = draft.file
  }
  if (kind === 'json') {
    try {
      body.content = JSON.parse(draft.json)
    } catch (error) {
      return { body, problem: `The content is not JSON: ${error instanceof Error ? error.message : error}` }
    }
  }
  return { body, problem: kind === 'text' && !text ? 'There is no text to send' : '' }
}

/** @param {string[]} pair */
const action = ([text, to]) => (/^https?:/.test(to) ? { text, url: to } : { text, payload: to || text })

/** @param {{label: string, second: string, pairs: string[][], onSet: (pairs: string[][]) => void, add: string}} props */
function Pairs({ label, second, pairs, onSet, add }) {
  const change = (/** @type {number} */ i, /** @type {string[]} */ pair) => onSet(pairs.map((one, k) => (k === i ? pair : one)))
  return html`<div class="formrow"><span class="label">${label}</span><div><div class="choices">${pairs.map(([text, value], i) => html`
    <input class="field" aria-label=${`Label ${i + 1}`} value=${text} onInput=${(e) => change(i, [e.target.value, value])} />
    <input class="field mono" aria-label=${`${second} ${i + 1}`} value=${value} onInput=${(e) => change(i, [text, e.target.value])} />
    <${IconButton} small name="close" label=${`Remove ${i + 1}`} onClick=${() => onSet(pairs.filter((_, k) => k !== i))} />`)}</div>
    <button type="button" class="more" onClick=${() => onSet([...pairs, ['', '']])}>${add}</button></div></div>`
}
