/**
 * Requests to the daemon. The token is kept in this module's variable, and in the tab's own storage
 * where the viewer asked for that; never in an address, a cookie or the page.
 */
import { Cell } from './store.js'

/** Where the daemon is: one above this file's folder, so that a proxy's prefix changes nothing. */
export const ROOT = new URL('../', import.meta.url)

/** Whether this is an emulator's own page, with no guestd behind it. */
export const IS_EMULATOR = ROOT.pathname.endsWith('/__emulator/')

/** Where the emulator's routes are. @param {string} path */
export const emulatorPath = (path) => (IS_EMULATOR ? path : `__emulator/${path}`)

const KEY = 'guestd-token'

let token = ''
try {
  token = globalThis.sessionStorage?.getItem(KEY) ?? ''
} catch {
  // storage is off: the token lives as long as the page
}

/** Whether the daemon asks for a token that the page does not have, or refused the page. */
export const refusal = new Cell(/** @type {Problem | null} */ (null))

/** Of the simulator, where it is known to be another one. */
let simulatorToken = ''

/** @returns {{api: string, simulator: string}} */
export const tokensInUse = () => ({ api: token, simulator: simulatorToken || token })

/** Whether what is copied must name a token. */
export const needsToken = () => Boolean(token)

/**
 * @param {string} value
 * @param {boolean} keep in this tab, over a reload
 * @param {string} [simulator] where it has one of its own
 */
export function useToken(value, keep, simulator = '') {
  token = value
  simulatorToken = simulator
  try {
    if (keep && value) sessionStorage.setItem(KEY, value)
    else sessionStorage.removeItem(KEY)
  } catch {
    // as above
  }
}

/** What the daemon refused, in its own words (RFC 9457). */
export class Problem extends Error {
  /**
   * @param {number} status 0: the daemon was not reached
   * @param {Record<string, any>} document
   */
  constructor(status, document) {
    super(document.detail || document.title || `status ${status}`)
    this.status = status
    this.code = document.code ?? ''
    this.field = document.field ?? ''
    this.document = document
  }
}

/** @param {unknown} error @returns {string} */
export const said = (error) => (error instanceof Error ? error.message : String(error))

/** @param {string} path below the root @param {Record<string, string | number | undefined>} [query] */
export function addressOf(path, query = {}) {
  const url = new URL(path.replace(/^\//, ''), ROOT)
  for (const [key, value] of Object.entries(query)) if (value !== undefined && value !== '') url.searchParams.set(key, String(value))
  return url
}

/** @param {Response} response */
async function problemOf(response) {
  const text = await response.text().catch(() => '')
  try {
    const read = JSON.parse(text)
    return new Problem(response.status, { ...read, detail: read.detail ?? read.error ?? read.message ?? read.problem })
  } catch {
    return new Problem(response.status, { detail: text.slice(0, 300) || response.statusText })
  }
}

/**
 * One request; the answer as it is.
 * @param {string} method
 * @param {string} path
 * @param {{query?: Record<string, any>, body?: unknown, raw?: BodyInit, headers?: Record<string, string>, signal?: AbortSignal}} [more]
 * @returns {Promise<Response>}
 */
export async function request(method, path, { query, body, raw, headers = {}, signal } = {}) {
  const all = { ...headers, ...(token && { Authorization: `Bearer ${token}` }) }
  if (body !== undefined) Object.assign(all, { 'Content-Type': 'application/json' })
  let response
  try {
    response = await fetch(addressOf(path, query), {
      method, headers: all, signal, body: raw ?? (body === undefined ? undefined : JSON.stringify(body)),
      credentials: 'omit', cache: 'no-store', redirect: 'error',
    })
  } catch (error) {
    if (signal?.aborted) throw error
    throw new Problem(0, { detail: 'guestd does not answer' })
  }
  if (response.ok) return response
  const problem = await problemOf(response)
  if ([401, 421].includes(problem.status) || (problem.status === 403 && problem.code !== 'emulator_refused')) refusal.set(problem)
  throw problem
}

/**
 * One request; the answer's JSON.
 * @param {string} method
 * @param {string} path
 * @param {Parameters<typeof request>[2]} [more]
 * @returns {Promise<any>}
 */
export async function ask(method, path, more) {
  const response = await request(method, path, more)
  const text = await response.text()
  return text ? JSON.parse(text) : {}
}

/** A new id for a command, so that a repeated request does it once. */
export const newId = () => [...crypto.getRandomValues(new Uint8Array(12))].map((n) => n.toString(16).padStart(2, '0')).join('')
