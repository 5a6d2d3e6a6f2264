/** What the whole page shares: the daemon's description and figures, the list, the open session. */
import { ask, IS_EMULATOR, refusal } from './api.js'
import { connection, reconnect, subscribe } from './live.js'
import { Attention } from './models/attention.js'
import { emulator } from './models/emulator.js'
import { Frames } from './models/frames.js'
import { endOf } from './models/guest.js'
import { LoadRun } from './models/load.js'
import { listQuery } from './models/row.js'
import { Sessions } from './models/sessions.js'
import { Stats } from './models/stats.js'
import { Talk } from './models/talk.js'
import { route } from './route.js'
import { Cell, pauseLive } from './store.js'

/** `GET /v1/info`, or null before it has come. */
export const info = new Cell(/** @type {any} */ (null))
/** The words of `/readyz` where it says no, or "". */
export const trouble = new Cell('')
/** Whether live updates are paused; it survives every change of view. */
export const paused = new Cell(false)

export const sessions = new Sessions((query) => ask('GET', 'v1/sessions', { query }), endOf)
export const attention = new Attention(sessions)
export const stats = new Stats()
export const loadRun = new LoadRun()

/** The guest session that is open. */
export const talk = new Cell(/** @type {Talk | null} */ (null))
/** Its frames, while they or its conversation are on the screen. */
export const frames = new Cell(/** @type {Frames | null} */ (null))
/** Its explanation. */
export const explained = new Cell(/** @type {any} */ (null))

let stopExplain = () => {}
let stopChanges = () => {}

/** Whether this is a load run's own page, with no daemon behind it. */
export const isLoadOnly = () => Boolean(info.value?.load_runs?.length && !info.value.features.includes('changes'))
/** Whether this page may speak as the agent and break things. */
export const hasEmulator = () => Boolean(info.value?.emulator)
/** The org's name on what cannot be undone; "" with an emulator. */
export const orgName = () => (info.value?.target?.kind === 'platform' ? info.value.target.name : '')

/** @param {boolean} on */
export function pause(on) {
  pauseLive(on)
  paused.set(on)
  sessions.hold(on)
}

/** Opens or closes what the route names. */
function followRoute() {
  const { view, session } = route.value
  const wanted = view === 'guests' && !IS_EMULATOR ? session : ''
  if (wanted === (talk.value?.key ?? '')) return
  closeTalk()
  if (wanted) openTalk(wanted)
}

/** @param {string} key */
function openTalk(key) {
  const opened = new Talk(key)
  talk.set(opened)
  void load(opened)
}

/** How long a page waits that the daemon did not answer. */
const AGAIN_MS = 2000

/** @param {Talk} opened */
async function load(opened) {
  await opened.open()
  if (talk.value !== opened) return
  if (opened.session) {
    opened.watch(() => {
      const row = sessions.rows.get(opened.id)
      if (row) row.isEnding = opened.isEnding
      sessions.look(opened.id, opened.transcript.lastSeq)
    })
    opened.onState = () => void explainNow()
    look(opened)
  } else if (!opened.isMissing && !refusal.value) setTimeout(() => talk.value === opened && void load(opened), AGAIN_MS)
}

/** With the moment that its words are of. @param {any} found */
const tell = (found) => explained.set({ ...found, at: Date.now() })

/** Follows its frames and what it waits for. @param {Talk} opened */
function look(opened) {
  stopExplain()
  frames.value?.close()
  frames.set(new Frames(opened.id))
  if (!opened.isOver) stopExplain = subscribe('explain', { session: opened.id }, { data: tell, failed: () => explained.set(null) })
}

let isExplaining = false
let isOldAlready = false

/** The daemon tells each second what has changed; a change of state asks at once. */
async function explainNow() {
  isOldAlready = isExplaining
  const opened = talk.value
  if (isExplaining || !opened?.session || opened.isOver) return
  isExplaining = true
  try {
    const found = await ask('GET', `v1/sessions/${encodeURIComponent(opened.id)}/explain`)
    if (talk.value === opened && !opened.isOver) tell(found)
  } catch {
    // it has ended, or the next second tells
  }
  isExplaining = false
  if (isOldAlready) void explainNow()
}

