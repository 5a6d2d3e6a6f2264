/** The list of guests: search, counts by state, the rows. */
import { html, useEffect, useState } from '../ui.js'
import { info, reopen, sessions, talk } from '../app.js'
import { focusSoon } from '../keys.js'
import { said } from '../api.js'
import { openGuest } from '../models/guest.js'
import { attentionOf, dotOf, flagOf, keepOrder, listQuery } from '../models/row.js'
import { Icon, IconButton } from '../parts/icons.js'
import { ListWindow } from '../parts/list-window.js'
import { copy, told } from '../parts/toast.js'
import { go, route } from '../route.js'
import { useNow, useSources, useStable } from '../store.js'
import { count, line, some, words } from '../text.js'
import { clock, utc } from '../time.js'

/** @typedef {import('../models/sessions.js').Row} Row */

const ROW_PX = 52
const SEARCH_AFTER_MS = 250
const SKELETON_AFTER_MS = 300

const SORTS = [['attention', 'Needs attention first'], ['activity', 'Last activity first'], ['opened', 'Opened last first'], ['name', 'By name']]

/** The row that the keys move. */
export const cursor = { id: '' }

/** Moves to another row. @param {number} step */
export function step(step) {
  const at = sessions.order.indexOf(cursor.id)
  const to = Math.min(sessions.order.length - 1, Math.max(0, at + step))
  cursor.id = sessions.order[to] ?? ''
  document.getElementById('guests')?.focus()
  sessions.acted()
}

/** Opens the row that the keys have moved to. */
export function openCursor() {
  const row = sessions.rows.get(cursor.id)
  if (row) open(row)
}

/** A session by its name while that is unique, else by its id. @param {Row} row */
export const keyOf = (row) => (row.state === 'ended' ? `~${row.id}` : row.name)

/** @param {Row} row */
function open(row) {
  cursor.id = row.id
  sessions.look(row.id, row.seq)
  const { pane, session } = route.value
  const open = talk.value
  if (keyOf(row) === session && (open?.id !== row.id || (open.isOver && row.state !== 'ended'))) reopen()
  else go({ session: keyOf(row), pane: pane === 'chat' ? '' : pane })
}

export function Guests() {
  useSources(sessions, route, info)
  const { q, state, sort } = listQuery()
  useEffect(() => {
    if (q === sessions.query.q && state === sessions.query.state && sort === sessions.query.sort) return
    void sessions.ask({ q, state, sort })
  }, [q, state, sort])
  const set = (/** @type {Record<string, string>} */ change) => {
    const query = { ...route.value.query, q, state, sort, ...change }
    if (query.state === 'all') query.state = ''
    if (query.sort === 'attention') query.sort = ''
    if (change.sort) keepOrder(change.sort)
    go({ session: route.value.session, pane: route.value.pane, query }, { replace: true })
  }
  const isEmpty = !sessions.isLoading && !sessions.order.length
  return html`<section class="pane listpane guests" aria-label="Guest sessions">
    ${!route.value.session && html`<h1 class="vh">Guest sessions</h1>`}
    <${Search} q=${q} onSearch=${(text) => set({ q: text })} />
    <${States} state=${state} onChoose=${(key) => set({ state: key })} />
    <div class="order"><select aria-label="Order" value=${sort} onChange=${(e) => set({ sort: e.target.value })}>
      ${SORTS.map(([key, text]) => html`<option value=${key}>${text}</option>`)}</select>
      ${sessions.isHeld && sessions.newer.size > 0 && html`<button onClick=${() => sessions.putInOrder()}>${count(sessions.newer.size)} newer</button>`}
      <button onClick=${() => newGuest()}>New guest</button></div>
    ${sessions.problem ? html`<p class="problem-line" role="alert">${said(sessions.problem)}</p>` : null}
    ${isEmpty ? html`<${Nothing} q=${q} state=${state} />` : sessions.order.length ? html`<${List} />` : html`<${Skeleton} />`}
  </section>`
}

/** Opens what a search finds, if that is one. @param {string} q */
async function openOnly(q) {
  if (q !== sessions.query.q || sessions.isLoading) await sessions.ask({ ...sessions.query, q })
  const { order: [id, ...others], rows } = sessions
  const row = rows.get(id)
  if (q && row && !others.length) open(row)
}

/** @param {{q: string, onSearch: (text: string) => void}} props */
function Search({ q, onSearch }) {
  const [text, write] = useState(q)
  useEffect(() => write(q), [q])
  useEffect(() => {
    if (text === q) return undefined
    const timer = setTimeout(() => onSearch(text), SEARCH_AFTER_MS)
    return () => clearTimeout(timer)
  }, [text, q])
  return html`<div class="find" role="search"><${Icon} name="search" /><input type="search" class="field" id="search" placeholder="Name, id or attribute" aria-label="Search guest sessions"
    value=${text} onInput=${(e) => write(e.target.value)}
    onKeyDown=${(e) => (e.key === 'ArrowDown' ? (e.preventDefault(), step(0)) : e.key === 'Enter' && (onSearch(text), openOnly(text)))} /><kbd aria-hidden="true">/</kbd></div>`
}

/** @param {{state: string, onChoose: (state: string) => void}} props */
function States({ state, onChoose }) {
  const { live = 0, ended = 0 } = sessions.listed
  const down = sessions.openCount - live
  const all = [['all', 'Open', live + down], ['live', 'Live', live], ['down', 'Down', down], ['ended', 'Ended', ended]]
  return html`<div class="states" role="group" aria-label="State">${all.map(([key, text, n]) => html`<button key=${key}
    aria-pressed=${key === state} onClick=${() => onChoose(String(key))}><b>${count(Number(n))}</b>${text}</button>`)}</div>`
}

