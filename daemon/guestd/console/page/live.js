/**
 * What comes live from the daemon, by topic. Here: one stream of server-sent events per topic.
 */
import { ask, emulatorPath, Problem, request } from './api.js'
import { Cell } from './store.js'

/** Whether the daemon is there: since when it is not, and when it is tried again. */
export const connection = new Cell(/** @type {{isUp: boolean, since: number, next: number}} */ ({ isUp: true, since: 0, next: 0 }))

/**
 * @typedef {object} Listener
 * @property {(data: any) => void} data
 * @property {(n: number) => void} [skipped]
 * @property {(is: boolean) => void} [stale]
 * @property {(problem: unknown) => void} [failed] for good
 * @property {() => number} [after] where to go on
 */

/** @type {Record<string, (params: any) => {path: string, query: any, poll?: number}>} */
const TOPICS = {
  events: ({ session, after }) => ({ path: `v1/sessions/${encodeURIComponent(session)}/events`, query: { after } }),
  frames: ({ session, after, texts }) => ({ path: `v1/sessions/${encodeURIComponent(session)}/frames`, query: { after, texts } }),
  changes: () => ({ path: 'v1/changes', query: {} }),
  explain: ({ session }) => ({ path: `v1/sessions/${encodeURIComponent(session)}/explain`, query: {}, poll: 1000 }),
  stats: () => ({ path: 'v1/stats', query: {} }),
  emulator: () => ({ path: emulatorPath('events'), query: {} }),
}

const WAIT_MS = 1000
const WAIT_MAX_MS = 15_000

/**
 * @param {string} topic
 * @param {Record<string, any>} params
 * @param {Listener} listener
 * @returns {() => void} stops
 */
export function subscribe(topic, params, listener) {
  const stop = new AbortController()
  void follow(topic, params, listener, stop.signal)
  return () => stop.abort()
}

/** @param {string} topic @param {Record<string, any>} params @param {Listener} listener @param {AbortSignal} signal */
async function follow(topic, params, listener, signal) {
  let wait = WAIT_MS
  while (!signal.aborted) {
    const { path, query, poll } = TOPICS[topic]({ ...params, after: listener.after?.() || params.after })
    try {
      if (poll) {
        listener.data(await ask('GET', path, { query, signal }))
        await sleep(poll)
      } else {
        const response = await request('GET', path, { query, signal, headers: { Accept: 'text/event-stream' } })
        if (response.status === 204) return
        connected(true)
        listener.stale?.(false)
        await read(response, listener, signal)
      }
      connected(true)
      wait = WAIT_MS
    } catch (error) {
      if (signal.aborted) return
      if (error instanceof Problem && error.status >= 400 && error.status < 500 && error.status !== 429) {
        listener.failed?.(error)
        return
      }
      listener.stale?.(true)
      connected(false, wait)
    }
    if (!poll) await sleep(wait)
    wait = Math.min(WAIT_MAX_MS, wait * 2)
  }
}

/** @param {number} ms */
const sleep = (ms) => new Promise((done) => setTimeout(done, ms))

/** @param {boolean} isUp @param {number} [wait] */
function connected(isUp, wait = 0) {
  const { value } = connection
  if (isUp && value.isUp) return
  connection.set({ isUp, since: isUp ? 0 : value.since || Date.now(), next: isUp ? 0 : Date.now() + wait })
}

/** @param {Response} response @param {Listener} listener @param {AbortSignal} signal */
async function read(response, listener, signal) {
  const reader = /** @type {ReadableStream<any>} */ (response.body).pipeThrough(new TextDecoderStream()).getReader()
  let rest = ''
  while (!signal.aborted) {
    const { done, value } = await reader.read()
    if (done) return
    const parts = (rest + value).split(/\r?\n\r?\n/)
    rest = parts.pop() ?? ''
    for (const part of parts) deliver(part, listener)
  }
}

/** @param {string} part @param {Listener} listener */
function deliver(part, listener) {
  let kind = ''
  const data = []
  for (const line of part.split('\n')) {
    if (line.startsWith('event:')) kind = line.slice(6).trim()
    else if (line.startsWith('data:')) data.push(line.slice(5).trim())
  }
  if (!data.length || kind === 'closed' || kind === 'over') return
  const value = JSON.parse(data.join('\n'))
  if (kind === 'lagging') listener.skipped?.(value.skipped ?? 0)
  else listener.data(value)
}
