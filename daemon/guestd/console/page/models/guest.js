/** What the API knows of one guest: its session, open or over, and the earlier ones of its name. */
import { ask, Problem } from '../api.js'

/**
 * Opens a guest session.
 * @param {string} [name] generated if left out
 */
export const openGuest = (name) => ask('POST', 'v1/sessions', { body: name ? { name } : {} })

/**
 * One that is over is known by its id only.
 * @param {string} key a name, or `~` and an id
 * @param {string} [id] where it is known
 * @returns {Promise<Record<string, any>>}
 */
export async function readSession(key, id = key.startsWith('~') ? key.slice(1) : '') {
  try {
    return await ask('GET', `v1/sessions/${encodeURIComponent(id || key)}`)
  } catch (error) {
    if (!id || !(error instanceof Problem) || error.status !== 404) throw error
    const page = await ask('GET', 'v1/sessions', { query: { ids: id, ended: 'include' } })
    if (!page.sessions.length) throw error
    return page.sessions[0]
  }
}

/** So many of the last events have what ended it, and what failed with that. */
const LAST = 100

/** How one ended: why, and how many messages were not confirmed for good. @param {{id: string, seq: number}} row */
export async function endOf({ id, seq }) {
  const { events } = await ask('GET', `v1/sessions/${encodeURIComponent(id)}/events`, { query: { after: Math.max(0, seq - LAST), limit: 2 * LAST } })
  return {
    reason: events.findLast((/** @type {any} */ one) => one.state === 'ended')?.reason ?? '',
    failed: events.filter((/** @type {any} */ one) => one.kind === 'delivery' && ['failed', 'uncertain'].includes(one.status)).length,
  }
}

/** @param {string} name @param {string} [id] of the one that is looked at @returns {Promise<Record<string, any>[]>} */
export async function earlierOf(name, id) {
  if (!name) return []
  try {
    const page = await ask('GET', 'v1/sessions', { query: { name, ended: 'only', limit: 20 } })
    return page.sessions.filter((/** @type {any} */ one) => one.session_id !== id)
  } catch {
    return [] // it is an extra
  }
}