/** What was shown of the open session in the last batch of changes. */
let changedTo = ''

/** @param {any[][]} changed */
function lookAtChanges(changed) {
  const row = changed.find(([id]) => id === talk.value?.id)
  const [id, state, , , waiting, uncertain] = row ?? []
  if (!row || changedTo === [id, state, waiting, uncertain].join()) return
  changedTo = [id, state, waiting, uncertain].join()
  void explainNow()
}

/** The daemon is back. One that was started anew numbers its frames anew, and may have lost what is open. */
async function comeBack() {
  const before = info.value?.started_at
  try {
    info.set(await ask('GET', 'v1/info'))
  } catch {
    return // it went again
  }
  if (sessions.problem) void sessions.ask(sessions.query)
  if (info.value.started_at === before) return
  emulator.startAnew()
  const opened = talk.value
  if (!opened) return
  if (opened.isMissing) reopen()
  if (!opened.session) return
  await opened.check()
  if (talk.value === opened) look(opened)
}

let wasUp = true
connection.watch(() => {
  const { isUp } = connection.value
  if (isUp && !wasUp) void comeBack()
  wasUp = isUp
})

function closeTalk() {
  talk.value?.close()
  frames.value?.close()
  stopExplain()
  stopExplain = () => {}
  talk.set(null)
  frames.set(null)
  explained.set(null)
}

/** Opens the same key again: another session may have it now. */
export function reopen() {
  const key = talk.value?.key
  closeTalk()
  if (key) openTalk(key)
}

let triedId = ''

/** A name that had no open session has one now. */
sessions.watch(() => {
  const opened = talk.value
  const row = opened?.isMissing ? sessions.find(opened.key) : undefined
  if (!row || row.id === triedId) return
  triedId = row.id
  reopen()
})

/** The words of `/readyz`, for a person. @type {Record<string, string>} */
const NOT_READY = {
  draining: 'guestd is stopping: it takes no new guests, and ends those that there are.',
  journal_stalled: 'The disk of the journal does not answer; nothing new is taken until it does.',
  storage_full: 'The disk of the journal is full; nothing new is taken.',
  storage_low: 'The disk of the journal is nearly full; no new guests are taken.',
  deployment_unknown: 'The platform does not know the deployment, or has not told of it yet.',
  platform_unreachable: 'The platform cannot be reached; guest sessions wait for it.',
}

async function readReady() {
  try {
    const response = await fetch(new URL('../readyz', import.meta.url), { cache: 'no-store', credentials: 'omit' })
    const said = await response.json()
    trouble.set(said.ready ? '' : NOT_READY[said.reason] ?? `guestd is not ready: ${said.reason ?? said.platform ?? ''}`)
  } catch {
    trouble.set('')
  }
}

const READY_EVERY_MS = 5000
const ATTENTION_EVERY_MS = 1000

/** Begins, with the token that there is. @returns {Promise<boolean>} whether the daemon let it */
export async function start() {
  if (IS_EMULATOR) {
    info.set({ emulator: '/', target: { kind: 'emulator', name: 'emulator' } })
    return true
  }
  try {
    info.set(await ask('GET', 'v1/info'))
    refusal.set(null)
  } catch {
    if (refusal.value) return false
  }
  if (isLoadOnly()) return true
  void sessions.ask(listQuery())
  void sessions.readEnded()
  reconnect()
  stopChanges()
  let isFirst = true
  let next = ''
  stopChanges = subscribe('changes', {}, {
    after: () => next,
    data: (batch) => {
      next = batch.next ?? ''
      lookAtChanges(batch.changed ?? [])
      if (batch.reset && !isFirst) void sessions.ask(sessions.query)
      else sessions.apply(batch)
      isFirst = false
    },
  })
  stats.start()
  void attention.read()
  followRoute()
  return true
}

route.watch(followRoute)
if (!IS_EMULATOR) {
  setInterval(() => !document.hidden && !isLoadOnly() && void readReady(), READY_EVERY_MS)
  setInterval(() => !document.hidden && info.value && !refusal.value && !isLoadOnly() && void attention.read(), ATTENTION_EVERY_MS)
  void readReady()
}