function List() {
  const { order, rows } = sessions
  const selected = route.value.session
  const at = order.indexOf(cursor.id)
  const opened = selected ? order.findIndex((id) => isOpen(id, selected)) : -1
  const rowAt = (/** @type {number} */ i) => rows.get(order[i])
  const see = useStable((/** @type {number} */ first, /** @type {number} */ last) => sessions.see(order.slice(first, last)))
  return html`<${ListWindow} id="guests" label=${`Guest sessions, ${SORTS.find(([key]) => key === sessions.query.sort)?.[1] ?? ''}`} count=${order.length} rowHeight=${ROW_PX}
    keyOf=${(i) => order[i]} active=${at} activeNow=${() => sessions.order.indexOf(cursor.id)} selected=${opened}
    classOf=${(i) => (rowAt(i) && i !== opened && sessions.unread(/** @type {any} */ (rowAt(i))) ? 'unread' : '')}
    row=${(i) => html`<${GuestRow} row=${rowAt(i)} isOpen=${i === opened} />`}
    onActive=${(i) => { cursor.id = order[i]; sessions.acted() }} onOpen=${(i) => open(/** @type {any} */ (rowAt(i)))}
    onSee=${see} onHold=${(on) => sessions.hold(on)} />`
}

/** @param {string} id @param {string} key */
function isOpen(id, key) {
  if (key.startsWith('~')) return key === `~${id}`
  const row = sessions.rows.get(id)
  return row?.name === key && row.state !== 'ended'
}

/** @param {{row: Row, isOpen: boolean}} props */
function GuestRow({ row, isOpen }) {
  const now = useNow()
  const unread = isOpen ? 0 : sessions.unread(row)
  const flag = flagOf(row, now)
  const last = lastOf(row)
  const isHeld = Boolean(attentionOf(row) || row.isEnding)
  return html`<span class=${`dot ${dotOf(row.state, isHeld)}`} role="img" aria-label=${words(row.state)}></span><span class="who"><bdi>${row.name}</bdi></span>
    <time title=${utc(row.activity)}>${clock(row.activity)}</time><span class=${flag || unread ? 'last' : 'last wide'}><bdi>${last}</bdi></span>
    ${flag ? html`<span class=${row.state === 'live' ? 'flag' : 'flag bad'}>${flag}</span>` : unread ? html`<span class="badge" role="img" aria-label=${some(unread, 'new event')}>${unread > 99 ? '99+' : unread}</span>` : null}`
}

/** @param {Row} row */
function lastOf(row) {
  if (row.state === 'ended') return row.reason ? `Ended: ${words(row.reason)}` : 'Ended'
  if (row.last?.text || row.last?.type) {
    const text = row.last.text ? line(row.last.text) : row.last.type
    return row.last.direction === 'Inbound' ? `You: ${text}` : text
  }
  if (row.waiting) return `${some(row.waiting, 'message')} not confirmed yet`
  return row.state === 'live' ? 'Nothing was said yet' : words(row.reason) || words(row.state)
}

/** Rows that are coming: shown after a moment only. */
function Skeleton() {
  const [isShown, show] = useState(false)
  useEffect(() => {
    const timer = setTimeout(() => show(true), SKELETON_AFTER_MS)
    return () => clearTimeout(timer)
  }, [])
  return html`<div class="rows" aria-busy="true" aria-label="Loading" role="img">${isShown && [0, 1, 2, 3, 4, 5].map((i) => html`<div class="row" key=${i} style=${{ top: `${i * ROW_PX}px`, height: `${ROW_PX}px` }}>
    <span></span><span class="bone short"></span><span></span><span class="bone long"></span></div>`)}</div>`
}

/** Opens a guest, and shows it. @param {string} [name] */
export async function newGuest(name) {
  const made = await told(openGuest(name))
  if (!made) return
  go({ view: 'guests', session: made.name, pane: '' })
  focusSoon('composer')
}

/** @param {{q: string, state: string}} props */
function Nothing({ q, state }) {
  if (q) {
    const { ended = 0 } = sessions.listed
    const open = sessions.openCount
    const choose = (/** @type {string} */ other, /** @type {string} */ text) => html`<p><button class="btn" onClick=${() => go({ session: route.value.session, query: { q, state: other } })}>${text} with it</button></p>`
    return html`<div class="empty"><h2>Nothing matches “<bdi>${line(q, 60)}</bdi>”</h2>
      ${open > 0 && choose('', some(open, 'open session'))}${ended > 0 && choose('ended', some(ended, 'ended session'))}
      ${!open && !ended && html`<p>Neither among the open guest sessions nor among the ended ones.</p>`}</div>`
  }
  if (state !== 'all') return html`<div class="empty"><h2>None ${state === 'live' ? 'is live' : state === 'down' ? 'is down' : 'has ended'}</h2></div>`
  const command = `curl -s -X POST ${new URL('../v1/sessions', new URL('.', import.meta.url).href.replace(/views\/$/, ''))} -H 'Content-Type: application/json' -d '{"name": "ana"}'`
  return html`<div class="empty"><h2>No guest session is open</h2>
    <p>A guest session is one person in your site’s chat. guestd keeps it connected, and this page shows both sides of its conversation: what the guest sees, and what went over the wire.</p>
    <div class="command"><code tabindex="0">${command}</code><${IconButton} name="copy" label="Copy the command" small onClick=${() => copy(command, 'Command')} /></div>
    <p><button class="btn primary" onClick=${() => newGuest('ana')}>Open the first guest</button></p></div>`
}
