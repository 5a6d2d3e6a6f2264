/** The conversation, as the guest sees it, with what became of each message. */
import { html, useEffect, useLayoutEffect, useRef, useState } from '../ui.js'
import { frames, orgName, reopen, sessions, talk } from '../app.js'
import { said } from '../api.js'
import { Bubble } from '../parts/bubble.js'
import { Composer, DropHint } from '../parts/composer.js'
import { forgetFiles } from '../parts/file.js'
import { Icon } from '../parts/icons.js'
import { notice, told } from '../parts/toast.js'
import { go, linkTo, route } from '../route.js'
import { useNow, useSources, useStable } from '../store.js'
import { some, words } from '../text.js'
import { duration, when } from '../time.js'
import { DOWN } from '../models/row.js'
import { RECORDED } from './frames.js'
import { newGuest } from './guests.js'
import { Head } from './head.js'
import { NarrowTabs } from './inspector.js'

/** @typedef {import('../models/talk.js').Talk} Talk */
/** @typedef {import('../models/transcript.js').Item} Item */

export function TalkPane() {
  useSources(talk, talk.value, route)
  const open = talk.value
  const [isOver, setOver] = useState(false)
  if (!open) return html`<section class="pane talkpane" aria-label="Conversation"><div class="empty"><h2>No guest is chosen</h2><p>Choose one from the list<span class="by-keys">, or press <kbd>j</kbd> and <kbd>Enter</kbd></span>.</p></div></section>`
  if (open.isMissing) return html`<${Missing} open=${open} />`
  const take = (/** @type {ArrayLike<File>} */ files) => Array.from(files).forEach((file) => told(open.attach(file)))
  const drop = (/** @type {DragEvent} */ e) => {
    if (!e.dataTransfer?.files.length || !open.canWrite) return
    e.preventDefault()
    setOver(false)
    take(e.dataTransfer.files)
  }
  const drag = (/** @type {DragEvent} */ e) => {
    if (!e.dataTransfer?.types.includes('Files') || !open.canWrite) return
    e.preventDefault()
    setOver(true)
  }
  return html`<section class="pane talkpane" aria-label=${`Conversation with ${open.name}`} onDragOver=${drag} onDragLeave=${(e) => !e.currentTarget.contains(e.relatedTarget) && setOver(false)}
    onDrop=${drop}>
    <${Head} open=${open} /><${NarrowTabs} />
    ${open.problem ? html`<p class="problem-line" role="alert">${said(open.problem)}</p>` : null}
    ${open.earlier.length > 0 && html`<p class="hint-line">${some(open.earlier.length, 'earlier session')} of this name: ${open.earlier.slice(0, 5).map((one, i) => html`${i ? ', ' : ''}<a href=${linkTo({ session: `~${one.session_id}` })} title=${one.session_id}>${when(Date.parse(one.ended_at ?? one.opened_at)) || one.session_id}</a>`)}</p>`}
    <${Messages} key=${open.id} open=${open} />
    ${open.canWrite ? html`<${Writing} open=${open} />` : html`<${Over} open=${open} />`}
    ${isOver && html`<${DropHint} />`}</section>`
}

/** @param {{open: Talk}} props */
function Missing({ open }) {
  const name = open.key.startsWith('~') ? '' : open.key
  return html`<section class="pane talkpane" aria-label="Conversation"><div class="empty"><h2>No open guest session ${name ? html`of the name “<bdi>${name}</bdi>”` : `has the id ${open.key.slice(1)}`}</h2>
    ${open.earlier.length > 0 && html`<p>It has ended ones: ${open.earlier.map((one) => html` <a href=${linkTo({ session: `~${one.session_id}` })}>${when(Date.parse(one.ended_at))}</a>`)}</p>`}
    ${!name && html`<p>It has ended, and the journal keeps nothing of it; or there never was one.</p>`}
    ${name && html`<p class="acts"><button class="btn primary" onClick=${() => newGuest(name).then(reopen)}>Open it</button></p>`}</div></section>`
}

/** So many messages are drawn at first, and so many more each time. */
const DRAWN = 100

