/**
 * What comes live from the daemon: one WebSocket for the whole page, `/v1/watch`, by topics. A
 * browser opens six HTTP connections to one host over all its tabs; sockets are not among them.
 * Lost, it comes back, and each topic goes on where it was.
 */
import { IS_EMULATOR, Problem, refusal, ROOT, tokensInUse } from './api.js'
import { Cell } from './store.js'

/** Whether the daemon is there: since when it is not, and when it is tried again (ms). */
export const connection = new Cell(/** @type {{isUp: boolean, since: number, next: number}} */ ({ isUp: true, since: 0, next: 0 }))

/**
 * @typedef {object} Listener
 * @property {(data: any) => void} data
 * @property {(n: number) => void} [skipped] so many are missing
 * @property {(is: boolean) => void} [stale] the connection is lost, or back
 * @property {(problem: unknown) => void} [failed] for good
 * @property {() => unknown} [after] where to go on
 */

/** @typedef {{topic: string, params: Record<string, any>, listener: Listener}} Subscription */

const WAIT_MS = 500
const WAIT_MAX_MS = 10_000
/** A hidden page gives up what it follows after this, and takes it up when it is seen again. */
const HIDDEN_MS = 60_000
const TOKEN_REFUSED = 4401

/** @type {Map<string, Subscription>} */
const all = new Map()
/** @type {WebSocket | null} */
let socket = null
let isGreeted = false
let tries = 0
let last = 0
/** @type {any} */
let timer = 0

/**
 * @param {string} topic
 * @param {Record<string, any>} params
 * @param {Listener} listener
 * @returns {() => void} stops
 */
export function subscribe(topic, params, listener) {
  if (IS_EMULATOR) return () => {}
  const id = String(++last)
  all.set(id, { topic, params, listener })
  if (isGreeted) follow(id)
  else if (!socket && !timer) dial()
  return () => {
    if (all.delete(id) && isGreeted) say({ action: 'unsubscribe', id })
  }
}

/** @param {Record<string, unknown>} message */
const say = (message) => socket?.send(JSON.stringify(message))

/** @param {string} id */
function follow(id) {
  const one = all.get(id)
  if (!one) return
  const after = one.listener.after?.() || one.params.after
  say({ action: 'subscribe', id, topic: one.topic, ...one.params, ...(after ? { after } : {}) })
}

function dial() {
  timer = 0
  const url = new URL('v1/watch', ROOT)
  url.protocol = url.protocol.replace('http', 'ws')
  const opened = new WebSocket(url)
  socket = opened
  opened.onopen = () => say({ action: 'hello', token: tokensInUse().api })
  opened.onmessage = ({ data }) => hear(JSON.parse(data))
  opened.onclose = ({ code, reason }) => {
    if (socket === opened) lost(code, reason)
  }
}

/** @param {any} message */
function hear(message) {
  if (message.kind === 'hello') {
    isGreeted = true
    tries = 0
    connection.set({ isUp: true, since: 0, next: 0 })
    for (const [id, { listener }] of all) {
      listener.stale?.(false)
      follow(id)
    }
    return
  }
  const listener = all.get(message.id)?.listener
  if (!listener) return
  if (message.kind === 'data') listener.data(message.data)
  else if (message.kind === 'lagging') listener.skipped?.(message.skipped ?? 0)
  else if (message.kind === 'over') all.delete(message.id)
  else if (message.kind === 'error') {
    all.delete(message.id)
    listener.failed?.(new Problem(400, message))
  }
}

/** @param {number} code @param {string} reason */
function lost(code, reason) {
  socket = null
  isGreeted = false
  if (code === TOKEN_REFUSED) {
    refusal.set(new Problem(401, { code: 'unauthorized', detail: reason || 'the token is missing or wrong' }))
    return
  }
  if (document.hidden || !all.size) return
  for (const { listener } of all.values()) listener.stale?.(true)
  const wait = Math.min(WAIT_MAX_MS, WAIT_MS * 2 ** tries++)
  connection.set({ isUp: false, since: connection.value.since || Date.now(), next: Date.now() + wait })
  timer = setTimeout(dial, wait)
}

/** Begins again with another token. */
export function reconnect() {
  if (!socket && !timer && all.size) dial()
}

/** @type {any} */
let hiding = 0
globalThis.document?.addEventListener('visibilitychange', () => {
  clearTimeout(hiding)
  if (document.hidden) hiding = setTimeout(() => socket?.close(1000), HIDDEN_MS)
  else reconnect()
})