/** @param {{open: Talk}} props */
function Messages({ open }) {
  const now = useNow()
  useSources(frames.value)
  useEffect(() => forgetFiles, [])
  const box = /** @type {{current: HTMLElement | null}} */ (useRef(null))
  const atEnd = useRef(true)
  const [isBelow, below] = useState(false)
  const { transcript } = open
  const [max, show] = useState(DRAWN)
  const every = transcript.list()
  const items = every.slice(-max)
  const seq = Number(route.value.query.seq) || 0
  const sentBefore = useRef(0)
  useLayoutEffect(() => {
    const isSent = open.sentSeq > sentBefore.current
    sentBefore.current = open.sentSeq
    if (isSent) atEnd.current = true
    if (box.current && (isSent || (atEnd.current && !seq))) box.current.scrollTop = box.current.scrollHeight
  })
  const isTyping = (transcript.typing?.until ?? 0) > now && !open.isOver
  useLayoutEffect(() => {
    if (!atEnd.current) below(true)
  }, [items.length, isTyping])
  useEffect(() => {
    const item = seq && items.find((one) => one.seq === seq)
    if (item) document.getElementById(`item-${item.key}`)?.scrollIntoView({ block: 'center' })
  }, [seq, items.length > 0])
  const scrolled = useStable(() => {
    const el = box.current
    if (!el) return
    atEnd.current = el.scrollHeight - el.scrollTop - el.clientHeight < 40
    if (atEnd.current) below(false)
  })
  const end = () => {
    box.current?.scrollTo({ top: box.current.scrollHeight })
  }
  const marked = markedBy(Number(route.value.query.n) || 0)
  return html`<div class=${open.isStale ? 'talkbox stale' : 'talkbox'}><div class="talk" role="log" aria-live="polite" aria-label="Messages" tabindex="0" ref=${box} onScroll=${scrolled} id="messages">
    <div>${(open.firstSeq > 0 || every.length > max) && html`<button class="more" onClick=${() => (every.length > max ? show(max + DRAWN) : told(open.readEarlier()))}>Show earlier messages</button>`}
    ${!items.length && !open.isLoading && !open.problem && html`<p class="sys">Nothing was said yet</p>`}</div>
    ${items.map((item, i) => html`<${Bubble} key=${item.key} item=${item} now=${open.isOver || isSettled(item) ? 0 : now} isDown=${DOWN.has(open.state)} isFirst=${isFirst(items, i)} isMarked=${marked(item)} of=${context(open, item)} onFrames=${() => showFrames(item)} />`)}
    ${isTyping && html`<div class="turn"><div class="bubble typing" role="img" aria-label=${`${transcript.typing?.sender || 'The agent'} is typing`}><i></i><i></i><i></i></div></div>`}</div>
    ${isBelow && html`<button class="btn small below" onClick=${end}>Newer below</button>`}</div>`
}

/** Whether nothing of it changes with time. @param {Item} item */
const isSettled = (item) => (item.kind === 'line' ? !item.outage || item.outage.restored > 0 : !item.mine || Boolean(item.delivery) || Boolean(item.echoSeq))

/** @param {Item[]} items @param {number} i */
function isFirst(items, i) {
  const [before, item] = [items[i - 1], items[i]]
  return !before || before.kind === 'line' || before.mine !== item.mine || before.sender !== item.sender || item.at - before.at > 60_000 || Boolean(item.late)
}

/** @param {Talk} open @param {Item} item @returns {import('../parts/cards.js').Context} */
function context(open, item) {
  const hasChoices = !item.mine && item.content?.length
  const answer = hasChoices ? open.transcript.answerTo(item) : undefined
  const chosen = answer?.content?.find((one) => one?.contentType === 'ButtonResponse')?.buttonResponse
  return {
    session: open.id,
    messageId: item.id ?? '',
    answered: answer ? { text: chosen?.text ?? answer.text, payload: chosen?.payload } : null,
    canAnswer: open.canWrite,
    choose: (type, text, payload, messageId) => { void told(open.reply(type, text, payload, messageId)) },
  }
}

/** Which items belong to the frame that is looked at. @param {number} n @returns {(item: Item) => boolean} */
function markedBy(n) {
  const frame = n ? frames.value?.byNumber(n) : undefined
  if (!frame) return () => false
  return (item) => Boolean((frame.seq && item.seq === frame.seq) || (frame.command_id && frame.command_id === item.command))
}

/** @param {Item} item */
function showFrames(item) {
  const [frame] = frames.value?.of({ command: item.command, seq: item.seq }) ?? []
  if (!frame) notice(`Its frame is not there. ${RECORDED}`)
  go({ pane: 'frames', query: { n: frame ? String(frame.n) : '', seq: String(item.seq) } })
}

/** @param {{open: Talk}} props */
function Writing({ open }) {
  return html`<${Composer} key=${open.id} session=${open.id} name=${open.name} org=${orgName()} fileBytesMax=${open.session?.file_bytes_max ?? 0} isDown=${DOWN.has(open.state)}
    attributes=${open.session?.attributes ?? {}} onSend=${async (text) => Boolean(await told(open.send(text)))}
    onFile=${(file) => told(open.attach(file))} onTyping=${() => open.typing()}
    onAttributes=${(all) => told(open.setAttributes(all), 'Attributes are set')} />`
}

/** @param {{open: Talk}} props */
function Over({ open }) {
  useSources(sessions)
  if (open.isLoading || !open.session) return null
  const { reason } = open.transcript
  const ended = Date.parse(open.session.ended_at ?? '') || 0
  if (!open.isOver) return html`<footer class="say over"><span class="grow">Read only: the conversation is over, and the platform takes no more messages.</span></footer>`
  const other = sessions.find(open.name)
  const took = open.openedAt && ended ? `, after ${duration(ended - open.openedAt)}` : ''
  return html`<footer class="say over"><${Icon} name="close" /><span class="grow">Ended${ended ? ` ${when(ended)}` : ''}${reason ? `: ${words(reason)}` : ''}${took}. It can be read as long as the journal keeps it.</span>
    ${other && other.id !== open.id ? html`<button class="btn" onClick=${() => showNew(open)}>Show the new one of this name</button>`
    : html`<button class="btn" onClick=${() => newGuest(open.name).then(reopen)}>Open a new one of this name</button>`}</footer>`
}

/** The name belongs to another session now. @param {Talk} open */
function showNew(open) {
  if (open.key === open.name) reopen()
  else go({ session: open.name })
}
